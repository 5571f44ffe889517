// The nodes, each with the worker on it: what it drives, what it holds, when it was heard.

import { Server } from "lucide-react";
import { Link } from "react-router";
import type { NodeView } from "@/api/types";
import { useNodes } from "@/data/queries";
import { useRefresh } from "@/data/use-resource";
import { short } from "@/lib/id";
import { useQuery } from "@/lib/url-state";
import { Ago } from "@/parts/ago";
import { Empty } from "@/parts/empty";
import { Fact, Facts } from "@/parts/facts";
import { Loaded } from "@/parts/loaded";
import { Page } from "@/parts/page";
import { NodeBadge } from "@/parts/standing";
import { cn } from "@/lib/cn";
import { Badge } from "@/ui/badge";
import { CopyButton, CopyLine } from "@/ui/copy";

export default function Nodes() {
  const nodes = useNodes();
  // Heartbeats are no events.
  useRefresh(nodes.reload, 10_000);
  return (
    <Page
      title="Nodes"
      description="A node is a worker's place. Workers with room take operations by themselves."
    >
      <Loaded of={nodes} what="nodes">
        {(all) =>
          all.length === 0 ? (
            <Empty
              icon={Server}
              title="No node has joined"
              action={<CopyLine text="nexus doctor" label="the command that checks this machine" />}
            >
              A worker joins when it starts; nexusd starts those of its own machine.
            </Empty>
          ) : (
            <ul aria-label="Nodes" className="grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
              {all.map((node) => (
                <NodeCard key={node.id} node={node} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </Page>
  );
}

function NodeCard({ node }: { node: NodeView }) {
  const [query] = useQuery();
  const can = Object.entries(node.capabilities).filter(([, yes]) => yes);
  const chosen = query.get("node") === node.id;
  return (
    <li
      className={cn(
        "rounded-md border border-border bg-raised p-4",
        chosen && "border-accent ring-1 ring-accent",
      )}
    >
      <div className="mb-3 flex items-center gap-2">
        <h2 className="min-w-0 flex-1 truncate font-semibold">
          {node.hostname} <span className="font-normal text-muted">{node.provider}</span>
        </h2>
        <NodeBadge status={node.status} />
      </div>
      <Load node={node} />
      <Facts>
        <Fact name="Workspaces">{node.workspaces}</Fact>
        <Fact name="Engine">{node.engine}</Fact>
        <Fact name="Worker">{node.version}</Fact>
        <Fact name="Last heard">{node.last_heard ? <Ago time={node.last_heard} /> : "never"}</Fact>
        <Fact name="Id">
          <span className="flex items-center">
            <code title={node.id}>{short(node.id)}</code>
            <CopyButton text={node.id} label={`Copy the id of ${node.hostname}`} />
          </span>
        </Fact>
      </Facts>
      {can.length > 0 && (
        <p aria-label="Capabilities" className="mt-3 flex flex-wrap gap-1">
          {can.map(([name]) => (
            <Badge key={name}>{name.replaceAll("_", " ")}</Badge>
          ))}
        </p>
      )}
    </li>
  );
}

function Load({ node }: { node: NodeView }) {
  const taken = node.running.length;
  return (
    <div className="mb-3">
      <div className="mb-1 flex justify-between text-muted">
        <span>
          {taken} of {node.slots} operations
        </span>
        <span className="flex gap-2">
          {node.running.slice(0, 3).map((id) => (
            <Link key={id} className="link" to={`/operations/${id}`}>
              {short(id)}
            </Link>
          ))}
        </span>
      </div>
      <meter
        aria-label="Operations under way"
        className="sr-only"
        min={0}
        max={node.slots}
        value={taken}
      />
      <div aria-hidden className="flex h-1.5 gap-0.5">
        {Array.from({ length: Math.min(node.slots, 32) }, (_, slot) => (
          <span
            key={slot}
            className={cn("flex-1 rounded-full", slot < taken ? "bg-busy" : "bg-border")}
          />
        ))}
      </div>
    </div>
  );
}
