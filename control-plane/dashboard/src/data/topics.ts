// Which answers an event makes old. Pure: the one table between events and what pages show.

import { payloadOf, type Told } from "@/stream/told";

/** What a kept answer is about: `workspaces`, `workspace:ws-…`, `operation:op-…`, `nodes`, … */
export type Topic = string;

const BY_KIND: Record<string, Topic[]> = {
  workspace: ["workspaces", "operations"],
  node: ["nodes", "workspaces"],
  user: ["users", "tokens", "credentials"],
  secret: ["credentials"],
  settings: ["credentials"],
  credentials: ["credentials"],
};

/** The operation an event tells of. */
function operationOf(payload: Record<string, unknown>): string | undefined {
  const { operation } = payload;
  if (typeof operation === "string") return operation;
  if (operation && typeof operation === "object" && "id" in operation) return String(operation.id);
  return undefined;
}

export function topicsOf(event: Told): Topic[] {
  const kind = event.name.slice(0, event.name.indexOf("."));
  const topics = [...(BY_KIND[kind] ?? [])];
  if (kind === "workspace") {
    topics.push(`workspace:${event.subject}`);
    const { event: stored } = JSON.parse(event.json) as { event: { data: unknown } };
    const operation = operationOf(payloadOf(stored.data));
    if (operation) topics.push(`operation:${operation}`);
  }
  return topics;
}
