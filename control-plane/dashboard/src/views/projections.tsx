// The read models: how far each is behind the log, and making them anew.

import { Database } from "lucide-react";
import { projections as calls } from "@/api/calls";
import { live } from "@/data/live";
import { useProjections } from "@/data/queries";
import { isAdmin, session } from "@/data/session";
import { useStore } from "@/data/store";
import { useRefresh } from "@/data/use-resource";
import { useAction } from "@/lib/use-action";
import { useDialog } from "@/lib/url-state";
import { Empty } from "@/parts/empty";
import { Loaded } from "@/parts/loaded";
import { Page } from "@/parts/page";
import { Trouble } from "@/parts/trouble";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { Cell, Head, Table } from "@/ui/table";

export default function Projections() {
  const projections = useProjections();
  const { health } = useStore(live);
  const admin = isAdmin(useStore(session));
  useRefresh(projections.reload, 2000);
  const { dialog, open, close } = useDialog();
  const rebuild = useAction(async () => {
    await calls.rebuild();
    projections.reload();
    close();
  });
  return (
    <Page
      title="Projections"
      description="Tables made from the log. They can be made anew at any time; the log alone is the truth."
      actions={admin && <Button onClick={() => open("rebuild")}>Rebuild</Button>}
    >
      <Loaded of={projections} what="projections">
        {(all) =>
          all.length === 0 ? (
            <Empty icon={Database} title="No projection" />
          ) : (
            <Table label="Projections">
              <thead>
                <tr>
                  <Head>Name</Head>
                  <Head>Standing</Head>
                  <Head className="text-right">Event</Head>
                  <Head className="text-right">Behind</Head>
                </tr>
              </thead>
              <tbody>
                {all.map((projection) => (
                  <tr key={projection.name}>
                    <Cell className="font-medium">{projection.name}</Cell>
                    <Cell>
                      {projection.rebuilding ? (
                        <Badge tone="busy" dot>
                          rebuilding
                        </Badge>
                      ) : projection.lag > 0 ? (
                        <Badge tone="warn" dot>
                          behind
                        </Badge>
                      ) : (
                        <Badge tone="good" dot>
                          up to date
                        </Badge>
                      )}
                    </Cell>
                    <Cell className="text-right">{projection.sequence.toLocaleString("en")}</Cell>
                    <Cell className="text-right">{projection.lag.toLocaleString("en")}</Cell>
                  </tr>
                ))}
              </tbody>
            </Table>
          )
        }
      </Loaded>
      {health && (
        <p className="mt-3 text-muted">
          nexusd {health.version} · {health.status} ·{" "}
          {Object.entries(health.checks)
            .map(([name, says]) => `${name}: ${says}`)
            .join(" · ")}
        </p>
      )}
      <Dialog
        open={dialog === "rebuild"}
        onClose={close}
        title="Rebuild the projections?"
        description="They are made anew beside the ones that answer, from the first event on, and take their place when they are done. Nothing is lost; reads go on."
      >
        {rebuild.problem && <Trouble problem={rebuild.problem} />}
        <DialogActions>
          <Button onClick={close}>Cancel</Button>
          <Button variant="primary" disabled={rebuild.busy} onClick={() => void rebuild.run()}>
            Rebuild
          </Button>
        </DialogActions>
      </Dialog>
    </Page>
  );
}
