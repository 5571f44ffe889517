// The workspaces: what runs, where, and what can be done with it.

import { Boxes, Plus } from "lucide-react";
import type { WorkspaceView } from "@/api/types";
import { useNodes, useWorkspaces } from "@/data/queries";
import { useDialog, useQuery } from "@/lib/url-state";
import { Empty } from "@/parts/empty";
import { Loaded } from "@/parts/loaded";
import { Page } from "@/parts/page";
import { Trouble } from "@/parts/trouble";
import { Button } from "@/ui/button";
import { CopyLine } from "@/ui/copy";
import { Input, Select } from "@/ui/input";
import { useWorkspaceActions } from "./actions";
import { Create } from "./create";
import { WorkspaceDialogs } from "./dialogs";
import { matches, type WorkspaceFilter } from "./filter";
import { WorkspaceRow } from "./row";

const STATUSES = ["running", "creating", "stopped", "error", "pending"];

export default function Workspaces() {
  const workspaces = useWorkspaces();
  const [query] = useQuery();
  const { dialog, of, open, close } = useDialog();
  const filter: WorkspaceFilter = {
    text: query.get("q") ?? "",
    status: query.get("status") ?? "",
    provider: query.get("provider") ?? "",
  };
  const chosen = workspaces.data?.find((each) => each.id === of || each.name === of);
  return (
    <Page
      title="Workspaces"
      actions={
        <Button variant="primary" onClick={() => open("create")}>
          <Plus aria-hidden /> New workspace
        </Button>
      }
    >
      <Loaded of={workspaces} what="workspaces">
        {(all) =>
          all.length === 0 ? (
            <None onCreate={() => open("create")} />
          ) : (
            <List all={all} filter={filter} onDialog={open} />
          )
        }
      </Loaded>
      <Create open={dialog === "create"} onClose={close} />
      <WorkspaceDialogs dialog={dialog} workspace={chosen} onClose={close} />
    </Page>
  );
}

interface ListProps {
  all: WorkspaceView[];
  filter: WorkspaceFilter;
  onDialog(dialog: string, of: string): void;
}

function List({ all, filter, onDialog }: ListProps) {
  const nodes = useNodes();
  const actions = useWorkspaceActions();
  const shown = all.filter((workspace) => matches(workspace, filter));
  const problem = actions.start.problem ?? actions.stop.problem ?? actions.release.problem;
  return (
    <>
      <Filters all={all} filter={filter} shown={shown.length} />
      {problem && <Trouble className="mb-3" problem={problem} />}
      {shown.length === 0 ? (
        <p className="rounded-md border border-border px-4 py-8 text-center text-muted">
          None of {all.length} matches.
        </p>
      ) : (
        <ul aria-label="Workspaces" className="rounded-md border border-border bg-raised">
          {shown.map((workspace) => (
            <WorkspaceRow
              key={workspace.id}
              workspace={workspace}
              node={nodes.data?.find((node) => node.id === workspace.node)}
              actions={actions}
              onDialog={(dialog) => onDialog(dialog, workspace.id)}
            />
          ))}
        </ul>
      )}
    </>
  );
}

function Filters({
  all,
  filter,
  shown,
}: {
  all: WorkspaceView[];
  filter: WorkspaceFilter;
  shown: number;
}) {
  const [, change] = useQuery();
  const providers = [...new Set(all.map((workspace) => workspace.provider))].sort();
  return (
    <div className="mb-3 flex flex-wrap items-center gap-2">
      <Input
        type="search"
        data-filter
        aria-label="Filter by name, repository or owner"
        placeholder="Filter"
        className="w-full sm:w-64"
        value={filter.text}
        onChange={(event) => change({ q: event.target.value })}
      />
      <Select
        aria-label="Status"
        className="w-auto"
        value={filter.status}
        onChange={(event) => change({ status: event.target.value }, true)}
      >
        <option value="">any status</option>
        {STATUSES.map((status) => (
          <option key={status}>{status}</option>
        ))}
      </Select>
      {providers.length > 1 && (
        <Select
          aria-label="Provider"
          className="w-auto"
          value={filter.provider}
          onChange={(event) => change({ provider: event.target.value }, true)}
        >
          <option value="">any provider</option>
          {providers.map((provider) => (
            <option key={provider}>{provider}</option>
          ))}
        </Select>
      )}
      <p role="status" className="ml-auto text-muted">
        {shown === all.length ? `${all.length} workspaces` : `${shown} of ${all.length}`}
      </p>
    </div>
  );
}

function None({ onCreate }: { onCreate(): void }) {
  return (
    <Empty
      icon={Boxes}
      title="No workspaces yet"
      action={
        <div className="grid justify-items-center gap-3">
          <Button variant="primary" onClick={onCreate}>
            <Plus aria-hidden /> New workspace
          </Button>
          <CopyLine
            text="nexus workspace create OWNER/NAME"
            label="the command that creates a workspace"
          />
        </div>
      }
    >
      Name a repository; Nexus makes a machine for it, clones, installs and starts its services.
    </Empty>
  );
}
