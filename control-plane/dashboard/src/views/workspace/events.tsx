// Everything that happened to one workspace, oldest first; any two can be compared.

import { History } from "lucide-react";
import { Link } from "react-router";
import type { EventView } from "@/api/types";
import { useWorkspaceEvents } from "@/data/queries";
import { clock } from "@/lib/time";
import { useQuery } from "@/lib/url-state";
import { Empty } from "@/parts/empty";
import { EventDetail } from "@/parts/event-detail";
import { Loaded } from "@/parts/loaded";
import { nameOf, payloadOf, summaryOf } from "@/stream/told";
import { Dialog } from "@/ui/dialog";
import { useShownWorkspace } from "./workspace";

export default function WorkspaceEvents() {
  const workspace = useShownWorkspace();
  const events = useWorkspaceEvents(workspace.id);
  const [query, change] = useQuery();
  const opened = Number(query.get("event") ?? 0);
  return (
    <Loaded of={events} what="events">
      {(all) => {
        const view = all.find((each) => each.sequence === opened);
        return all.length === 0 ? (
          <Empty icon={History} title="Nothing happened yet" />
        ) : (
          <>
            <p className="mb-2 text-muted">
              {all.length.toLocaleString("en")} events.{" "}
              <Link className="link" to={`/events?workspace=${workspace.id}`}>
                Follow them live
              </Link>
            </p>
            <ol aria-label="Events" className="rounded-md border border-border bg-raised">
              {all.map((each) => (
                <Row
                  key={each.sequence}
                  view={each}
                  onOpen={() => change({ event: String(each.sequence) }, true)}
                />
              ))}
            </ol>
            <Dialog
              side
              open={view !== undefined}
              onClose={() => change({ event: "" })}
              title={view ? nameOf(view.event.type) : ""}
            >
              {view && <EventDetail view={view} />}
            </Dialog>
          </>
        );
      }}
    </Loaded>
  );
}

function Row({ view, onOpen }: { view: EventView; onOpen(): void }) {
  const { event, sequence } = view;
  return (
    <li className="border-t border-border first:border-t-0">
      <button
        type="button"
        data-row
        onClick={onOpen}
        className="grid w-full grid-cols-[3.5rem_minmax(0,1fr)] gap-x-3 px-3 py-1 text-left hover:bg-surface sm:grid-cols-[3.5rem_6.5rem_11rem_minmax(0,1fr)]"
      >
        <span className="text-right text-muted">{sequence}</span>
        <span className="text-muted max-sm:hidden">{clock(event.time)}</span>
        <span className="font-medium">{nameOf(event.type).replace(/^workspace\./, "")}</span>
        <span className="truncate text-muted max-sm:col-start-2">
          {summaryOf(payloadOf(event.data))}
        </span>
      </button>
    </li>
  );
}
