// Badges for the things that have a state.

import type { NodeStatus, OperationState, ServiceStatus, WorkspaceView } from "@/api/types";
import { Badge } from "@/ui/badge";
import { nodeTone, operationTone, operationWord, serviceTone, workspaceStanding } from "./tone";

export function WorkspaceBadge({ workspace }: { workspace: WorkspaceView }) {
  const { word, tone } = workspaceStanding(workspace);
  const title = workspace.unknown
    ? `Its node is lost; last heard: ${workspace.phase}`
    : workspace.failure?.cause;
  return (
    <Badge tone={tone} dot title={title}>
      {word}
    </Badge>
  );
}

export function ServiceBadge({ status }: { status: ServiceStatus }) {
  return (
    <Badge tone={serviceTone[status]} dot>
      {status}
    </Badge>
  );
}

export function OperationBadge({ state }: { state: OperationState }) {
  return (
    <Badge tone={operationTone[state]} dot>
      {operationWord[state]}
    </Badge>
  );
}

export function NodeBadge({ status }: { status: NodeStatus }) {
  return (
    <Badge tone={nodeTone[status]} dot>
      {status}
    </Badge>
  );
}
