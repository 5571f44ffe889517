import { expect, test } from "vitest";
import { mayLoadAnew } from "./later";

test("a page is loaded anew once, and again only after a while", () => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  };
  expect(mayLoadAnew(storage, 1_000_000)).toBe(true);
  expect(mayLoadAnew(storage, 1_009_999)).toBe(false);
  expect(mayLoadAnew(storage, 1_010_000)).toBe(true);
});
