import { expect, it } from "vitest";
import { duration, relative } from "./time";

it("tells durations with the precision that matters", () => {
  const told = [0, 7.4, 999, 1420, 14_200, 185_000, 3_720_000].map(duration);
  expect(told).toEqual(["0 ms", "7 ms", "999 ms", "1.42 s", "14.2 s", "3 min 05 s", "1 h 02 min"]);
});

it("tells how far a moment is, before and after", () => {
  const now = 1_000_000_000;
  const told = [0, -5_000, -120_000, 7_200_000, -200_000_000].map((far) =>
    relative(now + far, now),
  );
  expect(told).toEqual(["now", "5 s ago", "2 min ago", "in 2 h", "2 d ago"]);
});
