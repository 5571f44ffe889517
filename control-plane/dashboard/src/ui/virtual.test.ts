import { expect, it } from "vitest";
import { isAtEnd, spanOf, stickAfter } from "./virtual";

it("draws the rows in sight and a few around, however many there are", () => {
  const { first, end } = spanOf(1_400_000, 700, 28, 100_000);
  expect(first).toBeLessThanOrEqual(50_000);
  expect(end).toBeGreaterThanOrEqual(50_025);
  expect(end - first).toBeLessThan(60);
});

it("stays within the list, also when it became shorter", () => {
  expect(spanOf(0, 700, 28, 3)).toEqual({ first: 0, end: 3 });
  const gone = spanOf(90_000, 700, 28, 3);
  expect(gone.first).toBeLessThanOrEqual(gone.end);
});

it("knows its end", () => {
  expect(isAtEnd(900, 100, 1000)).toBe(true);
  expect(isAtEnd(800, 100, 1000)).toBe(false);
});

it("lets go of the end when somebody scrolls up, and of nothing else", () => {
  const at = (scrollTop: number, scrollHeight: number) => ({
    scrollTop,
    scrollHeight,
    clientHeight: 100,
  });
  const end = stickAfter({ stuck: false, top: 0 }, at(900, 1000));
  expect(end.stuck).toBe(true);
  // More came before the event of the scroll did.
  const grown = stickAfter(end, at(900, 2000));
  expect(grown.stuck).toBe(true);
  const up = stickAfter(grown, at(850, 2000));
  expect(up.stuck).toBe(false);
  expect(stickAfter(up, at(870, 2000)).stuck).toBe(false);
  expect(stickAfter(up, at(1900, 2000)).stuck).toBe(true);
});
