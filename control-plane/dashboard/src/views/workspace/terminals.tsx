// The terminal sessions of a workspace: take one up again, share one to look at, end one.

import { CircleDot, SquareTerminal } from "lucide-react";
import { useNavigate } from "react-router";
import { workspaces } from "@/api/calls";
import type { TerminalView } from "@/api/types";
import { useTerminals } from "@/data/queries";
import { useRefresh } from "@/data/use-resource";
import { useAction } from "@/lib/use-action";
import { Ago } from "@/parts/ago";
import { Empty } from "@/parts/empty";
import { Loaded } from "@/parts/loaded";
import { Trouble } from "@/parts/trouble";
import { recordedSession } from "@/terminal/arrangement";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { CopyButton } from "@/ui/copy";
import { Cell, Head, Table } from "@/ui/table";
import { useShownWorkspace } from "./workspace";

export function endOf(exit: NonNullable<TerminalView["exit"]>): string {
  return "code" in exit ? `ended with ${exit.code}` : `ended by signal ${exit.signal}`;
}

export default function Terminals() {
  const { id, name } = useShownWorkspace();
  const terminals = useTerminals(id);
  // No event tells of viewers coming and going.
  useRefresh(terminals.reload, 5000);
  const navigate = useNavigate();
  const open = (query: string) => void navigate(`/workspaces/${id}/terminal${query}`);
  const end = useAction(async (session: string) => {
    await workspaces.endTerminal(id, session);
    terminals.reload();
  });
  return (
    <Loaded of={terminals} what="terminals">
      {(all) => (
        <>
          {end.problem && <Trouble className="mb-3" problem={end.problem} />}
          {all.length === 0 ? (
            <Empty
              icon={SquareTerminal}
              title="No terminal is open"
              action={
                <Button variant="primary" onClick={() => open("")}>
                  Open a terminal
                </Button>
              }
            >
              A session goes on without a page that shows it, and is taken up where it was left.
            </Empty>
          ) : (
            <>
              <div className="mb-2 flex flex-wrap justify-end gap-2">
                <Button onClick={() => open(`?session=${recordedSession(Math.random())}`)}>
                  <CircleDot aria-hidden /> New recorded terminal
                </Button>
                <Button onClick={() => open("?session=new")}>New terminal</Button>
              </div>
              <Table label="Terminal sessions">
                <thead>
                  <tr>
                    <Head>Session</Head>
                    <Head>Program</Head>
                    <Head>Began</Head>
                    <Head>Viewers</Head>
                    <Head>Size</Head>
                    <Head>
                      <span className="sr-only">What to do</span>
                    </Head>
                  </tr>
                </thead>
                <tbody>
                  {all.map((session) => (
                    <tr key={session.id}>
                      <Cell className="font-medium">
                        {session.id} {session.exit && <Badge>{endOf(session.exit)}</Badge>}
                        {session.recording && <Badge tone="bad">recording</Badge>}
                      </Cell>
                      <Cell>
                        <code>{session.argv.join(" ")}</code>
                      </Cell>
                      <Cell>
                        <Ago time={session.started_at} />
                      </Cell>
                      <Cell>{session.viewers}</Cell>
                      <Cell className="whitespace-nowrap">
                        {session.cols} × {session.rows}
                      </Cell>
                      <Cell>
                        <div className="flex justify-end gap-1.5">
                          <Button
                            size="sm"
                            aria-label={`Attach to ${session.id}`}
                            onClick={() => open(`?session=${session.id}`)}
                          >
                            Attach
                          </Button>
                          <CopyButton
                            text={`${location.origin}/workspaces/${id}/terminal?session=${session.id}&read_only=true`}
                            label={`Copy a link that only shows ${session.id} of ${name}`}
                          />
                          <Button
                            size="sm"
                            aria-label={`End ${session.id}`}
                            disabled={end.busy}
                            onClick={() => void end.run(session.id)}
                          >
                            End
                          </Button>
                        </div>
                      </Cell>
                    </tr>
                  ))}
                </tbody>
              </Table>
            </>
          )}
        </>
      )}
    </Loaded>
  );
}
