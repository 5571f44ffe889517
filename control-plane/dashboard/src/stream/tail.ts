// One tail of the log, kept open: after each disconnection it goes on at the last sequence seen, and
// drops what it has seen already. Two races are harmless: an event told twice around a reconnection
// is dropped by its sequence; a tail closed while it connects is told by its signal.

import { ask } from "@/api/request";
import { Refused } from "@/api/refused";
import { backoff } from "./backoff";
import { beginningAfter, type Contiguity, resumed, take } from "./contiguity";
import { SseParser } from "./sse";
import { type Told, told } from "./told";

export type TailState =
  | { at: "connecting" }
  | { at: "reading" }
  | { at: "live" }
  | { at: "waiting"; until: number; attempt: number; reason: string }
  | { at: "refused"; refused: Refused };

export interface TailOptions {
  path: string;
  query: Record<string, string>;
  /** Only what comes after this sequence. */
  after: number;
  onEvents(events: Told[], known: Contiguity): void;
  onState(state: TailState, known: Contiguity): void;
}

/** The server sends a sign of life every 15 s; without any for this long the connection is dead. */
const SILENCE_MS = 40_000;

export class Tail {
  private known: Contiguity;
  private readonly stop = new AbortController();
  private readonly options: TailOptions;
  private attempt = 0;
  private hurry: () => void = () => {};

  constructor(options: TailOptions) {
    this.options = options;
    this.known = beginningAfter(options.after);
    void this.run();
  }

  close(): void {
    this.stop.abort();
    this.hurry();
  }

  /** Tries now instead of waiting on. */
  retry(): void {
    this.hurry();
  }

  private tell(state: TailState): void {
    if (!this.stop.signal.aborted) this.options.onState(state, this.known);
  }

  private async run(): Promise<void> {
    while (!this.stop.signal.aborted) {
      let reason = "the connection was closed";
      try {
        this.tell({ at: "connecting" });
        reason = await this.readOnce();
      } catch (error) {
        if (error instanceof Refused && error.problem.status >= 400 && error.problem.status < 500) {
          if (error.problem.status !== 429) return this.tell({ at: "refused", refused: error });
        }
        if (error instanceof Error) reason = error.message;
      }
      if (this.stop.signal.aborted) return;
      const wait = backoff(this.attempt++, Math.random());
      this.tell({ at: "waiting", until: Date.now() + wait, attempt: this.attempt, reason });
      await this.pause(wait);
      this.known = resumed(this.known);
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private async readOnce(): Promise<string> {
    const dead = new AbortController();
    const signal = AbortSignal.any([this.stop.signal, dead.signal]);
    const { path, query } = this.options;
    const after = String(this.known.last);
    const response = await ask(path, {
      query: { ...query, after },
      accept: "text/event-stream",
      headers: { "last-event-id": after },
      signal,
    });
    this.tell({ at: "reading" });
    const reader = (response.body ?? new ReadableStream()).getReader();
    const decoder = new TextDecoder();
    const parser = new SseParser();
    let watchdog = setTimeout(() => dead.abort(), SILENCE_MS);
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return "the server closed the connection";
        clearTimeout(watchdog);
        watchdog = setTimeout(() => dead.abort(), SILENCE_MS);
        const closed = this.take(parser.push(decoder.decode(value, { stream: true })));
        if (closed) return closed;
      }
    } finally {
      clearTimeout(watchdog);
      dead.abort();
    }
  }

  /** Takes messages in; gives the reason when they say that the tail ends. */
  private take(messages: ReturnType<SseParser["push"]>): string | undefined {
    const fresh: Told[] = [];
    let live = false;
    let closed: string | undefined;
    for (const message of messages) {
      if (message.event === "caught_up") live = true;
      else if (message.event === "closed") closed = reasonIn(message.data);
      else if (message.id !== undefined) {
        const taken = take(this.known, Number(message.id));
        this.known = taken.known;
        if (taken.fresh) fresh.push(told(message.data));
      }
    }
    if (fresh.length > 0 && !this.stop.signal.aborted) this.options.onEvents(fresh, this.known);
    if (live || fresh.length > 0) this.attempt = 0;
    if (live) this.tell({ at: "live" });
    return closed;
  }
}

function reasonIn(data: string): string {
  try {
    return String((JSON.parse(data) as { reason?: unknown }).reason ?? "the server ended it");
  } catch {
    return "the server ended it";
  }
}
