// A real browser pointed at a running Nexus: what every script here begins with.
//
// From the environment: NEXUS_URL (where the page is), NEXUS_TOKEN (who signs in), NEXUS_WORKSPACE
// (a running workspace's id), NEXUS_PICTURES (where pictures go), NEXUS_CHROMIUM (the browser).

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { chromium } from "playwright-core";

export const base = needed("NEXUS_URL");
export const workspace = needed("NEXUS_WORKSPACE");
const pictures = needed("NEXUS_PICTURES");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const PHONE = { width: 390, height: 844 };
const DESK = { width: 1280, height: 800 };

function needed(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
}

/** Runs `story` with a browser that is closed whatever happens; the process tells how it ended. */
export async function tell(story) {
  mkdirSync(pictures, { recursive: true });
  const browser = await chromium.launch({
    executablePath: needed("NEXUS_CHROMIUM"),
    // Without WebGL xterm.js draws text into the page, where it can be read. In a container there
    // is no room for the browser's own sandbox, nor enough /dev/shm.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-3d-apis"],
  });
  try {
    await story(browser);
  } finally {
    await browser.close();
  }
}

/** A window of its own, with everything noted that a good page does not do. */
export async function open(browser, { phone = false, dark = false } = {}) {
  const context = await browser.newContext({
    viewport: phone ? PHONE : DESK,
    hasTouch: phone,
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`error: ${error.stack || error.message}`));
  page.on("console", (message) => {
    // A failed request is told by the page itself; the browser's own line says no more.
    if (message.type() === "error" && !/Failed to load resource|WebSocket connection/.test(message.text()))
      wrong.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith("http") && origin !== new URL(base).origin) wrong.push(`asks ${request.url()}`);
  });
  const changes = networkChanges(page);
  loadWhole(page, changes);
  return { context, page, wrong, changes };
}

/** How often the browser broke off requests since interfaces of this machine came or went: engines
 * make and remove them all the time, and a page that lacks its first script cannot help itself. */
function networkChanges(page) {
  let seen = 0;
  page.on("requestfailed", (request) => {
    if (request.failure()?.errorText === "net::ERR_NETWORK_CHANGED") seen += 1;
  });
  return () => seen;
}

/** Makes `page.goto` load again what a change of the network broke off, as a person would. */
function loadWhole(page, changes) {
  const go = page.goto.bind(page);
  page.goto = async (...given) => {
    for (;;) {
      const before = changes();
      const reply = await go(...given).catch((error) => {
        if (!error.message.includes("ERR_NETWORK_CHANGED")) throw error;
      });
      if (changes() === before) return reply;
    }
  };
}

/** Signs in at the page as a person does, and arrives where one wanted to go. */
export async function signIn(page, to = "/workspaces") {
  await page.goto(base + to);
  await page.getByLabel("Token").fill(needed("NEXUS_TOKEN"));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(base + to);
}

/** Waits until a view has something to show: its heading, and nothing still on its way. */
export async function settled(page) {
  await page.locator("main h1").first().waitFor();
  await page.waitForFunction(() => !document.querySelector("[aria-busy=true], main [role=status][aria-label]"), null, {
    timeout: 10_000,
  });
}

/** Takes a picture called `name`. */
export async function picture(page, name) {
  await page.screenshot({ path: path.join(pictures, `${name}.png`) });
}

/** What is wrong with the page for people who do not see, hear or point as its authors do. */
export async function barriers(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
  );
  return found.violations.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join(" | ")}`,
  );
}

/** How many pixels the page is wider than its window. */
export function overflow(page) {
  return page.evaluate(() => document.scrollingElement.scrollWidth - document.documentElement.clientWidth);
}

/** Asks the API as whoever is signed in at `page`. */
export async function ask(method, path, body) {
  const reply = await fetch(base + path, {
    method,
    headers: { authorization: `Bearer ${needed("NEXUS_TOKEN")}`, "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await reply.text();
  assert.ok(reply.ok, `${method} ${path}: ${reply.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

/** Fails with everything that is wrong, in as many lines. */
export function nothing(wrong) {
  if (wrong.length > 0) throw new Error(`${wrong.length} things are wrong:\n${wrong.join("\n")}`);
}
