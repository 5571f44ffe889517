import { describe, expect, it } from "vitest";
import { SseParser } from "./sse";

const TEXT =
  ': hello\n\nid: 7\nevent: nexus.workspace.ready.v1\ndata: {"a":1}\n\nevent: caught_up\r\ndata: {}\r\n\r\ndata: one\ndata: two\n\n';

describe("server-sent events", () => {
  it("are told with their id, name and data", () => {
    expect(new SseParser().push(TEXT)).toEqual([
      { id: "7", event: "nexus.workspace.ready.v1", data: '{"a":1}' },
      { id: undefined, event: "caught_up", data: "{}" },
      { id: undefined, event: "message", data: "one\ntwo" },
    ]);
  });

  it("are the same wherever the text is cut", () => {
    const whole = new SseParser().push(TEXT);
    for (let cut = 0; cut <= TEXT.length; cut += 1) {
      const parser = new SseParser();
      expect([...parser.push(TEXT.slice(0, cut)), ...parser.push(TEXT.slice(cut))]).toEqual(whole);
    }
  });

  it("are not told before they are complete", () => {
    expect(new SseParser().push("id: 1\ndata: half\n")).toEqual([]);
  });
});
