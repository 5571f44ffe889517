import { describe, expect, it } from "vitest";
import { marks, waterfall } from "./waterfall-layout";

const began = Date.parse("2026-11-21T06:00:00.000Z");
const at = (ms: number) => new Date(began + ms).toISOString();
const step = (name: string, from: number, duration_ms?: number) => ({
  step: name,
  state: duration_ms === undefined ? ("in_flight" as const) : ("succeeded" as const),
  started_at: at(from),
  ...(duration_ms === undefined ? {} : { duration_ms }),
});

describe("a waterfall", () => {
  it("lets the current step grow", () => {
    const operation = {
      state: "in_flight" as const,
      requested_at: at(0),
      steps: [step("image", 10, 20), step("clone", 40)],
    };
    const early = waterfall(operation, began + 100);
    const late = waterfall(operation, began + 400);
    expect(early.bars.map(({ offset, length, growing }) => [offset, length, growing])).toEqual([
      [10, 20, false],
      [40, 60, true],
    ]);
    expect(late.bars[1]?.length).toBe(360);
    expect(late.total).toBe(400);
  });

  it("stands still once the operation has ended", () => {
    const operation = {
      state: "failed" as const,
      requested_at: at(0),
      ended_at: at(200),
      duration_ms: 200,
      steps: [step("clone", 50)],
    };
    const { bars, total } = waterfall(operation, began + 99_999);
    expect(bars[0]).toMatchObject({ offset: 50, length: 150, growing: false });
    expect(total).toBe(200);
  });
});

it("marks an axis at round places", () => {
  expect(marks(848)).toEqual([0, 200, 400, 600, 800]);
  expect(marks(3)).toEqual([0, 1, 2, 3]);
  expect(marks(61_000).at(1)).toBe(20_000);
});
