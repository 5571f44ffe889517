// One workspace: its name and standing, what can be done, and the tabs below.

import { NavLink, Outlet, useOutletContext, useParams } from "react-router";
import type { WorkspaceView } from "@/api/types";
import { useWorkspace } from "@/data/queries";
import { cn } from "@/lib/cn";
import { useDialog } from "@/lib/url-state";
import { Loaded } from "@/parts/loaded";
import { Page } from "@/parts/page";
import { WorkspaceBadge } from "@/parts/standing";
import { Trouble } from "@/parts/trouble";
import { ActionButtons, useWorkspaceActions } from "../workspaces/actions";
import { WorkspaceDialogs } from "../workspaces/dialogs";

const TABS: [path: string, label: string][] = [
  ["", "Overview"],
  ["services", "Services"],
  ["logs", "Logs"],
  ["events", "Events"],
  ["history", "History"],
  ["difference", "Difference"],
  ["causes", "Causes"],
  ["terminals", "Terminals"],
];

/** The workspace a tab is about. */
export function useShownWorkspace(): WorkspaceView {
  return useOutletContext<WorkspaceView>();
}

export default function Workspace() {
  const { id = "" } = useParams();
  const workspace = useWorkspace(id);
  const { dialog, open, close } = useDialog();
  const actions = useWorkspaceActions();
  const problem = actions.start.problem ?? actions.stop.problem ?? actions.release.problem;
  const shown = workspace.data;
  return (
    <Page
      title={shown?.name ?? id}
      heading={
        shown && (
          <>
            {shown.name} <WorkspaceBadge workspace={shown} />
          </>
        )
      }
      description={
        shown?.repository && (
          <>
            {shown.repository.owner}/{shown.repository.name}
            {shown.repository.branch && ` at ${shown.repository.branch}`}
          </>
        )
      }
      actions={shown && <ActionButtons workspace={shown} actions={actions} onDialog={open} />}
    >
      <nav
        aria-label="Workspace"
        className="scroll-thin -mx-4 mb-5 overflow-x-auto border-b border-border px-4 sm:mx-0 sm:px-0"
      >
        <ul className="flex gap-4">
          {TABS.map(([path, label]) => (
            <li key={path}>
              <NavLink
                to={path ? `/workspaces/${id}/${path}` : `/workspaces/${id}`}
                end
                className={({ isActive }) =>
                  cn(
                    "-mb-px block whitespace-nowrap border-b-2 border-transparent py-1.5 text-muted hover:text-foreground",
                    isActive && "border-foreground font-medium text-foreground",
                  )
                }
              >
                {label}
              </NavLink>
            </li>
          ))}
        </ul>
      </nav>
      {problem && <Trouble className="mb-4" problem={problem} />}
      <Loaded of={workspace} what="the workspace">
        {(data) => <Outlet context={data} />}
      </Loaded>
      <WorkspaceDialogs dialog={dialog} workspace={shown} onClose={close} />
    </Page>
  );
}
