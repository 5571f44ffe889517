import { describe, expect, it } from "vitest";
import { NdjsonParser } from "./ndjson";
import { linesOf } from "./output";

const piece = (text: string) => ({
  sequence: 4,
  at: "2026-11-21T06:14:36Z",
  operation: "op-1",
  step: "install",
  stream: "stdout" as const,
  text,
});

describe("output", () => {
  it("comes in lines, without colours and titles", () => {
    const text = "\u001b[31mred\u001b[0m\n\u001b]0;title\u0007plain\n";
    expect(linesOf(piece(text)).map((line) => line.text)).toEqual(["red", "plain"]);
  });

  it("keeps the last of what a line was redrawn to", () => {
    expect(linesOf(piece("10 %\r50 %\r100 %\n")).map((line) => line.text)).toEqual(["100 %"]);
  });

  it("has a key of its own for every line", () => {
    expect(linesOf(piece("a\nb")).map((line) => line.key)).toEqual(["4.0", "4.1"]);
  });
});

it("takes a value a line, wherever the text is cut", () => {
  const text = '{"a":1}\n{"a":2}\n\n{"a":3}\n';
  for (let cut = 0; cut <= text.length; cut += 1) {
    const parser = new NdjsonParser<{ a: number }>();
    const values = [...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))];
    expect(values.map(({ a }) => a)).toEqual([1, 2, 3]);
  }
});
