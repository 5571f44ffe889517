// Every dialog against a real server: looked at by day, by night and on a phone, then clicked
// through, and what the server has afterwards is what was asked for.

import assert from "node:assert/strict";
import { ask, barriers, base, nothing, open, overflow, picture, settled, signIn, tell, workspace } from "./harness.mjs";

const KEY = process.env.NEXUS_NEW_KEY;
const wrong = [];

async function dialogs() {
  const [{ items: users }, { items: tokens }] = [await ask("GET", "/api/v1/users"), await ask("GET", "/api/v1/tokens")];
  const of = (id) => `&of=${encodeURIComponent(id)}`;
  return {
    create: "/workspaces?dialog=create",
    connect: `/workspaces?dialog=connect${of(workspace)}`,
    hold: `/workspaces?dialog=hold${of(workspace)}`,
    delete: `/workspaces?dialog=delete${of(workspace)}`,
    issue: "/users?dialog=issue",
    revoke: `/users?dialog=revoke${of(tokens[0].id)}`,
    "add-key": `/users?dialog=add-key${of(users[0].id)}`,
    "set-credential": "/settings?dialog=set-credential",
    "remove-credential": `/settings?dialog=remove-credential${of("env SHOWN")}`,
  };
}

/** Each dialog as it opens from its address. */
async function look(page, variant) {
  for (const [name, path] of Object.entries(await dialogs())) {
    const note = (what) => wrong.push(`${name} (${variant}): ${what}`);
    try {
      await page.goto(base + path);
      const dialog = page.getByRole("dialog");
      await dialog.waitFor();
      await settled(page);
      for (const barrier of await barriers(page)) note(barrier);
      const wider = await overflow(page);
      if (wider > 0) note(`${wider} px wider than its window`);
      const { x, y, width, height } = await dialog.boundingBox();
      const view = page.viewportSize();
      if (x < 0 || y < 0 || x + width > view.width || y + height > view.height) note("does not fit its window");
      await picture(page, `dialog-${name}-${variant}`);
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "hidden" });
    } catch (error) {
      await picture(page, `dialog-${name}-${variant}-failed`);
      note(error.message);
    }
  }
}

/** Waits until the server answers so. */
async function until(what, is) {
  const ends = Date.now() + 60_000;
  while (!(await is())) {
    assert.ok(Date.now() < ends, what);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** What a command line in the workspace writes. */
async function inside(line) {
  const reply = await fetch(`${base}/api/v1/workspaces/${workspace}/exec`, {
    method: "POST",
    headers: { authorization: `Bearer ${process.env.NEXUS_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ argv: ["sh", "-c", line] }),
  });
  const frames = (await reply.text()).split("\n").filter(Boolean).map((frame) => JSON.parse(frame));
  return frames.map(({ stdout = "" }) => Buffer.from(stdout, "base64").toString()).join("");
}

const named = async (name) => (await ask("GET", "/api/v1/workspaces")).items.find((each) => each.name === name);

async function createAndDelete(page) {
  await page.goto(`${base}/workspaces`);
  await page.getByRole("button", { name: "New workspace" }).first().click();
  const create = page.getByRole("dialog", { name: "New workspace" });
  // What cannot be is said before it is asked for.
  await create.getByLabel("Name").fill("Not A Name");
  await create.getByRole("button", { name: "Create" }).click();
  await create.getByRole("alert").or(create.locator("[aria-invalid=true]")).first().waitFor();
  await picture(page, "dialog-create-refused");
  await create.getByLabel("Name").fill("clicked");
  await create.getByRole("button", { name: "Create" }).click();
  await create.waitFor({ state: "hidden" });
  await page.getByRole("region", { name: "Accepted operations" }).getByText("clicked").waitFor();
  await until("it runs", async () => (await named("clicked"))?.phase === "running");
  await page.getByRole("button", { name: "Stop clicked" }).waitFor();

  await page.getByRole("button", { name: "More for clicked" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  const remove = page.getByRole("dialog", { name: "Delete clicked?" });
  const sure = remove.getByRole("button", { name: "Delete" });
  assert.ok(await sure.isDisabled(), "the name is not typed yet");
  await remove.getByLabel("Type clicked to confirm").fill("clicke");
  assert.ok(await sure.isDisabled(), "nor is the whole of it");
  await remove.getByLabel("Type clicked to confirm").fill("clicked");
  await sure.click();
  await remove.waitFor({ state: "hidden" });
  await until("it is gone", async () => !(await named("clicked")));
  await page.getByRole("button", { name: "More for clicked" }).waitFor({ state: "detached" });
}

async function tokens(page) {
  await page.goto(`${base}/users`);
  await page.getByRole("button", { name: "Issue a token" }).click();
  const issue = page.getByRole("dialog", { name: "Issue a token" });
  await issue.getByLabel("Ends").selectOption({ label: "after 1 day" });
  await issue.getByRole("button", { name: "Issue" }).click();
  const told = page.getByRole("dialog", { name: "Copy it now" });
  await told.waitFor();
  await picture(page, "dialog-issued");
  const token = (await told.innerText()).match(/nxs_\S+/)?.[0];
  assert.ok(token, await told.innerText());
  const counts = async () => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${base}/api/v1/sign-in`, { headers })).status;
  };
  assert.equal(await counts(), 200);
  await told.getByRole("button", { name: "I have it" }).click();
  await told.waitFor({ state: "hidden" });
  assert.ok(!(await page.content()).includes(token), "it is shown once");

  const day = 86_400_000;
  const soon = ({ expires_at: at }) => at && Date.parse(at) - Date.now() < day && Date.parse(at) - Date.now() > day / 2 + 1;
  const { items } = await ask("GET", "/api/v1/tokens");
  const newest = items.filter(soon).sort((a, b) => (a.issued_at < b.issued_at ? 1 : -1))[0];
  const row = page.getByRole("row").filter({ has: page.locator(`[title="${newest.id}"]`) });
  await row.getByRole("button", { name: /^Revoke/ }).click();
  const revoke = page.getByRole("dialog", { name: /^Revoke / });
  await revoke.getByRole("button", { name: "Revoke" }).click();
  await revoke.waitFor({ state: "hidden" });
  await row.waitFor({ state: "detached" });
  await until("it counts no more", async () => (await counts()) === 401);
}

async function keys(page) {
  await page.goto(`${base}/users`);
  const keysNow = async () => (await ask("GET", "/api/v1/users")).items[0].keys;
  const before = await keysNow();
  await page.getByRole("button", { name: "Add a key to alice" }).click();
  const add = page.getByRole("dialog", { name: "Add a key to alice" });
  await add.getByLabel("Public key").fill("ssh-ed25519 nonsense");
  await add.getByRole("button", { name: "Add" }).click();
  await add.getByRole("alert").waitFor();
  await picture(page, "dialog-add-key-refused");
  await add.getByLabel("Public key").fill(KEY);
  await add.getByRole("button", { name: "Add" }).click();
  await add.waitFor({ state: "hidden" });
  await until("it is there", async () => (await keysNow()).length === before.length + 1);
  const added = (await keysNow()).find((key) => !before.includes(key));
  await page.getByRole("button", { name: `Remove the key ${added}` }).click();
  await until("it is gone", async () => !(await keysNow()).includes(added));
  await page.getByRole("button", { name: `Remove the key ${added}` }).waitFor({ state: "detached" });
}

async function credentials(page) {
  await page.goto(`${base}/settings`);
  await page.getByRole("button", { name: "Set a credential" }).click();
  const set = page.getByRole("dialog", { name: "Set a credential" });
  await set.getByLabel("Name").fill("CLICKED");
  await set.getByLabel("Value").fill("a-secret-typed-here");
  await set.getByRole("button", { name: "Set" }).click();
  await set.waitFor({ state: "hidden" });
  await page.getByRole("cell", { name: "CLICKED", exact: true }).waitFor();
  assert.ok(!(await page.content()).includes("a-secret-typed-here"), "the page forgets it");
  await until("new programs have it", async () => (await inside("echo $CLICKED")) === "a-secret-typed-here\n");

  await page.getByRole("button", { name: "Remove CLICKED" }).click();
  const remove = page.getByRole("dialog", { name: "Remove CLICKED?" });
  await remove.getByRole("button", { name: "Remove" }).click();
  await remove.waitFor({ state: "hidden" });
  await page.getByRole("cell", { name: "CLICKED", exact: true }).waitFor({ state: "detached" });
}

async function scripts(page) {
  await page.goto(`${base}/settings`);
  const lines = page.getByLabel("Program and arguments, one a line");
  await lines.fill("/bin/sh\n-c\necho started > /tmp/started");
  const save = page.getByRole("button", { name: "Save" });
  await save.click();
  await page.waitForFunction(() => [...document.querySelectorAll("button")].find((each) => each.innerText === "Save")?.disabled);
  await page.reload();
  await settled(page);
  assert.equal(await lines.inputValue(), "/bin/sh\n-c\necho started > /tmp/started");
  await lines.fill("");
  await save.click();
  await page.waitForFunction(() => [...document.querySelectorAll("button")].find((each) => each.innerText === "Save")?.disabled);
  await page.reload();
  await settled(page);
  assert.equal(await lines.inputValue(), "");
}

/** A session that is recorded says so in its tab, under it, and in the list. */
async function recorded(page) {
  await page.goto(`${base}/workspaces/${workspace}/terminal`);
  await page.locator(".xterm-screen").first().waitFor();
  await page.getByRole("button", { name: "New recorded tab" }).click();
  await page.getByText("recorded", { exact: true }).waitFor();
  await page.getByRole("status", { name: /^Connection of recorded-/ }).getByText("connected").waitFor();
  await picture(page, "terminal-recorded");
  await page.goto(`${base}/workspaces/${workspace}/terminals`);
  const row = page.getByRole("row", { name: /recorded-/ });
  await row.getByText("recording", { exact: true }).waitFor();
  const other = page.getByRole("row", { name: /^main/ });
  assert.equal(await other.getByText("recording", { exact: true }).count(), 0);
  await picture(page, "terminals-recorded");
}

await tell(async (browser) => {
  await ask("PUT", "/api/v1/settings/credentials", { env: { SHOWN: "yes" } }).catch((error) => wrong.push(error.message));
  for (const [variant, options] of Object.entries({ desk: {}, night: { dark: true }, phone: { phone: true } })) {
    const { context, page, wrong: unwanted } = await open(browser, options);
    await signIn(page);
    await look(page, variant);
    wrong.push(...unwanted.map((what) => `${variant}: ${what}`));
    await context.close();
  }
  const { page, wrong: unwanted } = await open(browser);
  await signIn(page);
  for (const part of [createAndDelete, tokens, keys, credentials, scripts, recorded]) {
    try {
      await part(page);
    } catch (error) {
      await picture(page, `dialogs-${part.name}-failed`);
      wrong.push(`${part.name}: ${error.stack}`);
    }
  }
  wrong.push(...unwanted);
});

nothing(wrong);
