// What led to what, as a graph: from the request somebody made to the last event of a worker.

import { useNavigate } from "react-router";
import { useWorkspaceEvents } from "@/data/queries";
import { cn } from "@/lib/cn";
import { type Graph, graphOf, type Node, requestsIn } from "@/lib/causes";
import { clock } from "@/lib/time";
import { useQuery } from "@/lib/url-state";
import { EventDetail } from "@/parts/event-detail";
import { Loaded } from "@/parts/loaded";
import { nameOf } from "@/stream/told";
import { Dialog } from "@/ui/dialog";
import { Field } from "@/ui/field";
import { Select } from "@/ui/input";
import { useShownWorkspace } from "./workspace";

const COLUMN = 232;
const ROW = 40;
const WIDTH = 200;
const HEIGHT = 32;
const CORNER = 6;

export default function Causes() {
  const workspace = useShownWorkspace();
  const events = useWorkspaceEvents(workspace.id);
  const [query, change] = useQuery();
  return (
    <Loaded of={events} what="events">
      {(all) => {
        const requests = requestsIn(all);
        const chosen = requests.find(({ id }) => id === query.get("request")) ?? requests[0];
        if (!chosen) return <p>Nothing happened yet.</p>;
        const opened = all.find((view) => view.sequence === Number(query.get("event") ?? 0));
        return (
          <>
            <div className="mb-3 max-w-md">
              <Field label="Request">
                <Select
                  value={chosen.id}
                  onChange={(event) => change({ request: event.target.value, event: "" }, true)}
                >
                  {requests.map(({ id, first, count }) => (
                    <option key={id} value={id}>
                      {clock(first.event.time).slice(0, 8)} ·{" "}
                      {nameOf(first.event.type).replace(/^workspace\./, "")} · {count} events
                    </option>
                  ))}
                </Select>
              </Field>
            </div>
            <Picture
              graph={graphOf(all, chosen.id)}
              opened={opened?.sequence}
              hrefOf={(sequence) =>
                `/workspaces/${workspace.id}/causes?request=${chosen.id}&event=${sequence}`
              }
            />
            <Dialog
              side
              open={opened !== undefined}
              onClose={() => change({ event: "" })}
              title={opened ? nameOf(opened.event.type) : ""}
            >
              {opened && <EventDetail view={opened} />}
            </Dialog>
          </>
        );
      }}
    </Loaded>
  );
}

interface PictureProps {
  graph: Graph;
  opened: number | undefined;
  hrefOf(sequence: number): string;
}

function Picture({ graph, opened, hrefOf }: PictureProps) {
  const at = new Map(graph.nodes.map((node) => [node.id, node]));
  const width = graph.depth * COLUMN;
  const height = graph.rows * ROW;
  return (
    <div
      role="region"
      aria-label="Causes"
      tabIndex={0}
      className="scroll-thin overflow-auto rounded-md border border-border bg-raised p-3"
    >
      <svg
        width={width}
        height={height}
        role="group"
        aria-label={`${graph.nodes.length} causes and effects`}
      >
        <g fill="none" className="stroke-border-strong" strokeWidth={1}>
          {graph.edges.map(({ from, to }) => (
            <path key={to} d={curve(at.get(from), at.get(to))} />
          ))}
        </g>
        {graph.nodes.map((node) => (
          <Box
            key={node.id}
            node={node}
            opened={node.sequence === opened && opened !== undefined}
            hrefOf={hrefOf}
          />
        ))}
      </svg>
    </div>
  );
}

function curve(from: Node | undefined, to: Node | undefined): string {
  if (!from || !to) return "";
  const x1 = from.depth * COLUMN + WIDTH;
  const y1 = from.row * ROW + HEIGHT / 2;
  const x2 = to.depth * COLUMN;
  const y2 = to.row * ROW + HEIGHT / 2;
  if (y1 === y2) return `M${x1} ${y1} H${x2}`;
  // Along one spine for all children of a node, with a round corner to each.
  const spine = (x1 + x2) / 2;
  return `M${x1} ${y1} H${spine} V${y2 - CORNER} q0 ${CORNER} ${CORNER} ${CORNER} H${x2}`;
}

const BOXES = {
  request: "fill-accent-soft stroke-accent",
  command: "fill-surface stroke-border-strong [stroke-dasharray:3_3]",
  event: "fill-raised stroke-border-strong",
};

function Box({
  node,
  opened,
  hrefOf,
}: {
  node: Node;
  opened: boolean;
  hrefOf(sequence: number): string;
}) {
  const navigate = useNavigate();
  const { sequence } = node;
  const says = `${node.label}${node.detail ? `: ${node.detail}` : ""}`;
  const content = (
    <>
      <title>{says}</title>
      <rect
        width={WIDTH}
        height={HEIGHT}
        rx={5}
        className={cn(BOXES[node.kind], opened && "stroke-accent stroke-2")}
      />
      <text x={9} y={14} className="fill-foreground text-[11px] font-medium">
        {node.label.replace(/^workspace\./, "")}
        {sequence !== undefined && <tspan className="fill-muted font-normal"> #{sequence}</tspan>}
      </text>
      <text x={9} y={26} className="fill-muted text-[10px]">
        {cut(node.kind === "event" ? node.detail : node.detail.slice(-12), 29)}
      </text>
    </>
  );
  const place = `translate(${node.depth * COLUMN} ${node.row * ROW})`;
  if (sequence === undefined) {
    return (
      <g transform={place} role="img" aria-label={says}>
        {content}
      </g>
    );
  }
  const href = hrefOf(sequence);
  return (
    <g transform={place}>
      <a
        href={href}
        data-row
        className="outline-offset-1"
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          void navigate(href);
        }}
      >
        {content}
      </a>
    </g>
  );
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
