// The one tail behind every page: it tells how fresh the page is, and which answers are old now.
//
// A page nobody looks at closes it after a while, since a browser opens only six connections to one
// server; when the page is looked at again it goes on where it was, or, when too much happened in
// between, begins at the newest event and asks for everything again.

import { events, server } from "@/api/calls";
import { problemOf } from "@/api/refused";
import type { HealthView } from "@/api/types";
import { Tail, type TailState } from "@/stream/tail";
import type { Told } from "@/stream/told";
import { invalidate } from "./resources";
import { store } from "./store";
import { type Topic, topicsOf } from "./topics";

export interface Live {
  state: TailState | { at: "off" };
  /** The newest event seen; 0: none yet. */
  sequence: number;
  health: HealthView | undefined;
}

const HIDDEN_MS = 60_000;
const HEALTH_MS = 15_000;
/** After more events than these, everything is asked for anew instead. */
const MOST_MISSED = 1_000;

export const live = store<Live>({ state: { at: "off" }, sequence: 0, health: undefined });

let tail: Tail | undefined;
let hiding: ReturnType<typeof setTimeout> | undefined;
let looking: ReturnType<typeof setInterval> | undefined;

/** Follows the log until the answer is called. */
export function follow(): () => void {
  const seen = () => (document.visibilityState === "visible" ? wake() : sleepSoon());
  document.addEventListener("visibilitychange", seen);
  window.addEventListener("online", retryNow);
  looking = setInterval(() => tail && void askHealth(), HEALTH_MS);
  void open();
  return () => {
    document.removeEventListener("visibilitychange", seen);
    window.removeEventListener("online", retryNow);
    clearInterval(looking);
    close();
    live.write({ state: { at: "off" }, sequence: 0, health: undefined });
  };
}

export function retryNow(): void {
  if (tail) tail.retry();
  else void open();
}

function wake(): void {
  clearTimeout(hiding);
  if (!tail) void open();
}

function sleepSoon(): void {
  clearTimeout(hiding);
  hiding = setTimeout(close, HIDDEN_MS);
}

function close(): void {
  clearTimeout(hiding);
  tail?.close();
  tail = undefined;
}

async function open(): Promise<void> {
  const health = await askHealth();
  if (tail || document.visibilityState === "hidden") return;
  const { sequence } = live.read();
  const newest = health?.sequence ?? sequence;
  const jump = sequence === 0 || newest - sequence > MOST_MISSED || newest < sequence;
  if (jump && sequence !== 0) invalidate();
  if (jump) live.write((before) => ({ ...before, sequence: newest }));
  tail = new Tail({
    path: events.path,
    query: {},
    after: live.read().sequence,
    onEvents: take,
    onState: (state, known) => {
      live.write((before) => ({
        ...before,
        state,
        sequence: Math.max(before.sequence, known.last),
      }));
    },
  });
}

function take(told: Told[]): void {
  const topics = new Set<Topic>(told.flatMap(topicsOf));
  const last = told[told.length - 1];
  if (last) live.write((before) => ({ ...before, sequence: last.sequence }));
  invalidate(topics);
}

async function askHealth(): Promise<HealthView | undefined> {
  try {
    const health = await server.health();
    live.write((before) => ({ ...before, health }));
    return health;
  } catch (error) {
    if (problemOf(error).status === 0) live.write((before) => ({ ...before, health: undefined }));
    return undefined;
  }
}
