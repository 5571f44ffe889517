// Every path the pages ask for is one the API describes.

import { readFileSync } from "node:fs";
import { expect, it, vi } from "vitest";
import * as calls from "./calls";

const { paths } = JSON.parse(
  readFileSync(new URL("../../../openapi.json", import.meta.url), "utf8"),
) as {
  paths: Record<string, Record<string, unknown>>;
};

/** `/api/v1/workspaces/X/holds/X` → the described path it is one of. */
function described(path: string): string | undefined {
  const parts = path.split("/");
  return Object.keys(paths).find((each) => {
    const wanted = each.split("/");
    return (
      wanted.length === parts.length &&
      wanted.every((part, at) => part === parts[at] || (part.startsWith("{") && parts[at] === "1"))
    );
  });
}

type Call = (...given: unknown[]) => Promise<unknown>;

it("asks only for what the API describes", async () => {
  const asked: [method: string, path: string][] = [];
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    asked.push([(init.method ?? "GET").toLowerCase(), url.split("?")[0] ?? ""]);
    return Promise.resolve(new Response(JSON.stringify({ items: [] })));
  });
  for (const group of Object.values(calls)) {
    for (const call of Object.values(group)) {
      const made = typeof call === "function" ? (call as Call)("1", 1, {}) : undefined;
      if (made instanceof Promise) await made;
    }
  }
  vi.unstubAllGlobals();
  expect(asked.length).toBeGreaterThan(30);
  const unknown = asked.filter(([method, path]) => {
    const found = described(path);
    return !found || !(method in (paths[found] ?? {}));
  });
  expect(unknown).toEqual([]);
});
