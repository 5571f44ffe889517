import { describe, expect, it } from "vitest";
import {
  type Arrangement,
  arrangementFrom,
  arrangementIn,
  freshSession,
  isRecorded,
  recordedSession,
  renewed,
  sessionsIn,
  successor,
  without,
  withoutTab,
  withSplit,
  withTab,
} from "./arrangement";

const from = (query: string) => arrangementFrom(new URLSearchParams(query));
const address = (arrangement: Arrangement) =>
  arrangementIn(new URLSearchParams("read_only=true"), arrangement).toString();

describe("an arrangement", () => {
  it("is one session where the address names none", () => {
    expect(from("")).toEqual({ tabs: [{ sessions: ["main"], direction: "row" }], shown: 0 });
  });

  it("comes back from the address as it went into it", () => {
    let made = from("session=main");
    made = withSplit(made, "shell-1", "column");
    made = withTab(made, "shell-2");
    made = withSplit(made, "shell-3", "row");
    expect(address(made)).toBe("read_only=true&session=main*shell-1&session=shell-2.shell-3&tab=1");
    expect(from(address(made))).toEqual(made);
  });

  it("goes on with a pane or a tab less", () => {
    const made = from("session=a.b&session=c&tab=1");
    expect(without(made, 0, 0).tabs[0]?.sessions).toEqual(["b"]);
    expect(without(made, 1, 0)).toMatchObject({ shown: 0, tabs: [{ sessions: ["a", "b"] }] });
    expect(withoutTab(made, 0)).toMatchObject({ shown: 0, tabs: [{ sessions: ["c"] }] });
  });

  it("is never empty, and never shows a tab that is not there", () => {
    expect(without(from("session=a"), 0, 0).tabs).toEqual([
      { sessions: ["main"], direction: "row" },
    ]);
    expect(from("session=a&tab=9").shown).toBe(0);
    expect(from("session=a&tab=x").shown).toBe(0);
  });

  it("goes on with another session where one is over", () => {
    expect(address(renewed(from("session=a.b&session=c"), "b", "d"))).toBe(
      "read_only=true&session=a.d&session=c",
    );
  });

  it("has at most four panes in a tab", () => {
    const full = from("session=a.b.c.d.e");
    expect(full.tabs[0]?.sessions).toHaveLength(4);
    expect(sessionsIn(withSplit(full, "f", "row")).has("f")).toBe(false);
  });
});

it("names new sessions so that they fit an address", () => {
  expect([0, 0.5, 0.99999].map(freshSession)).toEqual(["shell-0000", "shell-8000", "shell-ffff"]);
});

it("names what is recorded so, and what follows it", () => {
  const names = [recordedSession(0.5), "main", freshSession(0)];
  expect(names.map(isRecorded)).toEqual([true, false, false]);
  expect(successor("recorded-0000", 0.5)).toBe("recorded-8000");
  expect(successor("main", 0.5)).toBe("shell-8000");
});
