import { describe, expect, it } from "vitest";
import { Ring } from "./ring";

const figures = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => from + at);

describe("a ring", () => {
  it("keeps everything up to its capacity", () => {
    const ring = new Ring<number>(5);
    ring.push([1, 2, 3]);
    expect([ring.length, ring.at(0), ring.at(2), ring.at(3)]).toEqual([3, 1, 3, undefined]);
  });

  it("keeps the newest beyond it, whatever the portions", () => {
    for (const portion of [1, 3, 1000, 9000]) {
      const ring = new Ring<number>(10_000);
      for (let from = 0; from < 30_000; from += portion)
        ring.push(figures(from, Math.min(30_000, from + portion)));
      expect(ring.length).toBe(10_000);
      expect(ring.at(0)).toBe(20_000);
      expect(ring.at(9_999)).toBe(29_999);
      expect(ring.all()).toEqual(figures(20_000, 30_000));
    }
  });

  it("holds a bounded number of items", () => {
    const ring = new Ring<number>(100);
    ring.push(figures(0, 100_000));
    expect(ring.length).toBe(100);
    expect(ring.dropped).toBe(99_900);
  });
});
