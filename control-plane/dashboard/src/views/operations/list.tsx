// Everything that was asked for, newest first: under way and ended.

import { ListChecks } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router";
import { operations as calls } from "@/api/calls";
import type { OperationView } from "@/api/types";
import { useOperations, useWorkspaces } from "@/data/queries";
import { useFastNow } from "@/lib/now";
import { duration } from "@/lib/time";
import { useAction } from "@/lib/use-action";
import { useQuery } from "@/lib/url-state";
import { Ago } from "@/parts/ago";
import { Empty } from "@/parts/empty";
import { Loaded } from "@/parts/loaded";
import { Page } from "@/parts/page";
import { OperationBadge } from "@/parts/standing";
import { operationWord } from "@/parts/tone";
import { Button } from "@/ui/button";
import { Select } from "@/ui/input";
import { Cell, Head, Table } from "@/ui/table";

export default function Operations() {
  const [query, change] = useQuery();
  const state = query.get("state") ?? "";
  const workspace = query.get("workspace") ?? "";
  const operations = useOperations(workspace, state);
  const workspaces = useWorkspaces();
  return (
    <Page title="Operations">
      <div className="mb-3 flex flex-wrap gap-2">
        <Select
          aria-label="State"
          data-filter
          className="w-auto"
          value={state}
          onChange={(event) => change({ state: event.target.value }, true)}
        >
          <option value="">any state</option>
          {Object.entries(operationWord).map(([value, word]) => (
            <option key={value} value={value}>
              {word}
            </option>
          ))}
        </Select>
        <Select
          aria-label="Workspace"
          className="w-auto max-w-56"
          value={workspace}
          onChange={(event) => change({ workspace: event.target.value }, true)}
        >
          <option value="">any workspace</option>
          {workspaces.data?.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </Select>
      </div>
      <Loaded of={operations} what="operations">
        {(page) =>
          page.items.length === 0 ? (
            <Empty
              icon={ListChecks}
              title={state || workspace ? "None matches" : "Nothing was asked for yet"}
            />
          ) : (
            <Pages
              key={`${state}/${workspace}`}
              first={page.items}
              next={page.next}
              state={state}
              workspace={workspace}
            />
          )
        }
      </Loaded>
    </Page>
  );
}

interface PagesProps {
  first: OperationView[];
  next: string | undefined;
  state: string;
  workspace: string;
}

/** The first page, which events keep fresh, and older ones when they are asked for. */
function Pages({ first, next, state, workspace }: PagesProps) {
  const [older, setOlder] = useState<OperationView[]>([]);
  const [cursor, setCursor] = useState(next);
  const more = useAction(async () => {
    const page = await calls.page({ workspace, state, ...(cursor ? { cursor } : {}) });
    setOlder((before) => [...before, ...page.items]);
    setCursor(page.next);
  });
  const seen = new Set(first.map(({ id }) => id));
  return (
    <>
      <Table label="Operations">
        <thead>
          <tr>
            <Head>Operation</Head>
            <Head>Workspace</Head>
            <Head>State</Head>
            <Head>Step</Head>
            <Head>Why</Head>
            <Head>Took</Head>
            <Head>Asked for</Head>
          </tr>
        </thead>
        <tbody>
          {[...first, ...older.filter(({ id }) => !seen.has(id))].map((operation) => (
            <Row key={operation.id} operation={operation} />
          ))}
        </tbody>
      </Table>
      {cursor && (
        <div className="mt-3 text-center">
          <Button disabled={more.busy} onClick={() => void more.run()}>
            Older ones
          </Button>
        </div>
      )}
    </>
  );
}

function Row({ operation }: { operation: OperationView }) {
  const running = operation.state === "in_flight";
  const now = useFastNow(running);
  const current = operation.steps.findLast((step) => step.state === "in_flight")?.step;
  return (
    <tr className="hover:bg-surface/60">
      <Cell>
        <Link
          data-row
          className="font-medium underline-offset-3 hover:underline"
          to={`/operations/${operation.id}`}
        >
          {operation.kind}
        </Link>
      </Cell>
      <Cell>
        <Link
          className="underline-offset-3 hover:underline"
          to={`/workspaces/${operation.workspace}`}
        >
          {operation.workspace_name}
        </Link>
      </Cell>
      <Cell>
        <OperationBadge state={operation.state} />
      </Cell>
      <Cell className="max-w-72 min-w-40 wrap-anywhere">
        {running
          ? (current ?? "waiting for a worker")
          : operation.failure && <span className="text-bad">{operation.failure.cause}</span>}
      </Cell>
      <Cell className="text-muted">{operation.reason}</Cell>
      <Cell className="whitespace-nowrap">
        {duration(operation.duration_ms ?? now - Date.parse(operation.requested_at))}
      </Cell>
      <Cell className="whitespace-nowrap text-muted">
        <Ago time={operation.requested_at} />
      </Cell>
    </tr>
  );
}
