// Each view: drawn at a desk and on a phone, by day and by night, without a barrier, without a
// word the policy of the page forbids, and again the same after a reload.

import assert from "node:assert/strict";
import { ask, barriers, open, overflow, picture, settled, signIn, tell, workspace, nothing } from "./harness.mjs";

const one = `/workspaces/${workspace}`;

async function views() {
  const { items } = await ask("GET", "/api/v1/operations");
  const events = await ask("GET", `/api/v1/events?workspace=${workspace}&limit=50`);
  // Its claims come before it does.
  const own = events.items.filter(({ event }) => event.subject === workspace);
  const [first, last] = [own[0].sequence, own.at(-1).sequence];
  return {
    workspaces: "/workspaces",
    workspace: one,
    services: `${one}/services`,
    logs: `${one}/logs`,
    "workspace-events": `${one}/events`,
    history: `${one}/history?at=${last}`,
    difference: `${one}/difference?from=${first}&to=${last}`,
    causes: `${one}/causes`,
    terminals: `${one}/terminals`,
    events: "/events",
    operations: "/operations",
    operation: `/operations/${items[0].id}`,
    nodes: "/nodes",
    parked: "/parked",
    projections: "/projections",
    users: "/users",
    settings: "/settings",
    "not-found": "/nowhere",
  };
}

const wrong = [];

async function look(page, name, variant, path, changes) {
  const before = changes();
  const found = await looked(page, name, variant, path);
  if (found.length > 0 && changes() > before) return look(page, name, variant, path, changes);
  wrong.push(...found.map((what) => `${name} (${variant}): ${what}`));
}

async function looked(page, name, variant, path) {
  const found = [];
  const note = (what) => found.push(what);
  try {
    await page.goto(new URL(path, page.url()).href);
    await settled(page);
    const heading = await page.locator("main h1").first().innerText();
    for (const barrier of await barriers(page)) note(barrier);
    const wider = await overflow(page);
    if (wider > 0) note(`${wider} px wider than its window`);
    await picture(page, `${name}-${variant}`);
    if (variant !== "desk") return found;
    const before = new URL(page.url());
    await page.reload();
    await settled(page);
    const after = new URL(page.url());
    if (after.pathname + after.search !== before.pathname + before.search) note(`reloads as ${after}`);
    const again = await page.locator("main h1").first().innerText();
    if (again !== heading) note(`"${heading}" is "${again}" after a reload`);
  } catch (error) {
    await picture(page, `${name}-${variant}-failed`);
    note(error.message);
  }
  return found;
}

/** A module that does not come once is no matter; one that never comes is told, in its own place. */
async function lackModules(page, unwanted) {
  const tab = (name) => page.getByRole("navigation", { name: "Workspace" }).getByRole("link", { name });
  await page.goto(new URL(one, page.url()).href);
  await settled(page);
  await page.route(/\/assets\/causes-[^/]*\.js$/, (route) => route.abort(), { times: 1 });
  await tab("Causes").click();
  await page.getByRole("combobox", { name: "Request" }).waitFor();
  await page.route(/\/assets\/difference-[^/]*\.js$/, (route) => route.abort());
  await tab("Difference").click();
  await page.getByRole("heading", { name: "This view cannot be shown" }).waitFor();
  for (const barrier of await barriers(page)) wrong.push(`a view that cannot be shown: ${barrier}`);
  await picture(page, "cannot-be-shown");
  // The browser tells of it as well, and that is wanted here.
  const told = unwanted.findIndex((what) => /dynamically imported module: .*\/difference-/.test(what));
  assert.notEqual(told, -1, "nothing is told of a view that cannot be shown");
  unwanted.splice(told, 1);
  await page.unroute(/\/assets\/difference-[^/]*\.js$/);
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("combobox", { name: "From event" }).waitFor();
}

await tell(async (browser) => {
  const all = await views();
  const variants = { desk: {}, night: { dark: true }, phone: { phone: true } };
  for (const [variant, options] of Object.entries(variants)) {
    const { context, page, wrong: unwanted, changes } = await open(browser, options);
    await page.goto(new URL("/sign-in", process.env.NEXUS_URL).href);
    await page.getByLabel("Token").waitFor();
    for (const barrier of await barriers(page)) wrong.push(`sign-in (${variant}): ${barrier}`);
    await picture(page, `sign-in-${variant}`);
    await signIn(page);
    for (const [name, path] of Object.entries(all)) await look(page, name, variant, path, changes);
    if (variant === "desk") await lackModules(page, unwanted);
    wrong.push(...unwanted.map((what) => `${variant}: ${what}`));
    await context.close();
  }
});

nothing(wrong);
