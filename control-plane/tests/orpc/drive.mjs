// Calls every procedure of /rpc with the real client and checks what it makes of the answers.
// NEXUS_URL and NEXUS_TOKEN say where, and who; run by ../orpc.rs.

import assert from "node:assert/strict";
import { createORPCClient, isDefinedError, ORPCError } from "@orpc/client";
import { RPCLink } from "@orpc/client/fetch";

const url = `${process.env.NEXUS_URL}/rpc`;
const headers = () => ({ authorization: `Bearer ${process.env.NEXUS_TOKEN}` });
const client = createORPCClient(new RPCLink({ url, headers }));

async function refused(call, code, status) {
  const error = await call.then(
    () => assert.fail(`${code} was expected`),
    (error) => error,
  );
  assert.ok(error instanceof ORPCError, String(error));
  assert.equal(error.code, code);
  assert.equal(error.status, status);
  assert.equal(isDefinedError(error), false);
  assert.equal(error.data.status >= 400, true, "the problem is along");
}

function isInfo(info, name, status) {
  assert.equal(info.name, name);
  assert.equal(info.status, status);
  assert.equal(typeof info.containerId, "string");
  assert.equal(new Date(info.created).toISOString().slice(0, 4) >= "2026", true);
  assert.equal(Number.isInteger(info.ports.ssh), true);
}

assert.deepEqual(await client.workspaces.list(), []);
const created = await client.workspaces.create({
  name: "alpha",
  clone: "git@github.com:user/project.git",
  env: { LEVEL: "3" },
});
isInfo(created, "alpha", "creating");
assert.equal(created.repo, "git@github.com:user/project.git");
isInfo(await client.workspaces.get({ name: "alpha" }), "alpha", "creating");
isInfo(await client.workspaces.create({ name: "beta" }), "beta", "creating");
const names = (await client.workspaces.list()).map((info) => info.name);
assert.deepEqual(names.sort(), ["alpha", "beta"]);

await refused(client.workspaces.create({ name: "alpha" }), "CONFLICT", 409);
await refused(client.workspaces.get({ name: "nobody" }), "NOT_FOUND", 404);
await refused(client.workspaces.create({ name: "Not a name" }), "BAD_REQUEST", 400);
await refused(client.workspaces.rename({ name: "alpha" }), "NOT_FOUND", 404);
const stranger = createORPCClient(new RPCLink({ url }));
await refused(stranger.workspaces.list(), "UNAUTHORIZED", 401);
const byLink = createORPCClient(new RPCLink({ url, headers, method: "GET" }));
await refused(byLink.workspaces.list(), "METHOD_NOT_SUPPORTED", 405);

const stopped = await client.workspaces.stop({ name: "beta" });
isInfo(stopped, "beta", stopped.status);
assert.ok(["running", "stopped"].includes(stopped.status), stopped.status);
isInfo(await client.workspaces.start({ name: "beta" }), "beta", "creating");
assert.deepEqual(await client.workspaces.delete({ name: "beta" }), { success: true });
await refused(client.workspaces.delete({ name: "nobody" }), "NOT_FOUND", 404);
assert.equal(await client.workspaces.logs({ name: "alpha", tail: 10 }), "");

const info = await client.info();
assert.equal(typeof info.hostname, "string");
assert.equal(Number.isInteger(info.uptime), true);
assert.equal(info.workspacesCount >= 1, true);
assert.equal(typeof info.dockerVersion, "string");
assert.equal(info.terminalConnections, 0);

const kept = await client.config.credentials.update({
  env: { API_KEY: "sk-secret" },
  files: { "~/.gitconfig": "[user]\n" },
});
assert.deepEqual(kept, { env: { API_KEY: "********" }, files: { "~/.gitconfig": "********" } });
assert.deepEqual(await client.config.credentials.get(), kept);
assert.deepEqual(await client.config.scripts.get(), {});
const script = { post_start: "/workspace/post-start.sh" };
assert.deepEqual(await client.config.scripts.update(script), script);
assert.deepEqual(await client.config.scripts.get(), script);
console.log("every procedure answered as the client expects");
