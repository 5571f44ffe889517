// One request: the cookie goes along by itself, refusals come back as `Refused`, and whoever is not
// signed in any more is told once, here.

import { freshId } from "@/lib/id";
import { refusedBy, unreachable } from "./refused";

type Query = Record<string, string | number | boolean | null | undefined>;

export interface Asking {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  query?: Query;
  body?: unknown;
  accept?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

let whenSignedOut: () => void = () => {};

/** Calls `listener` when the server no longer knows who asks. */
export function onSignedOut(listener: () => void): void {
  whenSignedOut = listener;
}

export function withQuery(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}

/** The response, if it is a good one. */
export async function ask(path: string, asking: Asking = {}): Promise<Response> {
  const { method = "GET", query, body, accept = "application/json", headers, signal } = asking;
  const init: RequestInit = {
    method,
    credentials: "same-origin",
    cache: "no-store",
    headers: {
      accept,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(method === "POST" ? { "idempotency-key": freshId() } : {}),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  };
  let response: Response;
  try {
    response = await fetch(withQuery(path, query), init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable();
  }
  if (response.ok) return response;
  const refused = await refusedBy(response);
  if (response.status === 401) whenSignedOut();
  throw refused;
}

/** The body of the response as JSON; nothing where there is none. */
export async function askJson<T>(path: string, asking: Asking = {}): Promise<T> {
  const response = await ask(path, asking);
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}
