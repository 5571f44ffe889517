// Where each step of an operation stands on its time axis. Pure; the current step grows with `now`.

import type { OperationView, StepView } from "@/api/types";

export interface Bar {
  step: StepView;
  /** Milliseconds after the operation was accepted. */
  offset: number;
  /** Milliseconds it took, or has taken so far. */
  length: number;
  growing: boolean;
}

export interface Waterfall {
  bars: Bar[];
  /** Milliseconds the axis covers. */
  total: number;
}

type Timed = Pick<OperationView, "requested_at" | "ended_at" | "duration_ms" | "steps" | "state">;

export function waterfall(operation: Timed, now: number): Waterfall {
  const began = Date.parse(operation.requested_at);
  const ended = operation.ended_at ? Date.parse(operation.ended_at) : undefined;
  const bars = operation.steps.map((step) => {
    const start = Date.parse(step.started_at);
    const growing = step.state === "in_flight" && operation.state === "in_flight";
    const until = growing ? now : (ended ?? now);
    const length = step.duration_ms ?? Math.max(0, until - start);
    return { step, offset: Math.max(0, start - began), length, growing };
  });
  const spent = operation.duration_ms ?? Math.max(0, (ended ?? now) - began);
  const total = Math.max(1, spent, ...bars.map((bar) => bar.offset + bar.length));
  return { bars, total };
}

/** Round places for the marks of an axis: at most six, in steps of 1, 2 or 5. */
export function marks(total: number): number[] {
  const rough = total / 5;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
  const step = [1, 2, 5, 10].map((by) => by * power).find((by) => by >= rough) ?? total;
  const found: number[] = [];
  for (let at = 0; at <= total && found.length < 7; at += step) found.push(at);
  return found;
}
