// A hundred thousand events: the tail holds them all in a list, and scrolls as a short one does.

import assert from "node:assert/strict";
import { barriers, base, open, picture, signIn, tell, nothing } from "./harness.mjs";

const EVENTS = Number(process.env.NEXUS_EVENTS);
/** Milliseconds. A frame at 60 Hz is 17; two shared cores draw without a graphics card here. */
const MEDIAN_FRAME = 34;
const LONGEST_FRAME = 400;

/** Scrolls by the wheel for a while, from wherever the list is; how long each frame took. */
async function frames(page, by) {
  await page.evaluate(() => {
    window.frames60 = [];
    let last = performance.now();
    const next = (now) => {
      window.frames60.push(now - last);
      last = now;
      window.counting = requestAnimationFrame(next);
    };
    window.counting = requestAnimationFrame(next);
  });
  for (let turn = 0; turn < 120; turn += 1) {
    await page.mouse.wheel(0, by);
    await page.waitForTimeout(8);
  }
  return page.evaluate(() => {
    cancelAnimationFrame(window.counting);
    return window.frames60.slice(1).sort((one, other) => one - other);
  });
}

await tell(async (browser) => {
  const { page, wrong } = await open(browser);
  await signIn(page, "/events?since=all");
  const list = page.getByRole("listbox", { name: "Events" });
  const option = list.getByRole("option").first();
  await option.waitFor();
  const count = () => option.getAttribute("aria-setsize").then(Number);
  const begins = Date.now();
  while ((await count()) < EVENTS) {
    assert.ok(Date.now() - begins < 90_000, `only ${await count()} of ${EVENTS} events came`);
    await page.waitForTimeout(200);
  }
  console.log(`${await count()} events after ${Date.now() - begins} ms`);
  await list.hover();
  for (const [way, by] of [["up", -900], ["far up", -60_000], ["down", 900]]) {
    const times = await frames(page, by);
    const median = times[Math.floor(times.length / 2)];
    const p99 = times[Math.floor(times.length * 0.99)];
    console.log(`${way}: ${times.length} frames, median ${median.toFixed(1)} ms, p99 ${p99.toFixed(1)}, longest ${times.at(-1).toFixed(1)}`);
    assert.ok(median <= MEDIAN_FRAME, `${way}: a frame takes ${median} ms`);
    assert.ok(times.at(-1) <= LONGEST_FRAME, `${way}: one frame took ${times.at(-1)} ms`);
  }
  const drawn = await list.getByRole("option").count();
  assert.ok(drawn < 200, `${drawn} rows are in the page`);
  await list.focus();
  await page.keyboard.press("Home");
  await list.locator("#event-1").waitFor();
  await page.keyboard.press("End");
  await picture(page, "tail-100000");
  wrong.push(...(await barriers(page)));
  const url = page.url();
  await page.reload();
  await option.waitFor();
  assert.equal(page.url(), url, `not ${base}`);
  nothing(wrong);
});
