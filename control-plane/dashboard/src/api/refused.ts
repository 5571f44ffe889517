// A request that did not succeed, as one error whatever the reason: the server's own problem, or
// one made here where there was no server to make it.

import type { Problem } from "./types";

export class Refused extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = "Refused";
    this.problem = problem;
  }
}

/** Nobody answered. */
export function unreachable(): Refused {
  return new Refused({
    type: "urn:nexus:problem:UNREACHABLE",
    title: "The server cannot be reached",
    status: 0,
    detail: "The request got no answer: nexusd is not running, or the network is away.",
    code: "UNREACHABLE",
    hint: "nexus daemon status",
    retryable: true,
  });
}

/** There is no such thing among what was answered. */
export function missing(what: string): Refused {
  return new Refused({
    type: "urn:nexus:problem:NOT_FOUND",
    title: "There is no such thing",
    status: 404,
    detail: `There is no ${what}, or it is not yours to see.`,
    code: "NOT_FOUND",
    hint: "nexus events tail --since 0",
    retryable: false,
  });
}

/** The problem in a response, or one that says there was none. */
export async function refusedBy(response: Response): Promise<Refused> {
  try {
    const body = (await response.json()) as Partial<Problem>;
    if (typeof body.detail === "string" && typeof body.code === "string") {
      return new Refused(body as Problem);
    }
  } catch {
    // Not JSON: something between us and the server answered.
  }
  return new Refused({
    type: "about:blank",
    title: response.statusText || "The request failed",
    status: response.status,
    detail: `The server answered ${response.status} without saying why.`,
    code: "UNEXPLAINED",
    hint: "nexus doctor",
    retryable: response.status >= 500,
  });
}

/** Any error as a problem to show. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Refused) return error.problem;
  return {
    type: "about:blank",
    title: "The page failed",
    status: 0,
    detail: error instanceof Error ? error.message : String(error),
    code: "PAGE_ERROR",
    hint: "Reload the page; if it stays, report it.",
    retryable: false,
  };
}
