// What the steps and services of a workspace said, step by step, followed as it comes.

import { ArrowDownToLine, ScrollText } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useWorkspaceOperations } from "@/data/queries";
import { cn } from "@/lib/cn";
import { clock } from "@/lib/time";
import { useQuery } from "@/lib/url-state";
import { Empty } from "@/parts/empty";
import { Trouble } from "@/parts/trouble";
import { followOutput, type Line, type OutputState } from "@/stream/output";
import { Ring } from "@/stream/ring";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { CopyButton } from "@/ui/copy";
import { Select } from "@/ui/input";
import { type Stick, stickAfter, useSpan } from "@/ui/virtual";
import { useShownWorkspace } from "./workspace";

const ROW = 20;
const MOST_LINES = 50_000;

export default function Logs() {
  const workspace = useShownWorkspace();
  const operations = useWorkspaceOperations(workspace.id);
  const [query, change] = useQuery();
  const step = query.get("step") ?? "";
  const operation = query.get("operation") ?? "";
  const follow = query.get("follow") !== "off";
  const { lines, state } = useOutput(workspace.id, operation, step, follow);
  const known =
    operations.data?.items.flatMap((each) =>
      operation && each.id !== operation ? [] : each.steps,
    ) ?? [];
  const steps = [...new Set([...known.map((each) => each.step), ...(step ? [step] : [])])];
  return (
    <>
      <div className="mb-3 flex flex-wrap items-center gap-2">
        <Select
          aria-label="Step"
          className="w-auto"
          value={step}
          onChange={(event) => change({ step: event.target.value }, true)}
        >
          <option value="">all steps</option>
          {steps.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </Select>
        <Select
          aria-label="Operation"
          className="w-auto"
          value={operation}
          onChange={(event) => change({ operation: event.target.value }, true)}
        >
          <option value="">all operations</option>
          {operations.data?.items.map((each) => (
            <option key={each.id} value={each.id}>
              {each.kind}, {clock(each.requested_at).slice(0, 8)}
            </option>
          ))}
        </Select>
        <label className="flex items-center gap-1.5">
          <input
            type="checkbox"
            className="size-4 accent-(--accent)"
            checked={follow}
            onChange={(event) => change({ follow: event.target.checked ? "" : "off" })}
          />
          Follow
        </label>
        <span role="status" className="ml-auto flex items-center gap-2 text-muted">
          {state.at === "waiting" && (
            <Badge tone="bad" dot>
              reconnecting
            </Badge>
          )}
          {lines.length.toLocaleString("en")} lines
          {lines.dropped > 0 && `, ${lines.dropped.toLocaleString("en")} older ones cut`}
        </span>
        <CopyButton
          text={() =>
            lines
              .all()
              .map((line) => line.text)
              .join("\n")
          }
          label="Copy the lines"
        />
      </div>
      {state.at === "refused" && <Trouble className="mb-3" problem={state.problem} />}
      {lines.length === 0 && state.at !== "refused" ? (
        <Empty icon={ScrollText} title="No output">
          {follow ? "It appears here as it comes." : "Nothing was said."}
        </Empty>
      ) : (
        <Lines lines={lines} withStep={!step} follow={follow} />
      )}
    </>
  );
}

function useOutput(workspace: string, operation: string, step: string, follow: boolean) {
  const [state, setState] = useState<OutputState>({ at: "reading" });
  const ring = useRef(new Ring<Line>(MOST_LINES));
  const [, draw] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    const lines = new Ring<Line>(MOST_LINES);
    ring.current = lines;
    let frame = 0;
    const later = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        draw((drawn) => drawn + 1);
      });
    };
    later();
    void followOutput({
      workspace,
      operation,
      step,
      follow,
      signal: stop.signal,
      onLines: (fresh) => {
        lines.push(fresh);
        later();
      },
      onState: setState,
    });
    return () => {
      stop.abort();
      cancelAnimationFrame(frame);
    };
  }, [workspace, operation, step, follow]);
  return { lines: ring.current, state };
}

const colours: Record<Line["stream"], string> = {
  stdout: "",
  stderr: "text-warn",
  system: "text-muted italic",
};

function Lines({
  lines,
  withStep,
  follow,
}: {
  lines: Ring<Line>;
  withStep: boolean;
  follow: boolean;
}) {
  const frame = useRef<HTMLDivElement>(null);
  const stick = useRef<Stick>({ stuck: true, top: 0 });
  const [away, setAway] = useState(false);
  const [span] = useSpan(frame, ROW, lines.length);
  const height = lines.length * ROW;
  const toEnd = () => {
    stick.current = { ...stick.current, stuck: true };
    frame.current?.scrollTo({ top: frame.current.scrollHeight });
  };
  useEffect(() => {
    if (follow && stick.current.stuck) toEnd();
  });
  const shown = Array.from({ length: span.end - span.first }, (_, at) => lines.at(span.first + at));
  return (
    <div className="relative">
      <div
        ref={frame}
        role="log"
        aria-label="Output"
        tabIndex={0}
        onScroll={({ currentTarget }) => {
          stick.current = stickAfter(stick.current, currentTarget);
          setAway(!stick.current.stuck);
        }}
        className="scroll-thin h-[62dvh] overflow-auto rounded-md border border-border bg-raised font-mono text-xs"
      >
        <div className="relative min-w-full" style={{ height }}>
          <div className="absolute min-w-full" style={{ top: span.first * ROW }}>
            {shown.map(
              (line) =>
                line && (
                  <div
                    key={line.key}
                    className="flex h-5 gap-3 px-3 leading-5 whitespace-pre hover:bg-surface"
                  >
                    <span className="text-muted select-none" title={line.at}>
                      {clock(line.at)}
                    </span>
                    {withStep && (
                      <span className="w-24 shrink-0 truncate text-muted select-none">
                        {line.step}
                      </span>
                    )}
                    <span className={cn(colours[line.stream])}>{line.text}</span>
                  </div>
                ),
            )}
          </div>
        </div>
      </div>
      {follow && away && (
        <Button size="sm" className="absolute right-4 bottom-4 shadow-md" onClick={toEnd}>
          <ArrowDownToLine aria-hidden /> Newest
        </Button>
      )}
    </div>
  );
}
