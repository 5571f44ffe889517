// Values kept in the query of the address, so that a reload or a link shows the same.

import { useCallback } from "react";
import { useSearchParams } from "react-router";

/** Sets (or, with "", removes) parts of the query. Typing replaces; choosing makes a step to go back. */
export function useQuery(): [
  URLSearchParams,
  (change: Record<string, string>, step?: boolean) => void,
] {
  const [parameters, setParameters] = useSearchParams();
  const change = useCallback(
    (change: Record<string, string>, step = false) =>
      setParameters(
        (before) => {
          const after = new URLSearchParams(before);
          for (const [name, value] of Object.entries(change)) {
            if (value) after.set(name, value);
            else after.delete(name);
          }
          return after;
        },
        { replace: !step, preventScrollReset: true },
      ),
    [setParameters],
  );
  return [parameters, change];
}

/** The dialog the address names, and what it is about. */
export function useDialog() {
  const [parameters, change] = useQuery();
  const open = useCallback((dialog: string, of = "") => change({ dialog, of }, true), [change]);
  const close = useCallback(() => change({ dialog: "", of: "" }), [change]);
  return { dialog: parameters.get("dialog") ?? "", of: parameters.get("of") ?? "", open, close };
}
