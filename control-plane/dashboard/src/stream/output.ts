// What steps and services say, followed: after a disconnection it goes on after the last piece seen.

import { workspaces } from "@/api/calls";
import { problemOf, Refused } from "@/api/refused";
import { ask } from "@/api/request";
import type { OutputView, Problem } from "@/api/types";
import { backoff } from "./backoff";
import { NdjsonParser } from "./ndjson";

/** A line of output. */
export interface Line {
  key: string;
  at: string;
  step: string;
  stream: OutputView["stream"];
  text: string;
}

export type OutputState =
  | { at: "reading" }
  | { at: "ended" }
  | { at: "waiting"; problem: Problem }
  | { at: "refused"; problem: Problem };

interface Wanted {
  workspace: string;
  operation: string;
  step: string;
  follow: boolean;
  signal: AbortSignal;
  onLines(lines: Line[]): void;
  onState(state: OutputState): void;
}

// Colours and cursor movements of programs that thought they had a terminal.
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is about control characters.
const ESCAPES = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-_])/g;

/** A piece of output in lines, as text alone. */
export function linesOf({ sequence, at, step, stream, text }: OutputView): Line[] {
  const plain = text.replace(ESCAPES, "").replace(/\n$/, "");
  return plain.split("\n").map((line, index) => ({
    key: `${sequence}.${index}`,
    at,
    step,
    stream,
    // A program that redraws its line means the last of what it drew.
    text: line.replace(/\r$/, "").split("\r").pop() ?? "",
  }));
}

export async function followOutput(wanted: Wanted): Promise<void> {
  const { signal, onState } = wanted;
  let since = 0;
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      const before = since;
      onState({ at: "reading" });
      since = await readOnce(wanted, since);
      if (!wanted.follow) return onState({ at: "ended" });
      if (since > before) attempt = 0;
    } catch (error) {
      if (signal.aborted) return;
      const problem = problemOf(error);
      const final = error instanceof Refused && problem.status >= 400 && problem.status < 500;
      onState({ at: final ? "refused" : "waiting", problem });
      if (final) return;
    }
    await new Promise((resolve) => setTimeout(resolve, backoff(attempt, Math.random())));
  }
}

async function readOnce(wanted: Wanted, since: number): Promise<number> {
  const { workspace, operation, step, follow, signal } = wanted;
  const response = await ask(workspaces.logsPath(workspace), {
    query: { follow, operation, step, since: since || undefined },
    accept: "application/x-ndjson",
    signal,
  });
  const reader = (response.body ?? new ReadableStream()).getReader();
  const decoder = new TextDecoder();
  const parser = new NdjsonParser<OutputView>();
  let last = since;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return last;
    const pieces = parser.push(decoder.decode(value, { stream: true }));
    const fresh = pieces.filter((piece) => piece.sequence > last);
    last = fresh.at(-1)?.sequence ?? last;
    if (fresh.length > 0) wanted.onLines(fresh.flatMap(linesOf));
  }
}
