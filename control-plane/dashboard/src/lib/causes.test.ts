import { describe, expect, it } from "vitest";
import type { EventView } from "@/api/types";
import { graphOf, requestsIn } from "./causes";

const view = (
  sequence: number,
  name: string,
  payload: object,
  cause?: string,
  correlation = "cor-1",
): EventView => ({
  sequence,
  event: {
    id: `evt-${sequence}`,
    type: `nexus.workspace.${name}.v1`,
    source: "",
    subject: "ws-1",
    time: "2026-11-21T06:14:36Z",
    correlationid: correlation,
    ...(cause ? { causationid: cause } : {}),
    data: { [name]: payload as Record<string, unknown> },
  },
});

const EVENTS = [
  view(1, "requested", { operation: { id: "op-1" } }),
  view(2, "placed", { operation: "op-1" }, "cmd-1"),
  view(3, "step_started", { operation: "op-1", step: "image" }, "cmd-1"),
  view(4, "idle_detected", { operation: { id: "op-2" } }, "evt-3"),
  view(5, "stopped", { operation: "op-2" }, "cmd-2"),
  view(6, "start_requested", { operation: { id: "op-3" } }, undefined, "cor-2"),
];

describe("the graph of causes", () => {
  const graph = graphOf(EVENTS, "cor-1");
  const parentOf = Object.fromEntries(graph.nodes.map((node) => [node.id, node.parent]));

  it("leads from the request through commands to the last event", () => {
    expect(parentOf).toEqual({
      "cor-1": undefined,
      "evt-1": "cor-1",
      "cmd-1": "evt-1",
      "evt-2": "cmd-1",
      "evt-3": "cmd-1",
      "evt-4": "evt-3",
      "cmd-2": "evt-4",
      "evt-5": "cmd-2",
    });
  });

  it("leaves other requests out", () => {
    expect(graph.nodes.some((node) => node.id === "evt-6")).toBe(false);
    expect(requestsIn(EVENTS).map(({ id, count }) => [id, count])).toEqual([
      ["cor-2", 1],
      ["cor-1", 5],
    ]);
  });

  it("puts no two nodes in one place, and causes before effects", () => {
    const places = new Set(graph.nodes.map((node) => `${node.depth} ${node.row}`));
    expect(places.size).toBe(graph.nodes.length);
    const depth = new Map(graph.nodes.map((node) => [node.id, node.depth]));
    for (const { from, to } of graph.edges) expect(depth.get(to)).toBe((depth.get(from) ?? 0) + 1);
    expect(graph.rows).toBe(2);
    expect(graph.depth).toBe(7);
  });

  it("hangs what has an unknown cause on the request", () => {
    const lone = graphOf([view(9, "activity_observed", {}, "cmd-9")], "cor-1");
    expect(lone.nodes.map(({ id }) => id)).toEqual(["cor-1", "cmd-9", "evt-9"]);
  });
});
