// What can be done to a workspace, in its row and on its page. Nothing is shown as done before the
// log says so: what was accepted is followed in the corner.

import {
  Ellipsis,
  Hand,
  HandHelping,
  Link2,
  Play,
  Square,
  SquareTerminal,
  Trash2,
} from "lucide-react";
import { Link } from "react-router";
import { workspaces } from "@/api/calls";
import type { WorkspaceView } from "@/api/types";
import { followAccepted } from "@/data/accepted";
import { type Action, useAction } from "@/lib/use-action";
import { Button } from "@/ui/button";
import { Menu, MenuItem, MenuSeparator } from "@/ui/menu";
import { MANUAL } from "./hold";

export interface WorkspaceActions {
  start: Action<[WorkspaceView]>;
  stop: Action<[WorkspaceView]>;
  release: Action<[WorkspaceView]>;
}

export function useWorkspaceActions(): WorkspaceActions {
  const start = useAction(async ({ id, name }: WorkspaceView) =>
    followAccepted("start", name, await workspaces.start(id)),
  );
  const stop = useAction(async ({ id, name }: WorkspaceView) =>
    followAccepted("stop", name, await workspaces.stop(id)),
  );
  const release = useAction(async ({ id }: WorkspaceView) => workspaces.release(id, MANUAL));
  return { start, stop, release };
}

interface Props {
  workspace: WorkspaceView;
  actions: WorkspaceActions;
  onDialog(dialog: string): void;
}

export function ActionButtons({ workspace, actions, onDialog }: Props) {
  const { name, phase, id } = workspace;
  const startable = phase === "stopped" || phase === "failed" || phase === "stopping";
  const gone = phase === "deleting" || phase === "deleted";
  const held = MANUAL in (workspace.holds ?? {});
  if (gone) return null;
  return (
    <>
      {startable ? (
        <Button
          size="sm"
          disabled={actions.start.busy}
          aria-label={`Start ${name}`}
          onClick={() => void actions.start.run(workspace)}
        >
          <Play aria-hidden /> Start
        </Button>
      ) : (
        <Button
          size="sm"
          disabled={actions.stop.busy}
          aria-label={`Stop ${name}`}
          onClick={() => void actions.stop.run(workspace)}
        >
          <Square aria-hidden /> Stop
        </Button>
      )}
      <Button asChild size="icon-sm" aria-label={`Terminal of ${name}`} title="Terminal">
        <Link to={`/workspaces/${id}/terminal`}>
          <SquareTerminal aria-hidden />
        </Link>
      </Button>
      <Button
        size="icon-sm"
        aria-label={`Connect to ${name}`}
        title="Connect"
        onClick={() => onDialog("connect")}
      >
        <Link2 aria-hidden />
      </Button>
      <Menu
        trigger={
          <Button variant="ghost" size="icon-sm" aria-label={`More for ${name}`}>
            <Ellipsis aria-hidden />
          </Button>
        }
      >
        {held ? (
          <MenuItem onSelect={() => void actions.release.run(workspace)}>
            <HandHelping aria-hidden /> Release
          </MenuItem>
        ) : (
          <MenuItem onSelect={() => onDialog("hold")}>
            <Hand aria-hidden /> Hold
          </MenuItem>
        )}
        {phase === "failed" && (
          <MenuItem onSelect={() => void actions.stop.run(workspace)}>
            <Square aria-hidden /> Stop
          </MenuItem>
        )}
        <MenuSeparator />
        <MenuItem danger onSelect={() => onDialog("delete")}>
          <Trash2 aria-hidden /> Delete
        </MenuItem>
      </Menu>
    </>
  );
}
