// A preview in a browser, the way the dashboard leads into it: the page and its WebSocket, what
// cookies there are and who gets which, and the end of it all by signing out.

import assert from "node:assert/strict";
import { base, nothing, open, picture, settled, signIn, tell, workspace } from "./harness.mjs";

const OURS = /^__Host-nexus/;
const HEARD = "heard: said through the preview";

/** Ours are of one host each, and no script reads them. */
async function cookies(context, preview) {
  const held = await context.cookies();
  const ours = held.filter(({ name }) => OURS.test(name));
  const where = Object.fromEntries(ours.map(({ name, domain }) => [name, domain]));
  const api = new URL(base).hostname;
  assert.deepEqual(where, { "__Host-nexus": api, "__Host-nexus-preview": preview }, "one for each host, for no other");
  for (const { name, path, httpOnly, secure, sameSite } of ours) {
    assert.deepEqual({ path, httpOnly, secure }, { path: "/", httpOnly: true, secure: true }, name);
    assert.ok(["Strict", "Lax"].includes(sameSite), `${name}: ${sameSite}`);
  }
  const theirs = held.filter(({ name }) => !OURS.test(name)).map(({ name, domain }) => [name, domain]);
  assert.deepEqual(
    theirs.sort(),
    [
      ["theirs", preview],
      ["wide", preview],
    ],
    "what a service sets is of its own host",
  );
}

/** The service is asked with its own cookies and without anything of ours. */
async function stripped(page) {
  const asked = await page.evaluate(async () => (await fetch("/asked")).json());
  const urls = asked.map(({ url }) => url);
  for (const url of ["/", "/echo", "/asked"]) assert.ok(urls.includes(url), `${url} is not in ${urls}`);
  for (const { url, cookie = "", authorization } of asked) {
    assert.doesNotMatch(cookie, /nexus/, `${url} brings ${cookie}`);
    assert.equal(authorization, undefined, url);
  }
  const { cookie } = asked.at(-1);
  assert.deepEqual(cookie.split("; ").sort(), ["theirs=1", "wide=1"]);
}

/** The address alone is worth nothing: neither for another preview nor in another browser. */
async function addressAlone(browser, context, url) {
  const other = await context.newPage();
  const neighbour = await other.goto(url.replace("//3000-", "//3001-"));
  assert.equal(neighbour.status(), 401, "one preview lets into no other");
  await other.close();
  const { context: stranger, page } = await open(browser);
  const answer = await page.goto(url);
  assert.equal(answer.status(), 401, "the address lets nobody in");
  await picture(page, "preview-stranger");
  await stranger.close();
}

await tell(async (browser) => {
  const { context, page, wrong } = await open(browser);
  await signIn(page, `/workspaces/${workspace}/services`);
  await settled(page);
  const opening = context.waitForEvent("page");
  await page.getByRole("button", { name: "Open preview" }).click();
  const preview = await opening;
  await preview.getByText(HEARD).waitFor({ timeout: 20_000 });
  const url = new URL(preview.url());
  assert.match(url.hostname, /^3000-[0-9a-z-]+\.preview\.localhost$/);
  assert.equal(url.pathname + url.search + url.hash, "/", "the ticket is gone from the address");
  await picture(preview, "preview");
  await cookies(context, url.hostname);
  // Now the service's own cookies come along.
  await preview.reload();
  await preview.getByText(HEARD).waitFor();
  await stripped(preview);
  await addressAlone(browser, context, preview.url());

  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByLabel("Token").waitFor();
  // What was open is closed, and nothing is answered any more.
  await preview.getByText("closed", { exact: true }).waitFor({ timeout: 5_000 });
  const after = await preview.reload();
  assert.equal(after.status(), 401);
  await picture(preview, "preview-signed-out");
  nothing(wrong);
});
