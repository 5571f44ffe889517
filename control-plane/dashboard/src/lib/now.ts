// One clock for every figure on the page that grows, so that they move together and stop with it.

import { useSyncExternalStore } from "react";

function ticker(everyMs: number) {
  const listeners = new Set<() => void>();
  let now = Date.now();
  let timer: ReturnType<typeof setInterval> | undefined;
  const tick = () => {
    now = Date.now();
    for (const listener of listeners) listener();
  };
  return {
    read: () => now,
    subscribe: (listener: () => void) => {
      if (listeners.size === 0) {
        now = Date.now();
        timer = setInterval(tick, everyMs);
      }
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) clearInterval(timer);
      };
    },
  };
}

const slow = ticker(1000);
const fast = ticker(100);

/** Now, in milliseconds, once a second. */
export function useNow(): number {
  return useSyncExternalStore(slow.subscribe, slow.read);
}

/** Now, ten times a second while `running`: for bars that grow. */
export function useFastNow(running: boolean): number {
  const source = running ? fast : slow;
  return useSyncExternalStore(source.subscribe, source.read);
}
