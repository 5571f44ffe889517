// A refusal as people read it: what is wrong, and the next command to type.

import { CircleAlert, RefreshCw } from "lucide-react";
import type { Problem } from "@/api/types";
import { cn } from "@/lib/cn";
import { Button } from "@/ui/button";
import { CopyButton } from "@/ui/copy";

/** The first command a hint names between backquotes, or the hint itself where it is one. */
export function commandIn(hint: string): string | undefined {
  const quoted = /`([^`]+)`/.exec(hint);
  if (quoted) return quoted[1];
  return /^(nexus|nexusd|\.\/dev)\b/.test(hint) ? hint : undefined;
}

interface Props {
  problem: Pick<Problem, "title" | "detail" | "hint" | "trace_id" | "errors">;
  onRetry?: () => void;
  className?: string;
}

export function Trouble({ problem, onRetry, className }: Props) {
  const command = problem.hint ? commandIn(problem.hint) : undefined;
  return (
    <div
      role="alert"
      className={cn("rounded-md border border-bad/40 bg-bad-soft px-4 py-3", className)}
    >
      <div className="flex items-start gap-2.5">
        <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-bad" />
        <div className="min-w-0 flex-1 wrap-anywhere">
          <p className="font-semibold">{problem.title}</p>
          <p className="mt-0.5">
            <Words text={problem.detail} />
          </p>
          {problem.errors && problem.errors.length > 1 && (
            <ul className="mt-1 list-disc pl-4">
              {problem.errors.map((error) => (
                <li key={error.field}>
                  <code>{error.field}</code>: {error.cause}
                </li>
              ))}
            </ul>
          )}
          {problem.hint && (
            <p className="mt-2 flex flex-wrap items-center gap-1">
              <span>
                What to do: <Words text={problem.hint} />
              </span>
              {command && <CopyButton text={command} label="Copy the command" />}
            </p>
          )}
          {problem.trace_id && (
            <p className="mt-1 text-2xs text-muted">
              Trace <code>{problem.trace_id}</code>
            </p>
          )}
        </div>
        {onRetry && (
          <Button size="sm" onClick={onRetry}>
            <RefreshCw aria-hidden /> Try again
          </Button>
        )}
      </div>
    </div>
  );
}

/** A sentence with what stands between backquotes as code. */
function Words({ text }: { text: string }) {
  if (commandIn(text) === text) return <code>{text}</code>;
  return text
    .split("`")
    .map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part));
}
