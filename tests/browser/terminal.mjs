// The terminal as people use it: full-screen programs, a prompt, colours, another size of the
// window, copy and paste, and a page that comes back to the same session.

import assert from "node:assert/strict";
import { barriers, base, open, picture, signIn, tell, workspace, nothing } from "./harness.mjs";

const path = `/workspaces/${workspace}/terminal`;

/** Everything the terminal shows. */
async function shown(page) {
  const lines = await page.locator(".xterm-rows > div").allInnerTexts();
  return lines.map((line) => line.replaceAll("\u00a0", " ").trimEnd()).join("\n");
}

/** Waits until the terminal shows `text` (or what matches it). */
async function shows(page, text, seconds = 20) {
  const begins = Date.now();
  for (;;) {
    const now = await shown(page);
    if (typeof text === "string" ? now.includes(text) : text.test(now)) return now;
    assert.ok(Date.now() - begins < seconds * 1000, `no ${text} in:\n${now}`);
    await page.waitForTimeout(50);
  }
}

async function type(page, line) {
  await page.keyboard.type(line);
  await page.keyboard.press("Enter");
}

async function opened(page) {
  await page.locator(".xterm-helper-textarea").first().waitFor({ state: "attached" });
  await page.locator(".xterm-screen").first().click();
  await type(page, "clear; echo it-$((40 + 2))-answers");
  await shows(page, "it-42-answers");
}

async function programs(page) {
  await type(page, "rm -f note; vi note");
  await shows(page, "note");
  await page.keyboard.press("i");
  await page.keyboard.type("written in a browser");
  await shows(page, "written in a browser");
  await picture(page, "terminal-vim");
  await page.keyboard.press("Escape");
  await type(page, ":wq");
  await type(page, "clear; cat note; echo left-$((1 + 1))");
  assert.match(await shows(page, "left-2"), /^written in a browser$/m);
  await type(page, "command -v htop > /dev/null && htop || top");
  await shows(page, /PID\s+USER/);
  await picture(page, "terminal-htop");
  await page.keyboard.press("q");
  await type(page, "clear; node");
  await shows(page, /^> ?$/m);
  await type(page, "[1, 2, 3].map((each) => each ** 2)");
  await shows(page, "[ 1, 4, 9 ]");
  await picture(page, "terminal-node");
  await type(page, ".exit");
  // Until the shell asks again, node takes what is typed.
  await shows(page, /\.exit\n[^>]*\$\s*$/);
  await type(page, "clear; echo back-$((1 + 1))");
  await shows(page, "back-2");
}

async function colours(page) {
  await type(page, String.raw`clear; printf '\033[31mred\033[0m \033[1;32mgreen\033[0m \033[38;2;255;128;0morange\033[0m \033[7mturned\033[0m é漢字🙂\n'`);
  await shows(page, /^red green orange turned é漢字🙂/m);
  const red = page.locator(".xterm-rows span.xterm-fg-1", { hasText: /^red$/ });
  assert.equal(await red.count(), 1, "red is red");
  const orange = page.locator(".xterm-rows span", { hasText: /^orange$/ });
  assert.equal(await orange.evaluate((span) => getComputedStyle(span).color), "rgb(255, 128, 0)");
  await picture(page, "terminal-colours");
}

async function size(page) {
  let asked = 0;
  const now = async () => {
    asked += 1;
    await type(page, `clear; echo size $(stty size) end ${asked}`);
    const wanted = new RegExp(`^size (\\d+) (\\d+) end ${asked}`, "m");
    const [, rows, columns] = (await shows(page, wanted)).match(wanted);
    return { rows: Number(rows), columns: Number(columns) };
  };
  const before = await now();
  await page.setViewportSize({ width: 800, height: 500 });
  await page.waitForTimeout(500);
  const after = await now();
  assert.ok(after.rows < before.rows && after.columns < before.columns, `${JSON.stringify([before, after])}`);
  await picture(page, "terminal-small");
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.waitForTimeout(500);
  assert.deepEqual(await now(), before);
}

async function copyAndPaste(page) {
  await type(page, "clear; echo copy-me-whole");
  await shows(page, /^copy-me-whole/m);
  const line = page.locator(".xterm-rows > div", { hasText: /^copy-me-whole/ }).first();
  // A layer of the terminal's own lies over its text.
  const { x, y } = await line.boundingBox();
  await page.mouse.dblclick(x + 20, y + 8);
  await page.keyboard.press("Control+Shift+C");
  await page.waitForFunction(async () => (await navigator.clipboard.readText()).includes("copy"));
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(copied.trim(), /^copy(-me-whole)?$/);
  await page.evaluate(() => navigator.clipboard.writeText("echo pasted-$((3 * 4))\n"));
  await type(page, "clear");
  await page.keyboard.press("Control+Shift+V");
  // Bracketed: what is pasted is not run before somebody looked at it.
  await page.waitForTimeout(300);
  await page.keyboard.press("Enter");
  await shows(page, "pasted-12");
}

/** A reload comes back to the same session, with what it had shown. */
async function reload(page) {
  await type(page, "clear; remembered=$((100 + 11)); echo before-the-reload");
  await shows(page, /^before-the-reload/m);
  const url = page.url();
  await page.reload();
  assert.equal(page.url(), url);
  await page.locator(".xterm-screen").first().waitFor();
  await shows(page, "before-the-reload");
  await page.locator(".xterm-screen").first().click();
  await type(page, "echo it-is-$remembered");
  await shows(page, "it-is-111");
}

await tell(async (browser) => {
  const { page, wrong } = await open(browser);
  await signIn(page, path);
  await opened(page);
  for (const part of [programs, colours, size, copyAndPaste, reload]) {
    try {
      await part(page);
    } catch (error) {
      await picture(page, `terminal-${part.name}-failed`);
      wrong.push(`${part.name}: ${error.stack}`);
      await page.keyboard.press("Control+C");
    }
  }
  wrong.push(...(await barriers(page)));
  await page.goto(`${base}/terminal.html?machine=${process.env.NEXUS_MACHINE}`);
  await opened(page);
  await picture(page, "terminal-html");
  const phone = await open(browser, { phone: true, dark: true });
  await signIn(phone.page, path);
  await phone.page.locator(".xterm-screen").first().waitFor();
  await phone.page.waitForTimeout(500);
  await picture(phone.page, "terminal-phone");
  nothing(wrong);
});
