// What a program or a foreign page tries on whoever looks on: the terminal answers no question, the
// clipboard stays theirs, links run nothing, and a page from elsewhere gets nowhere.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { base, open, signIn, tell, workspace, nothing } from "./harness.mjs";

/** Sequences that ask the terminal to type something for the program. */
const QUESTIONS = {
  "the clipboard": String.raw`\033]52;c;?\007`,
  "the title": String.raw`\033[21t`,
  "the icon's title": String.raw`\033[20t`,
  "the answerback": String.raw`\005`,
  "a setting echoed": String.raw`\033P$q"p\033\\`,
};

async function text(page) {
  const lines = await page.locator(".xterm-rows > div").allInnerTexts();
  return lines.map((line) => line.replaceAll("\u00a0", " ").trimEnd()).join("\n");
}

async function shows(page, wanted) {
  await page.waitForFunction(
    (wanted) => document.querySelector(".xterm-rows")?.innerText.replaceAll("\u00a0", " ").includes(wanted),
    wanted,
  );
  return text(page);
}

async function run(page, line, wanted) {
  await page.keyboard.type(line);
  await page.keyboard.press("Enter");
  return shows(page, wanted);
}

async function programs(page) {
  await page.evaluate(() => navigator.clipboard.writeText("theirs"));
  await page.locator(".xterm-screen").first().click();
  await run(page, String.raw`printf '\033]0;$(reboot)\007'; exec bash --norc`, "bash");
  let number = 0;
  for (const [what, sequence] of Object.entries(QUESTIONS)) {
    number += 1;
    const line = `clear; printf '${sequence}'; IFS= read -r -s -t 1 -n 40 got; echo "answer $((40 + ${number})) [$got] end"`;
    const seen = await run(page, line, `answer ${40 + number} [`);
    // DECRQSS may say "no such setting" (0$r); anything that a program could steer is an answer.
    const got = seen.match(new RegExp(`answer ${40 + number} \\[([^]*?)\\] end`))?.[1] ?? "";
    assert.ok(!/theirs|dGhlaXJz|reboot/.test(got), `it told ${what}: ${JSON.stringify(got)}`);
    if (what !== "a setting echoed") assert.equal(got, "", `it answered a question for ${what}`);
  }
  await run(page, String.raw`clear; printf '\033]52;c;aGFja2Vk\007'; echo written-$((1 + 1))`, "written-2");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "theirs", "a program wrote the clipboard");
  const link = String.raw`clear; printf '\033]8;;javascript:window.taken=1\033\\press-here\033]8;;\033\\ \n'; echo linked-$((1 + 1))`;
  await run(page, link, "linked-2");
  const dialogs = [];
  page.on("dialog", async (dialog) => {
    dialogs.push(dialog.message());
    await dialog.accept();
  });
  const row = page.locator(".xterm-rows > div", { hasText: /^press-here/ }).first();
  const { x, y } = await row.boundingBox();
  await page.mouse.move(x + 20, y + 8);
  await page.keyboard.down("Control");
  await page.mouse.click(x + 20, y + 8);
  await page.keyboard.up("Control");
  await page.mouse.click(x + 20, y + 8);
  await page.waitForTimeout(300);
  assert.equal(await page.evaluate(() => window.taken), undefined, "a link ran a script");
  assert.deepEqual(dialogs, [], "it offers to open a script");
  assert.equal(page.context().pages().length, 1, "a link opened a page");
}

/** On another port of the same machine: the same site, so the cookie comes along. */
const FOREIGN = `<!doctype html><title>elsewhere</title><script type="module">
const [base, workspace] = location.hash.slice(1).split("|");
const tried = {};
const attempt = async (name, work) => { try { tried[name] = await work(); } catch (error) { tried[name] = "refused"; } };
const write = { method: "POST", credentials: "include", mode: "no-cors", headers: { "content-type": "text/plain" }, body: "{}" };
await attempt("read", async () => (await (await fetch(base + "/api/v1/workspaces", { credentials: "include" })).text()).length);
await attempt("stop", async () => (await fetch(base + "/api/v1/workspaces/" + workspace + "/stop", write)).type);
await attempt("ticket", async () => (await (await fetch(base + "/api/v1/tickets", { method: "POST", credentials: "include" })).text()).length);
for (const path of ["/api/v1/workspaces/" + workspace + "/terminal?session=main", "/api/v1/events/ws", "/machines/" + workspace + "/terminal"])
  await attempt("socket " + path, () => new Promise((done) => {
    const socket = new WebSocket(base.replace("http", "ws") + path);
    socket.onopen = () => done("open");
    socket.onerror = () => done("refused");
  }));
await attempt("frame", () => new Promise((done) => {
  const frame = document.createElement("iframe");
  frame.onload = () => { try { done(frame.contentDocument ? "blank" : "refused"); } catch { done("refused"); } };
  frame.src = base + "/";
  document.body.append(frame);
  setTimeout(() => done("refused"), 3000);
}));
window.tried = tried;
</script><body>`;

async function foreignPage(context) {
  const server = createServer((_, reply) => reply.setHeader("content-type", "text/html").end(FOREIGN));
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const page = await context.newPage();
  const framed = [];
  page.on("framenavigated", (frame) => frame !== page.mainFrame() && framed.push(frame.url()));
  try {
    await page.goto(`http://127.0.0.1:${server.address().port}/#${base}|${workspace}`);
    await page.waitForFunction(() => window.tried?.frame);
    const tried = await page.evaluate(() => window.tried);
    // An opaque answer is all that a page is ever told of such a request.
    for (const [name, came] of Object.entries(tried)) assert.ok(["refused", "opaque", "blank"].includes(came), `${name}: ${came}`);
    assert.deepEqual(framed.filter((url) => url.startsWith(base)), [], "it was framed");
  } finally {
    await page.close();
    server.close();
  }
}

await tell(async (browser) => {
  const { context, page, wrong } = await open(browser);
  await signIn(page, `/workspaces/${workspace}/terminal`);
  await page.locator(".xterm-helper-textarea").first().waitFor({ state: "attached" });
  await programs(page);
  await foreignPage(context);
  const view = await (await fetch(`${base}/api/v1/workspaces/${workspace}`, {
    headers: { authorization: `Bearer ${process.env.NEXUS_TOKEN}` },
  })).json();
  assert.equal(view.phase, "running", "a foreign page stopped it");
  nothing(wrong);
});
