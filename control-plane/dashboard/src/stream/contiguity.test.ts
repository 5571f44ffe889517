import { describe, expect, it } from "vitest";
import { beginningAfter, type Contiguity, isWhole, resumed, take } from "./contiguity";

const taking = (known: Contiguity, sequences: number[]) =>
  sequences.reduce(
    (all, sequence) => {
      const { fresh, known } = take(all.known, sequence);
      return { known, fresh: fresh ? [...all.fresh, sequence] : all.fresh };
    },
    { known, fresh: [] as number[] },
  );

describe("the proof that a tail has no hole", () => {
  it("holds while every sequence comes once", () => {
    const { known, fresh } = taking(beginningAfter(4), [5, 6, 7]);
    expect(fresh).toEqual([5, 6, 7]);
    expect(known).toMatchObject({ first: 5, last: 7, taken: 3, skipped: 0 });
    expect(isWhole(known)).toBe(true);
  });

  it("drops what comes again after a reconnection, and still holds", () => {
    const first = taking(beginningAfter(0), [1, 2, 3]);
    const { known, fresh } = taking(resumed(first.known), [2, 3, 4]);
    expect(fresh).toEqual([4]);
    expect(known).toMatchObject({ repeated: 2, resumed: 1, taken: 4 });
    expect(isWhole(known)).toBe(true);
  });

  it("fails for a sequence that is passed over, at the beginning too", () => {
    expect(isWhole(taking(beginningAfter(0), [1, 3]).known)).toBe(false);
    expect(taking(beginningAfter(0), [4]).known.skipped).toBe(3);
  });

  it("holds over any splitting of the events by disconnections", () => {
    const all = Array.from({ length: 200 }, (_, at) => at + 1);
    let known = beginningAfter(0);
    const seen: number[] = [];
    for (let from = 0; from < all.length; from += 7) {
      // Each connection begins up to three events too early.
      const { known: next, fresh } = taking(
        resumed(known),
        all.slice(Math.max(0, from - 3), from + 7),
      );
      known = next;
      seen.push(...fresh);
    }
    expect(seen).toEqual(all);
    expect(isWhole(known)).toBe(true);
  });
});
