import { describe, expect, it } from "vitest";
import { attach, gap, nothing, type Offsets, receive, show } from "./offsets";

/** A session as the server has it: its bytes, of which the oldest may be gone. */
function server(bytes: string, oldest = 0) {
  return (after: number) => {
    const from = Math.max(after, oldest);
    return { from, data: bytes.slice(from) };
  };
}

describe("offsets", () => {
  it("neither lose nor double a byte, wherever connections end", () => {
    const bytes = Array.from({ length: 5000 }, (_, at) => String.fromCharCode(97 + (at % 26))).join(
      "",
    );
    const from = server(bytes);
    let known: Offsets = nothing;
    let screen = "";
    for (let cut = 0; screen.length < bytes.length; cut += 1) {
      // Sometimes the server is asked for less than what came: as if it had not heard of it.
      const after = Math.max(0, known.received - (cut % 3) * 5);
      const told = from(after);
      known = attach(known, told.from);
      for (const part of [told.data.slice(0, 7 + cut), told.data.slice(7 + cut, 30 + cut)]) {
        const taken = receive(known, part.length);
        known = taken.known;
        screen += part.slice(taken.skip);
      }
    }
    expect(screen).toBe(bytes);
    expect(known.lost).toBe(0);
  });

  it("say what is gone", () => {
    let known = receive(attach(nothing, 0), 100).known;
    known = attach(known, 300);
    expect(known).toMatchObject({ received: 300, lost: 200, next: 300 });
    expect(gap(known, 350)).toMatchObject({ received: 350, lost: 250, next: 350 });
  });

  it("count nothing as lost for who comes late", () => {
    expect(attach(nothing, 4096)).toMatchObject({ received: 4096, lost: 0 });
  });

  it("acknowledge what was shown, in portions", () => {
    let known = receive(attach(nothing, 0), 1000).known;
    const acks: number[] = [];
    for (let shown = 100; shown <= 1000; shown += 100) {
      const told = show(known, shown, 256);
      known = told.known;
      if (told.ack !== undefined) acks.push(told.ack);
    }
    expect(acks).toEqual([300, 600, 900]);
  });
});
