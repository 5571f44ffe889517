// One event in full: its envelope as facts, what it says as JSON, and where it leads.

import { Link } from "react-router";
import type { EventView } from "@/api/types";
import { clock, moment } from "@/lib/time";
import { nameOf } from "@/stream/told";
import { CopyButton } from "@/ui/copy";
import { Fact, Facts } from "./facts";

export function EventDetail({ view }: { view: EventView }) {
  const { event, sequence } = view;
  const workspace = event.subject.startsWith("ws-") ? event.subject : undefined;
  const json = JSON.stringify(view, null, 2);
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-3">
      <Facts>
        <Fact name="Sequence">{sequence}</Fact>
        <Fact name="Type">{nameOf(event.type)}</Fact>
        <Fact name="Time">
          <time dateTime={event.time} title={moment(event.time)}>
            {clock(event.time)}
          </time>
        </Fact>
        <Fact name="Subject">
          {workspace ? (
            <Link className="link" to={`/workspaces/${workspace}`}>
              {workspace}
            </Link>
          ) : (
            event.subject
          )}
        </Fact>
        {event.actor && <Fact name="Actor">{event.actor}</Fact>}
        {event.correlationid && (
          <Fact name="Request">
            {workspace ? (
              <Link
                className="link"
                to={`/workspaces/${workspace}/causes?request=${event.correlationid}&event=${sequence}`}
              >
                {event.correlationid}
              </Link>
            ) : (
              event.correlationid
            )}
          </Fact>
        )}
        {event.causationid && <Fact name="Cause">{event.causationid}</Fact>}
        {workspace && (
          <Fact name="Workspace">
            <Link className="link" to={`/workspaces/${workspace}/history?at=${sequence}`}>
              as it was then
            </Link>
          </Fact>
        )}
      </Facts>
      <div className="relative">
        <pre
          tabIndex={0}
          aria-label="The event as JSON"
          className="scroll-thin max-h-[50vh] overflow-auto rounded-md border border-border bg-surface p-3 text-xs"
        >
          {json}
        </pre>
        <div className="absolute top-1 right-1">
          <CopyButton text={json} label="Copy the event as JSON" />
        </div>
      </div>
    </div>
  );
}
