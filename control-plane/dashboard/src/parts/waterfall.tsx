// The steps of an operation as bars on one time axis; the current one grows.

import type { OperationView, StepView } from "@/api/types";
import { cn } from "@/lib/cn";
import { useFastNow } from "@/lib/now";
import { duration } from "@/lib/time";
import { operationWord } from "./tone";
import { marks, waterfall } from "./waterfall-layout";

const colours: Record<StepView["state"], string> = {
  in_flight: "bg-busy",
  succeeded: "bg-good/75",
  failed: "bg-bad",
  superseded: "bg-border-strong",
};

const percent = (part: number, whole: number) => `${(100 * part) / whole}%`;

export function Waterfall({ operation }: { operation: OperationView }) {
  const now = useFastNow(operation.state === "in_flight");
  const { bars, total } = waterfall(operation, now);
  if (bars.length === 0) {
    return (
      <p className="text-muted">
        {operation.state === "in_flight"
          ? "Waiting for a worker to take it."
          : "No step of it began."}
      </p>
    );
  }
  return (
    <div className="grid gap-x-3 text-sm sm:grid-cols-[8.5rem_minmax(0,1fr)_4.5rem]">
      <Axis total={total} />
      <ol aria-label="Steps" className="contents">
        {bars.map(({ step, offset, length, growing }) => (
          <li
            key={`${step.step}-${step.started_at}`}
            className="col-span-full grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-3 border-t border-border/60 py-1 sm:grid-cols-subgrid"
          >
            <span className="truncate">
              {step.step}
              <span className="sr-only">
                : {operationWord[step.state]}
                {step.failure && `: ${step.failure.cause}`}
              </span>
            </span>
            <span className="relative order-last col-span-full h-3.5 sm:order-none sm:col-span-1">
              <span
                className={cn(
                  "absolute inset-y-0 min-w-0.5 rounded-sm",
                  colours[step.state],
                  growing && "motion-safe:animate-pulse",
                )}
                style={{ left: percent(offset, total), width: percent(length, total) }}
              />
              <Detail step={step} at={(offset + length) / total} start={offset / total} />
            </span>
            <span className="text-right whitespace-nowrap text-muted">{duration(length)}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** What came out of a step, on whichever side of its bar there is room. */
function Detail({ step, at, start }: { step: StepView; at: number; start: number }) {
  const text = step.failure?.cause ?? step.detail;
  if (!text) return null;
  const side = at < 0.6 ? { left: percent(at, 1) } : { right: percent(1 - start, 1) };
  return (
    <span
      aria-hidden={step.failure != null}
      title={text}
      className={cn(
        "absolute inset-y-0 max-w-[60%] truncate px-2 text-2xs leading-3.5",
        step.failure ? "text-bad" : "text-muted",
      )}
      style={side}
    >
      {text}
    </span>
  );
}

function Axis({ total }: { total: number }) {
  return (
    <div aria-hidden className="col-start-2 hidden h-5 text-2xs text-muted sm:block">
      <div className="relative">
        {marks(total).map((mark) => (
          <span
            key={mark}
            className="absolute whitespace-nowrap"
            style={{ left: percent(mark, total) }}
          >
            {mark === 0 ? "0" : duration(mark)}
          </span>
        ))}
      </div>
    </div>
  );
}
