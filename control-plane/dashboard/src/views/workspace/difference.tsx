// What changed between any two events of a workspace, field by field.

import { ArrowLeftRight } from "lucide-react";
import type { EventView } from "@/api/types";
import { useWorkspaceAtIfThere, useWorkspaceEvents } from "@/data/queries";
import { difference, shown } from "@/lib/diff";
import { clock } from "@/lib/time";
import { useQuery } from "@/lib/url-state";
import { Loaded } from "@/parts/loaded";
import { nameOf, ownEvents } from "@/stream/told";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Field } from "@/ui/field";
import { Select } from "@/ui/input";
import { Cell, Head, Table } from "@/ui/table";
import { useShownWorkspace } from "./workspace";

export default function Difference() {
  const { id } = useShownWorkspace();
  const events = useWorkspaceEvents(id);
  return (
    <Loaded of={events} what="events">
      {(all) =>
        all.length > 0 ? (
          <Between id={id} events={ownEvents(all, id)} />
        ) : (
          <p>Nothing happened yet.</p>
        )
      }
    </Loaded>
  );
}

function Between({ id, events }: { id: string; events: EventView[] }) {
  const [query, change] = useQuery();
  const from = Number(query.get("from") ?? 0) || (events[0]?.sequence ?? 0);
  const to = Number(query.get("to") ?? 0) || (events.at(-1)?.sequence ?? 0);
  const choice = (name: "from" | "to", value: number) => (
    <Select value={value} onChange={(event) => change({ [name]: event.target.value }, true)}>
      {events.map(({ sequence, event }) => (
        <option key={sequence} value={sequence}>
          {sequence} · {clock(event.time)} · {nameOf(event.type).replace(/^workspace\./, "")}
        </option>
      ))}
    </Select>
  );
  return (
    <>
      <div className="mb-4 grid items-end gap-2 sm:grid-cols-[minmax(0,1fr)_auto_minmax(0,1fr)]">
        <Field label="From event">{choice("from", from)}</Field>
        <Button
          size="icon"
          aria-label="Swap the two events"
          className="max-sm:justify-self-start"
          onClick={() => change({ from: String(to), to: String(from) }, true)}
        >
          <ArrowLeftRight aria-hidden />
        </Button>
        <Field label="To event">{choice("to", to)}</Field>
      </div>
      <Changes id={id} from={from} to={to} />
    </>
  );
}

const TONES = { added: "good", removed: "bad", changed: "busy" } as const;

function Changes({ id, from, to }: { id: string; from: number; to: number }) {
  const before = useWorkspaceAtIfThere(id, from);
  const after = useWorkspaceAtIfThere(id, to);
  return (
    <Loaded of={before} what="the earlier state">
      {(one) => (
        <Loaded of={after} what="the later state">
          {(other) => {
            const changes = difference(one, other);
            if (changes.length === 0) {
              return (
                <p className="rounded-md border border-border px-4 py-8 text-center text-muted">
                  Nothing differs.
                </p>
              );
            }
            return (
              <>
                <p role="status" className="mb-2 text-muted">
                  {changes.length === 1 ? "1 field differs." : `${changes.length} fields differ.`}
                </p>
                <Table label="Differences" className="text-xs">
                  <thead>
                    <tr>
                      <Head>Field</Head>
                      <Head>At event {from}</Head>
                      <Head>At event {to}</Head>
                      <Head>How</Head>
                    </tr>
                  </thead>
                  <tbody className="font-mono">
                    {changes.map((change) => (
                      <tr key={change.path}>
                        <Cell className="min-w-48 text-muted">{change.path}</Cell>
                        <Cell className="min-w-40 wrap-anywhere">{shown(change.before)}</Cell>
                        <Cell className="min-w-40 wrap-anywhere">{shown(change.after)}</Cell>
                        <Cell className="font-sans">
                          <Badge tone={TONES[change.kind]}>{change.kind}</Badge>
                        </Cell>
                      </tr>
                    ))}
                  </tbody>
                </Table>
              </>
            );
          }}
        </Loaded>
      )}
    </Loaded>
  );
}
