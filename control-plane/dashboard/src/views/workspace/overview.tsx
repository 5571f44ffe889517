// How a workspace stands: what goes on or went on last, as bars that grow, and the facts.

import { Link } from "react-router";
import type { WorkspaceView } from "@/api/types";
import { useNodes, useWorkspaceOperations } from "@/data/queries";
import { short } from "@/lib/id";
import { useFastNow } from "@/lib/now";
import { duration } from "@/lib/time";
import { Ago } from "@/parts/ago";
import { Fact, Facts } from "@/parts/facts";
import { FailureNote } from "@/parts/failure";
import { Loaded } from "@/parts/loaded";
import { Section } from "@/parts/page";
import { OperationBadge } from "@/parts/standing";
import { Waterfall } from "@/parts/waterfall";
import { CopyButton, CopyLine } from "@/ui/copy";
import { sshCommand } from "../workspaces/ways-in";
import { Held } from "./held";
import { useShownWorkspace } from "./workspace";

export default function Overview() {
  const workspace = useShownWorkspace();
  return (
    <div className="grid gap-x-10 lg:grid-cols-[minmax(0,1fr)_19rem]">
      <div className="min-w-0">
        {workspace.failure && workspace.phase === "failed" && (
          <FailureNote className="mb-5" failure={workspace.failure} />
        )}
        <Operations workspace={workspace} />
      </div>
      <AboutWorkspace workspace={workspace} />
    </div>
  );
}

function Operations({ workspace }: { workspace: WorkspaceView }) {
  const operations = useWorkspaceOperations(workspace.id);
  return (
    <Loaded of={operations} what="operations">
      {({ items: [latest, ...earlier] }) =>
        latest && (
          <>
            <Section
              title={
                latest.state === "in_flight"
                  ? `Under way: ${latest.kind}`
                  : `Last operation: ${latest.kind}`
              }
              actions={<OperationBadge state={latest.state} />}
            >
              <p className="mb-3 text-muted">
                <Link className="link" to={`/operations/${latest.id}`}>
                  {short(latest.id)}
                </Link>{" "}
                · asked for <Ago time={latest.requested_at} /> · <Spent operation={latest} />
              </p>
              <Waterfall operation={latest} />
            </Section>
            {earlier.length > 0 && (
              <Section title="Earlier">
                <ul
                  aria-label="Earlier operations"
                  className="rounded-md border border-border bg-raised"
                >
                  {earlier.slice(0, 10).map((operation) => (
                    <li
                      key={operation.id}
                      className="flex flex-wrap items-center gap-x-3 border-t border-border px-3 py-1.5 first:border-t-0"
                    >
                      <Link
                        data-row
                        to={`/operations/${operation.id}`}
                        className="w-14 font-medium underline-offset-3 hover:underline"
                      >
                        {operation.kind}
                      </Link>
                      <OperationBadge state={operation.state} />
                      <span className="ml-auto text-muted">
                        <Spent operation={operation} /> · <Ago time={operation.requested_at} />
                      </span>
                    </li>
                  ))}
                </ul>
              </Section>
            )}
          </>
        )
      }
    </Loaded>
  );
}

function Spent({
  operation,
}: {
  operation: { requested_at: string; duration_ms?: number | null; state: string };
}) {
  const now = useFastNow(operation.state === "in_flight");
  return <>{duration(operation.duration_ms ?? now - Date.parse(operation.requested_at))}</>;
}

export function AboutWorkspace({ workspace }: { workspace: WorkspaceView }) {
  const nodes = useNodes();
  const node = nodes.data?.find((each) => each.id === workspace.node);
  const ssh = sshCommand(workspace);
  const activity = Object.entries(workspace.activity).sort(([, one], [, other]) =>
    other.localeCompare(one),
  );
  return (
    <Section title="About">
      <Facts>
        <Fact name="Provider">{workspace.provider}</Fact>
        <Fact name="Node">
          {workspace.node ? (
            <Link className="link" to={`/nodes?node=${workspace.node}`}>
              {node?.hostname ?? short(workspace.node)}
            </Link>
          ) : (
            "none yet"
          )}
        </Fact>
        {workspace.image && <Fact name="Image">{workspace.image}</Fact>}
        {workspace.repository?.commit && (
          <Fact name="Commit">
            <code title={workspace.repository.commit}>
              {workspace.repository.commit.slice(0, 12)}
            </code>
          </Fact>
        )}
        <Fact name="Owner">{workspace.owner_login ?? short(workspace.owner)}</Fact>
        <Fact name="Created">
          <Ago time={workspace.created_at} />
        </Fact>
        {workspace.idle_stop_at && workspace.phase === "running" && (
          <Fact name="Idle stop">
            <Ago time={workspace.idle_stop_at} />
          </Fact>
        )}
        {Object.entries(workspace.holds ?? {}).map(([name, hold]) => (
          <Fact key={name} name="Held">
            <Held workspace={workspace.id} name={name} hold={hold} />
          </Fact>
        ))}
        {activity.length > 0 && (
          <Fact name="Used">
            <ul>
              {activity.map(([source, time]) => (
                <li key={source}>
                  {source} <Ago time={time} className="text-muted" />
                </li>
              ))}
            </ul>
          </Fact>
        )}
        <Fact name="Id">
          <span className="flex items-center">
            <code className="truncate" title={workspace.id}>
              {short(workspace.id)}
            </code>
            <CopyButton text={workspace.id} label="Copy the id" />
          </span>
        </Fact>
        <Fact name="Version">event {workspace.version}</Fact>
      </Facts>
      {ssh && workspace.phase !== "deleted" && (
        <CopyLine className="mt-3" text={ssh} label="the SSH command" />
      )}
    </Section>
  );
}
