// What was asked for and accepted, until it has ended and was seen: nothing is shown as done before
// the log says so.

import type { Accepted, OperationKind } from "@/api/types";
import { store } from "./store";

export interface Followed {
  operation: string | null;
  kind: OperationKind;
  workspace: string;
  /** Why nothing was to be done. */
  reason?: string;
}

export const followed = store<Followed[]>([]);

export function followAccepted(kind: OperationKind, workspace: string, accepted: Accepted): void {
  const { operation, reason } = accepted;
  const one: Followed = { operation, kind, workspace, ...(reason ? { reason } : {}) };
  followed.write((before) =>
    [...before.filter((each) => each.workspace !== workspace), one].slice(-3),
  );
}

export function unfollow(one: Followed): void {
  followed.write((before) => before.filter((each) => each !== one));
}
