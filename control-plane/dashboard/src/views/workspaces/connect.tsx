// Every way into a workspace, ready to copy or to click.

import { ExternalLink, SquareTerminal } from "lucide-react";
import { Link } from "react-router";
import { workspaces } from "@/api/calls";
import type { WorkspaceView } from "@/api/types";
import { useAuthority, usePreviews } from "@/data/queries";
import { useAction } from "@/lib/use-action";
import { Trouble } from "@/parts/trouble";
import { Button } from "@/ui/button";
import { CopyLine } from "@/ui/copy";
import { Dialog } from "@/ui/dialog";
import { editors, jumpCommand, sshCommand } from "./ways-in";

export function Connect({ workspace, onClose }: { workspace: WorkspaceView; onClose(): void }) {
  const { name } = workspace;
  const ssh = sshCommand(workspace);
  const jump = jumpCommand(workspace, useAuthority().data);
  const asleep = workspace.phase === "stopped";
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Connect to ${name}`}
      description={asleep ? "It is stopped; every way in starts it first." : undefined}
    >
      <div className="grid gap-5">
        <section aria-label="Shell">
          <h3 className="mb-1.5 font-medium">Shell</h3>
          <div className="grid gap-1.5">
            <CopyLine
              text={`nexus workspace ssh ${name}`}
              label="the command of the Nexus command line"
            />
            {ssh && <CopyLine text={ssh} label="the OpenSSH command" />}
            {jump && <CopyLine text={jump} label="the OpenSSH command through the jump host" />}
            <Button asChild className="justify-self-start">
              <Link to={`/workspaces/${workspace.id}/terminal`}>
                <SquareTerminal aria-hidden /> Terminal in this browser
              </Link>
            </Button>
          </div>
        </section>
        <section aria-label="Editors">
          <h3 className="mb-1.5 font-medium">Editors</h3>
          <div className="flex flex-wrap gap-2">
            {editors(workspace).map(({ label, href }) => (
              <Button key={label} asChild>
                <a href={href}>
                  {label} <ExternalLink aria-hidden />
                </a>
              </Button>
            ))}
          </div>
          <p className="mt-1.5 text-muted">
            They find it by name once <code>nexus ssh-config</code> was run on your machine.
          </p>
        </section>
        <Ports workspace={workspace} />
      </div>
    </Dialog>
  );
}

/** Services by port: on this machine's address, and as a preview under a host name of its own. */
export function Ports({ workspace }: { workspace: WorkspaceView }) {
  const previews = usePreviews(workspace.id);
  const open = useAction(async (port: number) => {
    const { url, enter_url: enter } = await workspaces.openPreview(workspace.id, port);
    window.open(enter ?? url, "_blank", "noopener,noreferrer");
  });
  const services = Object.entries(workspace.services).filter(([, service]) => service.port);
  const previewed = new Set(previews.data?.map((preview) => preview.port));
  return (
    <section aria-label="Ports">
      <h3 className="mb-1.5 font-medium">Ports</h3>
      {services.length === 0 && <p className="text-muted">No service of it listens on a port.</p>}
      <ul className="grid gap-1">
        {services.map(([name, service]) => (
          <li key={name} className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <span className="w-28 truncate">
              {name} <span className="text-muted">:{service.port}</span>
            </span>
            {service.url && workspace.phase === "running" && (
              <a
                className="inline-flex items-center gap-1 link"
                href={service.url}
                target="_blank"
                rel="noopener noreferrer"
              >
                {service.url.replace(/^https?:\/\//, "")}{" "}
                <ExternalLink aria-hidden className="size-3.5" />
              </a>
            )}
            {service.port && previewed.has(service.port) && (
              <Button
                size="sm"
                disabled={open.busy}
                onClick={() => void open.run(service.port as number)}
              >
                Open preview
              </Button>
            )}
          </li>
        ))}
      </ul>
      <p className="mt-2 mb-1 text-muted">Any other port, brought to your machine:</p>
      <CopyLine
        text={`nexus port forward ${workspace.name} 3000`}
        label="the command that forwards a port"
      />
      {open.problem && <Trouble className="mt-2" problem={open.problem} />}
    </section>
  );
}
