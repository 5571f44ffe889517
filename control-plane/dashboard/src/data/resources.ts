// Answers of the server, kept by a key while a page shows them, and asked for again when an event
// makes them old. One request a key at a time: an event during a request leads to one more after it.

import { problemOf } from "@/api/refused";
import type { Problem } from "@/api/types";
import type { Topic } from "./topics";

export interface Held<T> {
  /** The last good answer, also while a newer one is asked for or was refused. */
  data: T | undefined;
  problem: Problem | undefined;
  loading: boolean;
}

interface Entry {
  held: Held<unknown>;
  topics: readonly Topic[];
  load: (signal: AbortSignal) => Promise<unknown>;
  listeners: Set<() => void>;
  running: AbortController | undefined;
  again: boolean;
  lastAsked: number;
  pacing: ReturnType<typeof setTimeout> | undefined;
  forgetting: ReturnType<typeof setTimeout> | undefined;
}

/** The least time between two requests of one key: events come in bursts. */
const PACE_MS = 200;
/** How long an answer nobody shows is kept. */
const KEEP_MS = 60_000;

const entries = new Map<string, Entry>();
export const empty: Held<never> = { data: undefined, problem: undefined, loading: true };

export function watch<T>(
  key: string,
  topics: readonly Topic[],
  load: (signal: AbortSignal) => Promise<T>,
  listener: () => void,
): () => void {
  const entry = entries.get(key) ?? fresh(topics, load);
  entries.set(key, entry);
  entry.load = load;
  entry.topics = topics;
  entry.listeners.add(listener);
  clearTimeout(entry.forgetting);
  refresh(key, entry);
  return () => {
    entry.listeners.delete(listener);
    if (entry.listeners.size === 0) entry.forgetting = setTimeout(() => forget(key), KEEP_MS);
  };
}

export function held<T>(key: string): Held<T> {
  return (entries.get(key)?.held ?? empty) as Held<T>;
}

/** Asks again for what is shown of these topics; without any, for everything. */
export function invalidate(topics?: ReadonlySet<Topic>): void {
  for (const [key, entry] of entries) {
    if (topics && !entry.topics.some((topic) => topics.has(topic))) continue;
    if (entry.listeners.size > 0) refresh(key, entry);
    else entry.lastAsked = 0;
  }
}

/** Asks again for one key. */
export function reload(key: string): void {
  const entry = entries.get(key);
  if (entry) refresh(key, entry);
}

/** Forgets everything: another person signs in. */
export function forgetAll(): void {
  for (const key of [...entries.keys()]) forget(key);
}

function fresh(topics: readonly Topic[], load: Entry["load"]): Entry {
  return {
    held: empty,
    topics,
    load,
    listeners: new Set(),
    running: undefined,
    again: false,
    lastAsked: 0,
    pacing: undefined,
    forgetting: undefined,
  };
}

function forget(key: string): void {
  const entry = entries.get(key);
  entry?.running?.abort();
  clearTimeout(entry?.pacing);
  clearTimeout(entry?.forgetting);
  entries.delete(key);
}

function refresh(key: string, entry: Entry): void {
  if (entry.running || entry.pacing) {
    entry.again = true;
    return;
  }
  const wait = entry.lastAsked + PACE_MS - Date.now();
  if (wait > 0) {
    entry.pacing = setTimeout(() => {
      entry.pacing = undefined;
      void ask(key, entry);
    }, wait);
    return;
  }
  void ask(key, entry);
}

async function ask(key: string, entry: Entry): Promise<void> {
  const running = new AbortController();
  entry.running = running;
  entry.again = false;
  entry.lastAsked = Date.now();
  if (!entry.held.data) put(entry, { ...entry.held, loading: true });
  try {
    const data = await entry.load(running.signal);
    if (!running.signal.aborted) put(entry, { data, problem: undefined, loading: false });
  } catch (error) {
    if (running.signal.aborted) return;
    put(entry, { data: entry.held.data, problem: problemOf(error), loading: false });
  }
  entry.running = undefined;
  if (entry.again && entries.get(key) === entry) refresh(key, entry);
}

function put(entry: Entry, next: Held<unknown>): void {
  entry.held = next;
  for (const listener of [...entry.listeners]) listener();
}
