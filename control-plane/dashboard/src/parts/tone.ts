// Which colour a state has. One table, so that it is the same on every page.

import type { NodeStatus, OperationState, Phase, ServiceStatus } from "@/api/types";
import type { Tone } from "@/ui/badge";

export const phaseTone: Record<Phase, Tone> = {
  absent: "neutral",
  requested: "busy",
  provisioning: "busy",
  starting: "busy",
  running: "good",
  stopping: "busy",
  stopped: "neutral",
  deleting: "busy",
  deleted: "neutral",
  failed: "bad",
};

export const serviceTone: Record<ServiceStatus, Tone> = {
  pending: "neutral",
  starting: "busy",
  running: "good",
  unhealthy: "warn",
  failed: "bad",
  stopped: "neutral",
};

export const operationTone: Record<OperationState, Tone> = {
  in_flight: "busy",
  succeeded: "good",
  failed: "bad",
  superseded: "neutral",
};

export const operationWord: Record<OperationState, string> = {
  in_flight: "in flight",
  succeeded: "succeeded",
  failed: "failed",
  superseded: "superseded",
};

export const nodeTone: Record<NodeStatus, Tone> = {
  absent: "neutral",
  online: "good",
  draining: "warn",
  lost: "bad",
  left: "neutral",
};

/** A workspace in a word: what it is, unless its node is lost or something in it failed. */
export function workspaceStanding(workspace: {
  phase: Phase;
  unknown: boolean;
  partial: boolean;
}): { word: string; tone: Tone } {
  if (workspace.unknown) return { word: "unknown", tone: "warn" };
  if (workspace.partial && workspace.phase === "running") return { word: "partial", tone: "warn" };
  return { word: workspace.phase, tone: phaseTone[workspace.phase] };
}
