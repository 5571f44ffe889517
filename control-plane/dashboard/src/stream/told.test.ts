import { expect, it } from "vitest";
import { nameOf, ownEvents, summaryOf, told } from "./told";

const view = {
  sequence: 31,
  event: {
    id: "evt-1",
    type: "nexus.workspace.step_succeeded.v1",
    source: "/nexus/worker/node-1",
    subject: "ws-1",
    time: "2026-11-21T06:14:36.655Z",
    actor: "node-1",
    correlationid: "cor-1",
    data: { step_succeeded: { operation: "op-1", epoch: 1, step: "clone", duration_ms: 60 } },
  },
};

it("keeps of an event what a row shows, and the text it came as", () => {
  const json = JSON.stringify(view);
  expect(told(json)).toEqual({
    sequence: 31,
    name: "workspace.step_succeeded",
    subject: "ws-1",
    time: "2026-11-21T06:14:36.655Z",
    actor: "node-1",
    correlation: "cor-1",
    summary: "step=clone duration_ms=60",
    json,
  });
});

it("names types without product and version", () => {
  expect(nameOf("nexus.node.joined.v12")).toBe("node.joined");
});

it("says what comes first first, and of a failure its cause", () => {
  expect(
    summaryOf({ duration_ms: 3, failure: { cause: "no room", code: "CAPACITY" }, step: "image" }),
  ).toBe("step=image duration_ms=3 cause=no room");
});

it("tells a workspace's own events from those of its claims", () => {
  const claim = { ...view, event: { ...view.event, subject: "port-2222" } };
  expect(ownEvents([claim, view], "ws-1")).toEqual([view]);
});
