// A kept answer in a component: what there is, whether it loads, why it was refused.

import { useCallback, useEffect, useRef, useSyncExternalStore } from "react";
import { type Held, held, reload, watch } from "./resources";
import type { Topic } from "./topics";

export interface Resource<T> extends Held<T> {
  reload(): void;
}

export function useResource<T>(
  key: string,
  topics: readonly Topic[],
  load: (signal: AbortSignal) => Promise<T>,
): Resource<T> {
  const latest = useRef(load);
  latest.current = load;
  const about = topics.join(" ");
  const subscribe = useCallback(
    (listener: () => void) =>
      watch(key, about.split(" ").filter(Boolean), (signal) => latest.current(signal), listener),
    [key, about],
  );
  const now = useSyncExternalStore(subscribe, () => held<T>(key));
  const again = useCallback(() => reload(key), [key]);
  return { ...now, reload: again };
}

/** Asks again every so often while the page is looked at: for what no event tells. */
export function useRefresh(again: () => void, everyMs: number): void {
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && again(), everyMs);
    return () => clearInterval(timer);
  }, [again, everyMs]);
}
