// A connection that breaks every five seconds for a minute, and a server that is started again:
// the list has every event once.

import assert from "node:assert/strict";
import { base, open, picture, signIn, tell, workspace, nothing } from "./harness.mjs";

const MINUTE = Number(process.env.NEXUS_MILLISECONDS);
/** The API without the network that breaks. */
const steady = process.env.NEXUS_STEADY_URL;

async function change(method, path, body) {
  const reply = await fetch(steady + path, {
    method,
    headers: { authorization: `Bearer ${process.env.NEXUS_TOKEN}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  return reply.ok;
}

/** Makes events all the time; while the server is away none are made. */
async function happen() {
  const ends = Date.now() + MINUTE;
  let made = 0;
  while (Date.now() < ends) {
    const path = `/api/v1/workspaces/${workspace}/holds/round-${made % 7}`;
    const done = await change("PUT", path, { reason: `number ${made}` })
      .then((held) => held && change("DELETE", path))
      .catch(() => false);
    if (done) made += 2;
    await new Promise((later) => setTimeout(later, 150));
  }
  return made;
}

/** The sequences of every row, read by scrolling from the first to the last. */
async function sequences(page) {
  const list = page.getByRole("listbox", { name: "Events" });
  await list.focus();
  await page.keyboard.press("Home");
  const seen = new Map();
  for (;;) {
    const rows = await list.getByRole("option").evaluateAll((options) =>
      options.map((option) => [Number(option.ariaPosInSet), Number(option.id.slice(6)), Number(option.ariaSetSize)]),
    );
    for (const [place, sequence] of rows) seen.set(place, sequence);
    if (seen.size >= rows[0][2]) break;
    await list.evaluate((frame) => frame.scrollBy(0, frame.clientHeight * 0.8));
    await page.waitForTimeout(60);
  }
  return [...seen].sort(([one], [other]) => one - other).map(([, sequence]) => sequence);
}

await tell(async (browser) => {
  const { page, wrong } = await open(browser);
  await signIn(page, "/events?since=all");
  const list = page.getByRole("listbox", { name: "Events" });
  await list.getByRole("option").first().waitFor();
  const pictureLater = new Promise((later) => setTimeout(later, MINUTE / 2)).then(() => picture(page, "broken-connection"));
  const made = await happen();
  await pictureLater;
  assert.ok(made > 100, `only ${made} events were made`);
  const reply = await fetch(`${steady}/api/v1/workspaces`, { headers: { authorization: `Bearer ${process.env.NEXUS_TOKEN}` } });
  const last = Number(reply.headers.get("x-nexus-sequence"));
  await page.waitForFunction(
    (last) => {
      const list = document.querySelector("[role=listbox]");
      list.scrollTop = list.scrollHeight;
      return [...document.querySelectorAll("[role=option]")].some((option) => Number(option.id.slice(6)) >= last);
    },
    last,
    { timeout: 30_000 },
  );
  const found = await sequences(page);
  const gaps = found.filter((sequence, at) => at > 0 && sequence !== found[at - 1] + 1);
  assert.deepEqual(gaps, [], `gaps or doubles before ${gaps}`);
  assert.ok(found.length >= made, `${found.length} rows of ${made}`);
  console.log(`${found.length} rows, ${made} events made, at ${base}`);
  nothing(wrong);
});
