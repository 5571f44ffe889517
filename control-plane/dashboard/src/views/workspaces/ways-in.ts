// Commands and links that lead into a workspace. Pure.

import type { WorkspaceView } from "@/api/types";

/** The host name that `nexus ssh-config` gives a workspace. */
export const hostOf = (workspace: Pick<WorkspaceView, "name">) => `${workspace.name}.nexus`;

/** The stock SSH client at the workspace's own port. */
export function sshCommand(workspace: Pick<WorkspaceView, "ssh">): string | undefined {
  const { ssh } = workspace;
  return ssh ? `ssh -p ${ssh.port} ${ssh.user}@${ssh.host}` : undefined;
}

/** Where the repository is inside. */
const FOLDER = "/home/dev/workspace";

export function editors(
  workspace: Pick<WorkspaceView, "name" | "ssh">,
): { label: string; href: string }[] {
  const host = hostOf(workspace);
  const user = workspace.ssh?.user ?? "dev";
  return [
    { label: "VS Code", href: `vscode://vscode-remote/ssh-remote+${host}${FOLDER}` },
    { label: "Cursor", href: `cursor://vscode-remote/ssh-remote+${host}${FOLDER}` },
    { label: "Zed", href: `zed://ssh/${user}@${host}${FOLDER}` },
  ];
}
