import { expect, it } from "vitest";
import { nothingYet } from "@/stream/contiguity";
import { wholeness } from "./wholeness";

const known = { ...nothingYet, first: 5, last: 1200, taken: 1196 };

it("claims no gap only where each sequence came", () => {
  expect(wholeness(known, true)).toEqual({
    word: "gapless",
    tone: "good",
    text: "events 5 to 1,200, each one once",
  });
  expect(wholeness({ ...known, skipped: 2 }, true)).toMatchObject({ word: "gaps", tone: "bad" });
});

it("calls a filtered tail in order", () => {
  expect(wholeness({ ...known, skipped: 2, resumed: 1, repeated: 3 }, false)).toEqual({
    word: "in order",
    tone: "good",
    text: "events 5 to 1,200, in order; 2 between them are not for this view; taken up again 1 times, 3 repeated ones dropped",
  });
});
