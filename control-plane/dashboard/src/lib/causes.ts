// Which event led to which: the request somebody made, the events it made, the commands policies
// drew from them, and the events of the workers that performed those. Pure.
//
// A command is no event; it is known by its id in the events it caused. It belongs to the event that
// began the operation those events tell of.

import type { EventView } from "@/api/types";
import { nameOf, payloadOf, summaryOf } from "@/stream/told";

export interface Node {
  id: string;
  kind: "request" | "command" | "event";
  label: string;
  detail: string;
  /** For an event: its place in the log. */
  sequence?: number;
  time?: string;
  depth: number;
  row: number;
  parent?: string;
}

export interface Graph {
  nodes: Node[];
  edges: { from: string; to: string }[];
  depth: number;
  rows: number;
}

/** The requests that led to these events, newest first. */
export function requestsIn(events: EventView[]): { id: string; first: EventView; count: number }[] {
  const found = new Map<string, { id: string; first: EventView; count: number }>();
  for (const view of events) {
    const id = view.event.correlationid ?? "";
    const known = found.get(id);
    if (known) known.count += 1;
    else found.set(id, { id, first: view, count: 1 });
  }
  return [...found.values()].reverse();
}

/** The operation an event begins. */
function begun(view: EventView): string | undefined {
  const { operation } = payloadOf(view.event.data);
  return operation && typeof operation === "object" && "id" in operation
    ? String(operation.id)
    : undefined;
}

/** The operation an event tells of. */
function told(view: EventView): string | undefined {
  const { operation } = payloadOf(view.event.data);
  return typeof operation === "string" ? operation : undefined;
}

/** The graph of one request, laid out as a tree: a column a step of cause, a row a leaf or a branch. */
export function graphOf(events: EventView[], correlation: string): Graph {
  const chosen = events.filter((view) => (view.event.correlationid ?? "") === correlation);
  const parents = parentsOf(chosen, correlation);
  const children = new Map<string, string[]>();
  for (const [child, parent] of parents)
    children.set(parent, [...(children.get(parent) ?? []), child]);
  const described = new Map(chosen.map((view) => [view.event.id, view]));
  const nodes: Node[] = [];
  let row = 0;
  const place = (id: string, depth: number, parent?: string) => {
    const view = described.get(id);
    nodes.push({ ...describe(id, view, correlation), depth, row, ...(parent ? { parent } : {}) });
    const below = children.get(id) ?? [];
    if (below.length === 0) row += 1;
    for (const child of below) place(child, depth + 1, id);
  };
  place(correlation, 0);
  const edges = nodes.flatMap((node) => (node.parent ? [{ from: node.parent, to: node.id }] : []));
  return { nodes, edges, depth: Math.max(...nodes.map((node) => node.depth)) + 1, rows: row };
}

function parentsOf(chosen: EventView[], correlation: string): Map<string, string> {
  const known = new Set(chosen.map((view) => view.event.id));
  const beginnings = new Map<string, string>();
  for (const view of chosen) {
    const operation = begun(view);
    if (operation) beginnings.set(operation, view.event.id);
  }
  const parents = new Map<string, string>();
  for (const view of chosen) {
    const { id, causationid: cause } = view.event;
    if (!cause) {
      parents.set(id, correlation);
    } else if (known.has(cause)) {
      parents.set(id, cause);
    } else {
      if (!parents.has(cause)) parents.set(cause, beginnings.get(told(view) ?? "") ?? correlation);
      parents.set(id, cause);
    }
  }
  return parents;
}

function describe(id: string, view: EventView | undefined, correlation: string) {
  if (view) {
    const { event, sequence } = view;
    const detail = summaryOf(payloadOf(event.data));
    return {
      id,
      kind: "event" as const,
      label: nameOf(event.type),
      detail,
      sequence,
      time: event.time,
    };
  }
  if (id === correlation) return { id, kind: "request" as const, label: "request", detail: id };
  return { id, kind: "command" as const, label: "command", detail: id };
}
