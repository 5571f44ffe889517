import { describe, expect, it } from "vitest";
import type { Told } from "@/stream/told";
import { TailBuffer } from "./buffer";
import {
  type Chips,
  chipsFrom,
  FIELDS,
  pageFilter,
  parseChip,
  serverQuery,
  withChip,
} from "./chips";

describe("chips", () => {
  it("are typed as a field and its value, or as words", () => {
    expect(parseChip(" kind:workspace ")).toEqual(["kind", "workspace"]);
    expect(parseChip("type:*.ready")).toEqual(["type", "*.ready"]);
    expect(parseChip("two words")).toEqual(["text", "two words"]);
    expect(parseChip("http://x")).toEqual(["text", "http://x"]);
    expect(parseChip("kind:")).toBeUndefined();
    expect(parseChip("  ")).toBeUndefined();
  });

  it("come back from the address as they went into it", () => {
    const chips: Chips = {
      kind: "workspace",
      type: "*.ready",
      workspace: "hello",
      actor: "node-1",
      text: "a b&c=d",
    };
    expect(chipsFrom(new URLSearchParams(new URLSearchParams(chips).toString()))).toEqual(chips);
    expect(chipsFrom(new URLSearchParams("since=all&dialog=x"))).toEqual({});
  });

  it("add words to the ones there, and replace anything else", () => {
    expect(withChip({ text: "one" }, ["text", "two"])).toEqual({ text: "one two" });
    expect(withChip({ kind: "node" }, ["kind", "user"])).toEqual({ kind: "user" });
  });

  it("are all taken care of, by the server or by the page", () => {
    const everything = Object.fromEntries(FIELDS.map((field) => [field, "x"])) as Chips;
    const page = FIELDS.filter((field) => pageFilter({ [field]: "x" }) !== undefined);
    expect([...Object.keys(serverQuery(everything)), ...page].sort()).toEqual([...FIELDS].sort());
  });
});

const event = (sequence: number, actor: string): Told => ({
  sequence,
  actor,
  name: "workspace.ready",
  subject: "ws-1",
  time: "",
  correlation: "",
  summary: "",
  json: `{"sequence":${sequence},"text":"Ready at last"}`,
});

describe("a buffer", () => {
  it("shows the same whether the filter or the events come first", () => {
    const events = [event(1, "node-1"), event(2, "user-1"), event(3, "node-1")];
    const wants = pageFilter({ actor: "node", text: "ready LAST" });
    const early = new TailBuffer();
    early.filter(wants);
    early.push(events);
    const late = new TailBuffer();
    late.push(events);
    late.filter(wants);
    expect(early.shown.all().map(({ sequence }) => sequence)).toEqual([1, 3]);
    expect(late.shown.all()).toEqual(early.shown.all());
    late.filter(undefined);
    expect(late.shown.length).toBe(3);
  });
});
