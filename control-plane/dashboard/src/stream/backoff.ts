// How long to wait before the next try: doubling, bounded, and spread so that many pages do not
// come back at the same moment.

const FIRST_MS = 250;
const MOST_MS = 15_000;

/** Milliseconds before try number `attempt` (the first is 0). `spread` is a figure in [0, 1). */
export function backoff(attempt: number, spread: number): number {
  const ceiling = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling / 2 + (ceiling / 2) * spread);
}
