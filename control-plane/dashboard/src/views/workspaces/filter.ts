// Which workspaces a list shows. Pure.

import type { WorkspaceView } from "@/api/types";

export interface WorkspaceFilter {
  text: string;
  status: string;
  provider: string;
}

export function matches(
  workspace: WorkspaceView,
  { text, status, provider }: WorkspaceFilter,
): boolean {
  if (status && workspace.status !== status) return false;
  if (provider && workspace.provider !== provider) return false;
  const { name, id, repository, owner_login: owner } = workspace;
  const words = [name, id, owner, repository?.owner, repository?.name, repository?.branch];
  const all = words.join(" ").toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}
