// The past of a workspace: a slider over its own events, and its state as of each.

import { ChevronLeft, ChevronRight, Diff } from "lucide-react";
import { useDeferredValue } from "react";
import { Link } from "react-router";
import type { EventView, WorkspaceView } from "@/api/types";
import { useWorkspaceAt, useWorkspaceEvents } from "@/data/queries";
import { cn } from "@/lib/cn";
import { difference, fieldsOf, shown } from "@/lib/diff";
import { clock, moment } from "@/lib/time";
import { useQuery } from "@/lib/url-state";
import { Loaded } from "@/parts/loaded";
import { Section } from "@/parts/page";
import { WorkspaceBadge } from "@/parts/standing";
import { nameOf, ownEvents, payloadOf, summaryOf } from "@/stream/told";
import { Button } from "@/ui/button";
import { useShownWorkspace } from "./workspace";

export default function History() {
  const workspace = useShownWorkspace();
  const events = useWorkspaceEvents(workspace.id);
  return (
    <Loaded of={events} what="events">
      {(all) =>
        all.length > 0 ? (
          <Slider workspace={workspace} events={ownEvents(all, workspace.id)} />
        ) : (
          <p>Nothing happened yet.</p>
        )
      }
    </Loaded>
  );
}

/** The event of the address, or the one before it, or the newest. */
function chosenIndex(events: EventView[], at: number): number {
  if (!at) return events.length - 1;
  const found = events.findLastIndex((view) => view.sequence <= at);
  return Math.max(0, found);
}

function Slider({ workspace, events }: { workspace: WorkspaceView; events: EventView[] }) {
  const [query, change] = useQuery();
  const index = chosenIndex(events, Number(query.get("at") ?? 0));
  const view = events[index] as EventView;
  const before = events[index - 1];
  const go = (to: number) =>
    change({ at: String(events[Math.max(0, Math.min(events.length - 1, to))]?.sequence ?? "") });
  const says = `${nameOf(view.event.type)} ${summaryOf(payloadOf(view.event.data))}`;
  return (
    <>
      <div className="mb-5 rounded-md border border-border bg-raised p-3">
        <div className="flex items-center gap-2">
          <Button
            size="icon-sm"
            aria-label="Event before"
            disabled={index === 0}
            onClick={() => go(index - 1)}
          >
            <ChevronLeft aria-hidden />
          </Button>
          <input
            type="range"
            aria-label="Event"
            aria-valuetext={`Event ${index + 1} of ${events.length}: ${says}, ${moment(view.event.time)}`}
            className="h-6 min-w-0 flex-1 accent-(--accent)"
            min={0}
            max={events.length - 1}
            value={index}
            onChange={(event) => go(Number(event.target.value))}
          />
          <Button
            size="icon-sm"
            aria-label="Event after"
            disabled={index === events.length - 1}
            onClick={() => go(index + 1)}
          >
            <ChevronRight aria-hidden />
          </Button>
        </div>
        <div className="mt-2 flex flex-wrap items-baseline gap-x-3">
          <span className="text-muted">
            {index + 1} of {events.length} · event {view.sequence} ·{" "}
            <time dateTime={view.event.time}>{clock(view.event.time)}</time>
          </span>
          <b className="font-semibold">{nameOf(view.event.type)}</b>
          <span className="min-w-0 truncate text-muted">
            {summaryOf(payloadOf(view.event.data))}
          </span>
        </div>
      </div>
      <State workspace={workspace} at={view.sequence} before={before?.sequence} />
    </>
  );
}

function State({
  workspace,
  at,
  before,
}: {
  workspace: WorkspaceView;
  at: number;
  before: number | undefined;
}) {
  // While the slider moves the last state stays; each stop on the way is not waited for.
  const sequence = useDeferredValue(at);
  const state = useWorkspaceAt(workspace.id, sequence);
  return (
    <Loaded of={state} what="the state">
      {(then) => (
        <Section
          title="As it was then"
          actions={
            <Button asChild size="sm">
              <Link to={`/workspaces/${workspace.id}/difference?from=${sequence}`}>
                <Diff aria-hidden /> Compare with now
              </Link>
            </Button>
          }
        >
          <p className="mb-2 flex items-center gap-2">
            <WorkspaceBadge workspace={then} />
            <span className="text-muted">Marked: what this event changed.</span>
          </p>
          {before === undefined ? (
            <Fields state={then} previous={{}} />
          ) : (
            <Against workspace={workspace.id} state={then} before={before} />
          )}
        </Section>
      )}
    </Loaded>
  );
}

function Against({
  workspace,
  state,
  before,
}: {
  workspace: string;
  state: WorkspaceView;
  before: number;
}) {
  const previous = useWorkspaceAt(workspace, before);
  return <Fields state={state} previous={previous.data ?? state} />;
}

function Fields({ state, previous }: { state: WorkspaceView; previous: unknown }) {
  const changed = new Set(difference(previous, state).map((change) => change.path));
  return (
    <dl className="grid gap-px rounded-md border border-border bg-raised py-1 font-mono text-xs">
      {fieldsOf(state).map(({ path, after }) => (
        <div
          key={path}
          className={cn(
            "grid gap-x-3 px-3 py-0.5 wrap-anywhere sm:grid-cols-[16rem_minmax(0,1fr)]",
            changed.has(path) && "bg-accent-soft",
          )}
        >
          <dt className="text-muted">
            {path}
            {changed.has(path) && <span className="sr-only"> (changed)</span>}
          </dt>
          <dd>{shown(after)}</dd>
        </div>
      ))}
    </dl>
  );
}
