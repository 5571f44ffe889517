// One operation: its steps as bars, why it failed, and where its output is.

import { Link, useParams } from "react-router";
import { useOperation } from "@/data/queries";
import { short } from "@/lib/id";
import { useFastNow } from "@/lib/now";
import { duration } from "@/lib/time";
import { Ago } from "@/parts/ago";
import { Fact, Facts } from "@/parts/facts";
import { FailureNote } from "@/parts/failure";
import { Loaded } from "@/parts/loaded";
import { Page, Section } from "@/parts/page";
import { OperationBadge } from "@/parts/standing";
import { Waterfall } from "@/parts/waterfall";
import { Button } from "@/ui/button";
import { CopyButton } from "@/ui/copy";

export default function Operation() {
  const { id = "" } = useParams();
  const operation = useOperation(id);
  const shown = operation.data;
  const now = useFastNow(shown?.state === "in_flight");
  const title = shown ? `${shown.kind} ${shown.workspace_name}` : short(id);
  return (
    <Page
      title={title}
      heading={
        <>
          {title} {shown && <OperationBadge state={shown.state} />}
        </>
      }
      actions={
        shown && (
          <Button asChild>
            <Link to={`/workspaces/${shown.workspace}/logs?operation=${shown.id}`}>Output</Link>
          </Button>
        )
      }
    >
      <Loaded of={operation} what="the operation">
        {(data) => (
          <>
            {data.failure && <FailureNote className="mb-5" failure={data.failure} />}
            <Section title="Steps">
              <Waterfall operation={data} />
            </Section>
            <Section title="About">
              <Facts>
                <Fact name="Workspace">
                  <Link className="link" to={`/workspaces/${data.workspace}`}>
                    {data.workspace_name}
                  </Link>
                </Fact>
                <Fact name="Took">
                  {duration(data.duration_ms ?? now - Date.parse(data.requested_at))}
                </Fact>
                <Fact name="Asked for">
                  <Ago time={data.requested_at} />
                </Fact>
                <Fact name="Deadline">
                  <Ago time={data.deadline} />
                </Fact>
                <Fact name="Why">{data.reason}</Fact>
                <Fact name="Epoch">{data.epoch}</Fact>
                {data.node && (
                  <Fact name="Node">
                    <Link className="link" to={`/nodes?node=${data.node}`}>
                      {short(data.node)}
                    </Link>
                  </Fact>
                )}
                <Fact name="Id">
                  <span className="flex items-center">
                    <code>{data.id}</code>
                    <CopyButton text={data.id} label="Copy the id" />
                  </span>
                </Fact>
              </Facts>
            </Section>
          </>
        )}
      </Loaded>
    </Page>
  );
}
