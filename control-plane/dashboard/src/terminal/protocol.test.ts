import { describe, expect, it } from "vitest";
import { textOf } from "./clipboard";
import { closeReason, parseTold } from "./protocol";

describe("the end of a connection", () => {
  it("is explained, and comes back by itself where that helps", () => {
    expect(closeReason(1001, "")).toEqual({ text: "The server restarts.", returns: true });
    expect(closeReason(4001, "")).toMatchObject({ returns: false });
    expect(closeReason(4005, "node-1 is silent").text).toBe(
      "The node cannot be reached. (node-1 is silent)",
    );
    expect(closeReason(1006, "")).toEqual({ text: "The connection was lost.", returns: true });
    expect(closeReason(1000, "bye").text).toBe("The program ended.");
  });
});

it("takes no frame for what is none", () => {
  expect(parseTold('{"type":"pong","id":3}')).toEqual({ type: "pong", id: 3 });
  expect(parseTold("{")).toBeUndefined();
  expect(parseTold("{}")).toBeUndefined();
});

describe("the clipboard for programs", () => {
  it("takes text, never questions", () => {
    expect(textOf(`c;${btoa("hello")}`)).toBe("hello");
    expect(textOf("c;?")).toBeUndefined();
    expect(textOf("c;***")).toBeUndefined();
    expect(textOf("nothing")).toBeUndefined();
    expect(textOf(`c;${btoa("\xff\xfe")}`)).toBeUndefined();
  });
});
