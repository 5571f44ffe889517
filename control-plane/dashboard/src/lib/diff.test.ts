import { describe, expect, it } from "vitest";
import { difference, fieldsOf, shown } from "./diff";

describe("a difference", () => {
  it("names each field that was added, removed or changed", () => {
    const before = {
      phase: "starting",
      node: null,
      services: { web: { status: "starting", port: 3000 } },
      failure: { code: "X" },
    };
    const after = {
      phase: "running",
      node: "node-1",
      services: { web: { status: "running", port: 3000 } },
    };
    expect(difference(before, after)).toEqual([
      { path: "failure.code", kind: "removed", before: "X" },
      { path: "node", kind: "added", after: "node-1" },
      { path: "phase", kind: "changed", before: "starting", after: "running" },
      { path: "services.web.status", kind: "changed", before: "starting", after: "running" },
    ]);
  });

  it("is none between equal states, whatever how fresh they are", () => {
    expect(difference({ a: [1, 2], sequence: 4 }, { a: [1, 2], sequence: 9 })).toEqual([]);
  });

  it("is the same the other way round, reversed", () => {
    const [one, other] = [
      { a: 1, b: { c: [1] } },
      { b: { c: [2] }, d: false },
    ];
    const turned = difference(other, one).map(({ path, kind, before, after }) => ({
      path,
      kind: kind === "added" ? "removed" : kind === "removed" ? "added" : kind,
      before: after,
      after: before,
    }));
    expect(turned).toEqual(
      difference(one, other).map((change) => ({ before: undefined, after: undefined, ...change })),
    );
  });

  it("tells a value from a tree in its place", () => {
    expect(difference({ a: 1 }, { a: { b: 2 } })).toEqual([
      { path: "a", kind: "changed", before: 1, after: { b: 2 } },
    ]);
  });
});

it("lists every field of a state", () => {
  expect(
    fieldsOf({ b: { d: 0, c: "x" }, a: [] }).map(({ path, after }) => `${path}=${shown(after)}`),
  ).toEqual(["a=[]", "b.c=x", "b.d=0"]);
});
