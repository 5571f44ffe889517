// Who this browser is signed in as. The cookie itself is out of a page's reach, as it should be.

import { signIn } from "@/api/calls";
import { problemOf } from "@/api/refused";
import { onSignedOut } from "@/api/request";
import type { IdentityView, Problem } from "@/api/types";
import { forgetAll } from "./resources";
import { store } from "./store";

export type Session =
  | { at: "asking" }
  | { at: "in"; identity: IdentityView }
  | { at: "out" }
  | { at: "failed"; problem: Problem };

export const session = store<Session>({ at: "asking" });

onSignedOut(() => session.write((before) => (before.at === "out" ? before : { at: "out" })));

export function isAdmin(now: Session): boolean {
  return now.at === "in" && (now.identity.operator || now.identity.scope === "admin");
}

export async function askWhoIAm(): Promise<void> {
  try {
    session.write({ at: "in", identity: await signIn.who() });
  } catch (error) {
    const problem = problemOf(error);
    session.write(problem.status === 401 ? { at: "out" } : { at: "failed", problem });
  }
}

export async function signInWith(token: string): Promise<void> {
  await signIn.in(token);
  forgetAll();
  await askWhoIAm();
}

export async function signOut(): Promise<void> {
  try {
    await signIn.out();
  } finally {
    forgetAll();
    session.write({ at: "out" });
  }
}
