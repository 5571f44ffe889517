// An event as the lists keep it: what a row shows, and the text it came as. Parsed once; a hundred
// thousand of them fit a page, so the whole object is made again only for the one that is opened.

import type { EventView } from "@/api/types";

export interface Told {
  sequence: number;
  /** `workspace.step_started`. */
  name: string;
  subject: string;
  time: string;
  actor: string;
  correlation: string;
  /** What it says, in a line: `step=clone duration_ms=60`. */
  summary: string;
  /** The event view as JSON. */
  json: string;
}

const HIDDEN = new Set(["operation", "epoch", "at"]);
/** What a reader looks for first. */
const LEADING = ["step", "service", "status", "name"];

/** `nexus.workspace.ready.v1` → `workspace.ready`. */
export function nameOf(type: string): string {
  return type.replace(/^nexus\./, "").replace(/\.v\d+$/, "");
}

/** The payload of an event: what stands under its one name. */
export function payloadOf(data: unknown): Record<string, unknown> {
  const inner = data && typeof data === "object" ? Object.values(data)[0] : undefined;
  return inner && typeof inner === "object" ? (inner as Record<string, unknown>) : {};
}

/** The plain fields of a payload in a line. */
export function summaryOf(payload: Record<string, unknown>): string {
  const words: string[] = [];
  const rank = (field: string) =>
    (LEADING.indexOf(field) + LEADING.length + 1) % (LEADING.length + 1);
  const fields = Object.entries(payload).sort(([one], [other]) => rank(one) - rank(other));
  for (const [field, value] of fields) {
    if (HIDDEN.has(field) || value === null) continue;
    if (typeof value !== "object") words.push(`${field}=${String(value)}`);
    else if (field === "failure" && "cause" in value) words.push(`cause=${String(value.cause)}`);
  }
  return words.join(" ");
}

/** Those of the events that are a workspace's own, and not of a claim made for it. */
export function ownEvents(events: EventView[], workspace: string): EventView[] {
  return events.filter(({ event }) => event.subject === workspace);
}

export function told(json: string): Told {
  const { sequence, event } = JSON.parse(json) as EventView;
  return {
    sequence,
    name: nameOf(event.type),
    subject: event.subject,
    time: event.time,
    actor: event.actor ?? "",
    correlation: event.correlationid ?? "",
    summary: summaryOf(payloadOf(event.data)),
    json,
  };
}
