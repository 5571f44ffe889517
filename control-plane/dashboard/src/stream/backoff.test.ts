import { expect, it } from "vitest";
import { backoff } from "./backoff";

it("waits longer each time, up to a bound, and never not at all", () => {
  const most = [0, 1, 2, 3, 20, 1000].map((attempt) => backoff(attempt, 0.999));
  const least = [0, 1, 2, 3, 20, 1000].map((attempt) => backoff(attempt, 0));
  expect(most).toEqual([250, 500, 1000, 1999, 14_993, 14_993]);
  expect(least).toEqual([125, 250, 500, 1000, 7500, 7500]);
});
