// Every call the pages make, by resource. The API's table of contents, as a browser uses it.

import { askJson } from "./request";
import type {
  Accepted,
  AuthorityView,
  CredentialsView,
  EventView,
  HealthView,
  IdentityView,
  IssuedToken,
  NewWorkspace,
  NodeView,
  OperationView,
  Page,
  ParkedView,
  PreviewView,
  ProjectionView,
  Scope,
  Scripts,
  TerminalView,
  TokenView,
  UserView,
  WorkspaceView,
} from "./types";

const V1 = "/api/v1";
const at = (...parts: (string | number)[]) =>
  [V1, ...parts.map((part) => encodeURIComponent(part))].join("/");

type Signal = AbortSignal | undefined;
const read = <T>(path: string, signal: Signal, query = {}) =>
  askJson<T>(path, { query, ...(signal ? { signal } : {}) });

/** Every item of a listing, page after page. */
async function all<T>(
  path: string,
  signal: Signal,
  query: Record<string, string> = {},
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page: Page<T> | T[] = await read(path, signal, { ...query, cursor });
    if (Array.isArray(page)) return page;
    items.push(...page.items);
    cursor = page.next;
  } while (cursor);
  return items;
}

export const server = {
  health: async (signal?: Signal): Promise<HealthView> => read("/health", signal),
};

export const signIn = {
  who: (signal?: Signal) => read<IdentityView>(at("sign-in"), signal),
  in: (token: string) => askJson<unknown>(at("sign-in"), { method: "POST", body: { token } }),
  out: () => askJson<void>(at("sign-in"), { method: "DELETE" }),
  ticket: () => askJson<{ ticket: string; expires_at: string }>(at("tickets"), { method: "POST" }),
};

export const workspaces = {
  list: (signal?: Signal) => all<WorkspaceView>(at("workspaces"), signal, { limit: "500" }),
  read: (id: string, signal?: Signal) => read<WorkspaceView>(at("workspaces", id), signal),
  asOf: (id: string, sequence: number, signal?: Signal) =>
    read<WorkspaceView>(at("workspaces", id, "at", sequence), signal),
  create: (request: NewWorkspace, owner?: string) =>
    askJson<Accepted>(at("workspaces"), { method: "POST", body: request, query: { owner } }),
  start: (id: string) => askJson<Accepted>(at("workspaces", id, "start"), { method: "POST" }),
  stop: (id: string) => askJson<Accepted>(at("workspaces", id, "stop"), { method: "POST" }),
  delete: (id: string) => askJson<Accepted>(at("workspaces", id), { method: "DELETE" }),
  events: (id: string, signal?: Signal) =>
    all<EventView>(at("workspaces", id, "events"), signal, { limit: "500" }),
  operations: (id: string, signal?: Signal) =>
    read<Page<OperationView>>(at("workspaces", id, "operations"), signal, { limit: 100 }),
  hold: (id: string, name: string, hold: { reason?: string; until?: string }) =>
    askJson<unknown>(at("workspaces", id, "holds", name), { method: "PUT", body: hold }),
  release: (id: string, name: string) =>
    askJson<unknown>(at("workspaces", id, "holds", name), { method: "DELETE" }),
  previews: (id: string, signal?: Signal) =>
    all<PreviewView>(at("workspaces", id, "previews"), signal),
  openPreview: (id: string, port: number) =>
    askJson<{ url: string; enter_url?: string }>(at("workspaces", id, "previews"), {
      method: "POST",
      body: { port },
    }),
  terminals: async (id: string, signal?: Signal) =>
    (await read<{ sessions: TerminalView[] }>(at("workspaces", id, "terminals"), signal)).sessions,
  endTerminal: (id: string, session: string) =>
    askJson<void>(at("workspaces", id, "terminals", session), { method: "DELETE" }),
  logsPath: (id: string) => at("workspaces", id, "logs"),
  terminalPath: (id: string) => at("workspaces", id, "terminal"),
};

export const events = {
  path: at("events"),
  page: (query: Record<string, string | number>, signal?: Signal) =>
    read<Page<EventView>>(at("events"), signal, query),
};

export const operations = {
  page: (query: { workspace?: string; state?: string; cursor?: string }, signal?: Signal) =>
    read<Page<OperationView>>(at("operations"), signal, { ...query, limit: 100 }),
  read: (id: string, signal?: Signal) => read<OperationView>(at("operations", id), signal),
};

export const nodes = {
  list: (signal?: Signal) => all<NodeView>(at("nodes"), signal),
};

export const parked = {
  list: (signal?: Signal) => all<ParkedView>(at("parked"), signal),
  retry: (sequence: number) => askJson<void>(at("parked", sequence, "retry"), { method: "POST" }),
  discard: (sequence: number) =>
    askJson<void>(at("parked", sequence, "discard"), { method: "POST" }),
};

export const projections = {
  list: (signal?: Signal) => all<ProjectionView>(at("projections"), signal),
  rebuild: () => askJson<unknown>(at("projections", "rebuild"), { method: "POST" }),
};

export const users = {
  list: (signal?: Signal) => all<UserView>(at("users"), signal),
  addKey: (id: string, publicKey: string) =>
    askJson<unknown>(at("users", id, "keys"), { method: "POST", body: { public_key: publicKey } }),
  removeKey: (id: string, fingerprint: string) =>
    askJson<unknown>(at("users", id, "keys", fingerprint), { method: "DELETE" }),
};

export const tokens = {
  list: (signal?: Signal) => all<TokenView>(at("tokens"), signal),
  issue: (request: { user?: string; scope?: Scope; expires_in_seconds?: number }) =>
    askJson<IssuedToken>(at("tokens"), { method: "POST", body: request }),
  revoke: (id: string) => askJson<void>(at("tokens", id), { method: "DELETE" }),
};

export const settings = {
  credentials: (signal?: Signal) => read<CredentialsView>(at("settings", "credentials"), signal),
  setCredentials: (change: {
    env?: Record<string, string | null>;
    files?: Record<string, string | null>;
  }) => askJson<unknown>(at("settings", "credentials"), { method: "PUT", body: change }),
  scripts: (signal?: Signal) => read<Scripts>(at("settings", "scripts"), signal),
  setScripts: (scripts: Scripts) =>
    askJson<unknown>(at("settings", "scripts"), { method: "PUT", body: scripts }),
};

export const ssh = {
  authority: (signal?: Signal) => read<AuthorityView>(at("ssh", "authority"), signal),
};
