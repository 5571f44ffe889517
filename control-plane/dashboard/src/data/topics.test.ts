import { expect, it } from "vitest";
import { told } from "@/stream/told";
import { topicsOf } from "./topics";

const event = (type: string, subject: string, data: object) =>
  told(
    JSON.stringify({
      sequence: 1,
      event: { id: "evt-1", type, source: "", subject, time: "", data },
    }),
  );

it("makes a workspace, the lists and its operation old", () => {
  const one = topicsOf(
    event("nexus.workspace.placed.v1", "ws-1", { placed: { operation: "op-1" } }),
  );
  expect(one).toEqual(["workspaces", "operations", "workspace:ws-1", "operation:op-1"]);
  const begun = topicsOf(
    event("nexus.workspace.requested.v1", "ws-1", { requested: { operation: { id: "op-2" } } }),
  );
  expect(begun).toContain("operation:op-2");
});

it("knows what the other kinds touch", () => {
  expect(topicsOf(event("nexus.user.token_revoked.v1", "user-1", { token_revoked: {} }))).toContain(
    "tokens",
  );
  expect(topicsOf(event("nexus.node.lost.v1", "node-1", { lost: {} }))).toContain("workspaces");
  expect(topicsOf(event("nexus.claim.claimed.v1", "port-2222", { claimed: {} }))).toEqual([]);
});
