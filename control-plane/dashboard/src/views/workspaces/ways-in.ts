// Commands and links that lead into a workspace. Pure.

import type { AuthorityView, WorkspaceView } from "@/api/types";

/** The host name that `nexus ssh-config` gives a workspace. */
export const hostOf = (workspace: Pick<WorkspaceView, "name">) => `${workspace.name}.nexus`;

/** The stock SSH client at the workspace's own port. */
export function sshCommand(workspace: Pick<WorkspaceView, "ssh">): string | undefined {
  const { ssh } = workspace;
  return ssh ? `ssh -p ${ssh.port} ${ssh.user}@${ssh.host}` : undefined;
}

/** The same through the jump host, which needs no port of the workspace's own. */
export function jumpCommand(
  workspace: Pick<WorkspaceView, "name" | "ssh">,
  authority: AuthorityView | undefined,
): string | undefined {
  const { jump_host: jump } = authority ?? {};
  const user = workspace.ssh?.user ?? "dev";
  return jump ? `ssh -J nexus@${jump.host}:${jump.port} ${user}@${workspace.name}` : undefined;
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
