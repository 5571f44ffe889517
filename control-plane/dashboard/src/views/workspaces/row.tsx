// One workspace in the list: a row, or a card where the page is narrow.

import { GitBranch, Hand } from "lucide-react";
import { Link } from "react-router";
import type { NodeView, WorkspaceView } from "@/api/types";
import { useFastNow } from "@/lib/now";
import { duration } from "@/lib/time";
import { Ago } from "@/parts/ago";
import { WorkspaceBadge } from "@/parts/standing";
import { serviceTone } from "@/parts/tone";
import { ActionButtons, type WorkspaceActions } from "./actions";

interface Props {
  workspace: WorkspaceView;
  node: NodeView | undefined;
  actions: WorkspaceActions;
  onDialog(dialog: string): void;
}

export function WorkspaceRow({ workspace, node, actions, onDialog }: Props) {
  const { name, repository } = workspace;
  return (
    <li className="relative grid grid-cols-[minmax(0,1fr)_auto] gap-x-4 gap-y-1.5 border-t border-border px-3 py-2.5 first:border-t-0 hover:bg-surface/60 lg:grid-cols-[minmax(0,2.2fr)_minmax(0,1.6fr)_minmax(0,1fr)_minmax(0,1.3fr)_minmax(0,1fr)_auto] lg:items-center">
      <div className="min-w-0">
        <Link
          to={`/workspaces/${workspace.id}`}
          data-row
          className="font-semibold after:absolute after:inset-0 after:rounded-md hover:underline underline-offset-3"
        >
          {name}
        </Link>
        <p className="truncate text-muted">
          {repository ? `${repository.owner}/${repository.name}` : "no repository"}
          {repository?.branch && (
            <>
              {" "}
              <GitBranch aria-label="branch" className="inline size-3" /> {repository.branch}
            </>
          )}
          {workspace.owner_login && <> · {workspace.owner_login}</>}
        </p>
      </div>
      <div className="min-w-0 max-lg:max-w-44 max-lg:text-right">
        <WorkspaceBadge workspace={workspace} />
        <Doing workspace={workspace} />
      </div>
      <div className="col-span-2 flex min-w-0 flex-wrap gap-x-4 gap-y-1 lg:contents">
        <p className="truncate text-muted">
          {workspace.provider}
          {node && <span title={workspace.node ?? ""}> · {node.hostname}</span>}
        </p>
        <Services workspace={workspace} />
        <Idle workspace={workspace} />
      </div>
      <div className="relative z-10 col-span-2 flex lg:col-span-1 items-center gap-1.5 lg:justify-end">
        <ActionButtons workspace={workspace} actions={actions} onDialog={onDialog} />
      </div>
    </li>
  );
}

function Doing({ workspace: { operation, failure, phase } }: { workspace: WorkspaceView }) {
  const now = useFastNow(operation != null);
  if (operation) {
    const spent = duration(now - Date.parse(operation.requested_at));
    return (
      <p className="truncate text-muted">
        {operation.kind}: {operation.step ?? "waiting"} · {spent}
      </p>
    );
  }
  if (failure && phase === "failed")
    return (
      <p className="truncate text-bad" title={failure.cause}>
        {failure.cause}
      </p>
    );
  return null;
}

function Services({ workspace }: { workspace: WorkspaceView }) {
  const services = Object.entries(workspace.services);
  if (services.length === 0) return <p className="text-muted max-lg:hidden">no services</p>;
  return (
    <ul
      aria-label={`Services of ${workspace.name}`}
      className="flex min-w-0 flex-wrap gap-x-2.5 gap-y-0.5"
    >
      {services.map(([name, { status }]) => (
        <li
          key={name}
          className="flex items-center gap-1.5 text-muted"
          title={`${name}: ${status}`}
        >
          <span aria-hidden className={`size-1.5 rounded-full ${dot[serviceTone[status]]}`} />
          {name}
          <span className="sr-only">: {status}</span>
        </li>
      ))}
    </ul>
  );
}

const dot = {
  neutral: "bg-border-strong",
  good: "bg-good",
  warn: "bg-warn",
  bad: "bg-bad",
  busy: "bg-busy",
};

function Idle({ workspace: { holds, idle_stop_at: idle, phase } }: { workspace: WorkspaceView }) {
  const held = Object.values(holds ?? {})[0];
  if (phase !== "running") return <span className="max-lg:hidden" />;
  if (held) {
    return (
      <p className="flex items-center gap-1 text-muted" title={held.reason ?? "held"}>
        <Hand aria-hidden className="size-3.5" /> held
        {held.until && (
          <>
            {", ends "}
            <Ago time={held.until} />
          </>
        )}
      </p>
    );
  }
  return (
    <p className="whitespace-nowrap text-muted" title="Stopped then, unless something uses it">
      {idle ? (
        <>
          stops <Ago time={idle} />
        </>
      ) : (
        "never stops"
      )}
    </p>
  );
}
