import { expect, it } from "vitest";
import type { WorkspaceView } from "@/api/types";
import { matches } from "./filter";

const workspace = {
  id: "ws-1",
  name: "shop",
  owner_login: "ada",
  status: "running",
  provider: "docker",
  repository: { owner: "acme", name: "storefront", url: "" },
} as WorkspaceView;
const none = { text: "", status: "", provider: "" };

it("finds every word somewhere, and the states as they are", () => {
  expect(matches(workspace, none)).toBe(true);
  expect(matches(workspace, { ...none, text: "ADA store" })).toBe(true);
  expect(matches(workspace, { ...none, text: "ada missing" })).toBe(false);
  expect(matches(workspace, { ...none, status: "stopped" })).toBe(false);
  expect(matches(workspace, { ...none, provider: "process" })).toBe(false);
});
