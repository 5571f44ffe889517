// Times and durations in words. Pure, so that tests need no clock.

const UNITS: [limit: number, divisor: number, word: string][] = [
  [60, 1, "s"],
  [3600, 60, "min"],
  [86_400, 3600, "h"],
  [Number.POSITIVE_INFINITY, 86_400, "d"],
];

/** How far `time` is from `now`, both in milliseconds: `12 s ago`, `in 3 min`, `now`. */
export function relative(time: number, now: number): string {
  const seconds = Math.round(Math.abs(now - time) / 1000);
  if (seconds < 2) return "now";
  const [, divisor, word] = UNITS.find(([limit]) => seconds < limit) as (typeof UNITS)[number];
  const span = `${Math.floor(seconds / divisor)} ${word}`;
  return time > now ? `in ${span}` : `${span} ago`;
}

/** A duration in milliseconds as people read it: `7 ms`, `1.42 s`, `3 min 05 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1000);
  const pad = (value: number) => String(value).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${pad(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${pad(Math.floor((seconds % 3600) / 60))} min`;
}

/** The time of day to the millisecond, in this browser's zone. */
export function clock(time: string): string {
  const date = new Date(time);
  const pad = (value: number, width = 2) => String(value).padStart(width, "0");
  const day = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  return `${day}.${pad(date.getMilliseconds(), 3)}`;
}

/** Day and time in full, for titles. */
export function moment(time: string): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
}
