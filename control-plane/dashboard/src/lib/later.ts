// Views that are fetched when they are first looked at.
//
// A browser never asks again for a module that did not come once (whatwg/html#6768): a network
// that changed under it (engines make and remove interfaces all the time), or a server that was
// upgraded under an open page, would leave the view unreachable. Only a new page asks again, and
// everything a page shows is in its address: so the page is loaded anew, once.

import { type ComponentType, lazy } from "react";

const KEY = "nexus-loaded-anew";
/** How soon after one another two failures are one trouble that a new page does not mend. */
const AGAIN_MS = 10_000;

/** The view that `load` brings. */
export function later(load: () => Promise<{ default: ComponentType }>) {
  return lazy(() =>
    load().catch((error: unknown) => {
      if (!mayLoadAnew(sessionStorage, Date.now())) throw error;
      window.location.reload();
      return new Promise<never>(() => {});
    }),
  );
}

/** Whether a page that lacks a module is to be loaded anew; it is told to nobody twice. */
export function mayLoadAnew(kept: Pick<Storage, "getItem" | "setItem">, now: number): boolean {
  const last = Number(kept.getItem(KEY) ?? 0);
  if (now - last < AGAIN_MS) return false;
  kept.setItem(KEY, String(now));
  return true;
}
