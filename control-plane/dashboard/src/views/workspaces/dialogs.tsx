// The dialog the address names, about one workspace.

import type { WorkspaceView } from "@/api/types";
import { Connect } from "./connect";
import { Delete } from "./delete";
import { HoldDialog } from "./hold";

interface Props {
  dialog: string;
  workspace: WorkspaceView | undefined;
  onClose(): void;
}

export function WorkspaceDialogs({ dialog, workspace, onClose }: Props) {
  if (!workspace) return null;
  if (dialog === "connect") return <Connect workspace={workspace} onClose={onClose} />;
  if (dialog === "hold") return <HoldDialog workspace={workspace} onClose={onClose} />;
  if (dialog === "delete") return <Delete workspace={workspace} onClose={onClose} />;
  return null;
}
