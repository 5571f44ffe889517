// A live tail in a component: the events kept, how the connection fares, and how whole it is. It is
// drawn at most once a frame, however fast events come.

import { useEffect, useRef, useState } from "react";
import { events, server } from "@/api/calls";
import { problemOf } from "@/api/refused";
import type { Problem } from "@/api/types";
import { backoff } from "@/stream/backoff";
import { type Contiguity, nothingYet } from "@/stream/contiguity";
import { Tail, type TailState } from "@/stream/tail";
import { TailBuffer } from "./buffer";
import { type Chips, pageFilter, serverQuery } from "./chips";

export interface LiveTail {
  buffer: TailBuffer;
  state: TailState;
  known: Contiguity;
  problem: Problem | undefined;
  retry(): void;
}

interface Now {
  buffer: TailBuffer;
  state: TailState;
  known: Contiguity;
  /** There once it is known where it begins. */
  tail?: Tail;
  /** Asks where that is. */
  begin?(): void;
}

/** `newest`: how many of the events there are already; nothing: all of them. */
export function useTail(chips: Chips, newest: number | undefined): LiveTail {
  const query = JSON.stringify(serverQuery(chips));
  const [, draw] = useState(0);
  const [problem, setProblem] = useState<Problem>();
  const now = useRef<Now>({
    buffer: new TailBuffer(),
    state: { at: "connecting" },
    known: nothingYet,
  });
  useEffect(() => {
    const stop = new AbortController();
    const buffer = new TailBuffer();
    now.current = { buffer, state: { at: "connecting" }, known: nothingYet };
    const mine = now.current;
    let frame = 0;
    let attempt = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const later = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        draw((drawn) => drawn + 1);
      });
    };
    const begin = (after: number) => {
      if (stop.signal.aborted) return;
      setProblem(undefined);
      mine.tail = new Tail({
        path: events.path,
        query: JSON.parse(query) as Record<string, string>,
        after,
        onEvents: (fresh, known) => {
          buffer.push(fresh);
          mine.known = known;
          later();
        },
        onState: (state, known) => {
          mine.state = state;
          mine.known = known;
          later();
        },
      });
    };
    mine.begin = () => {
      clearTimeout(timer);
      beginningOf(newest, stop.signal).then(begin, (error: unknown) => {
        if (stop.signal.aborted) return;
        setProblem(problemOf(error));
        timer = setTimeout(() => mine.begin?.(), backoff(attempt++, Math.random()));
      });
    };
    setProblem(undefined);
    mine.begin();
    return () => {
      stop.abort();
      clearTimeout(timer);
      mine.tail?.close();
      cancelAnimationFrame(frame);
    };
  }, [query, newest]);

  const { buffer, state, known, tail, begin } = now.current;
  const filter = JSON.stringify([chips.actor, chips.text]);
  const filtered = useRef<[TailBuffer, string] | undefined>(undefined);
  if (filtered.current?.[0] !== buffer || filtered.current[1] !== filter) {
    buffer.filter(pageFilter(chips));
    filtered.current = [buffer, filter];
  }
  return { buffer, state, known, problem, retry: () => (tail ? tail.retry() : begin?.()) };
}

async function beginningOf(newest: number | undefined, signal: AbortSignal): Promise<number> {
  if (newest === undefined) return 0;
  const { sequence } = await server.health(signal);
  return Math.max(0, sequence - newest);
}
