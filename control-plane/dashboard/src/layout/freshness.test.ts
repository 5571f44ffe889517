import { expect, it } from "vitest";
import type { HealthView } from "@/api/types";
import { freshness } from "./freshness";

const health: HealthView = {
  status: "ok",
  version: "0",
  uptime_seconds: 1,
  sequence: 9,
  lag: 0,
  checks: { log: "ok" },
};
const live = { state: { at: "live" as const }, sequence: 9, health };

it("is live while events come and nothing lags", () => {
  expect(freshness(live)).toEqual({ word: "live", tone: "good" });
});

it("tells how far the read model is behind", () => {
  expect(freshness({ ...live, health: { ...health, lag: 3 } })).toEqual({
    word: "3 behind",
    tone: "warn",
  });
  expect(freshness({ ...live, health: { ...health, lag: 3000 } }).warning?.text).toContain(
    "3000 events behind",
  );
});

it("says why nothing comes, and what to do", () => {
  const waiting = {
    at: "waiting" as const,
    until: 5,
    attempt: 1,
    reason: "the server stops; come back",
  };
  expect(freshness({ ...live, state: waiting }).warning).toMatchObject({ retryAt: 5 });
  const away = freshness({ ...live, state: waiting, health: undefined });
  expect(away).toMatchObject({ tone: "bad", warning: { hint: "nexus daemon status" } });
});

it("names what is wrong with the server", () => {
  const sick = { ...health, status: "degraded", checks: { log: "slow", storage: "ok" } };
  expect(freshness({ ...live, health: sick }).warning?.text).toBe(
    "The server is degraded: log: slow",
  );
});
