// Credentials by name. Their values go in and never come out; what can be seen is a digest that
// tells one value from another, and when it was set.

import { KeyRound, Trash2 } from "lucide-react";
import { settings } from "@/api/calls";
import type { CredentialsView } from "@/api/types";
import { useCredentials } from "@/data/queries";
import { useAction } from "@/lib/use-action";
import { useDialog } from "@/lib/url-state";
import { Ago } from "@/parts/ago";
import { Empty } from "@/parts/empty";
import { Loaded } from "@/parts/loaded";
import { Trouble } from "@/parts/trouble";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { Cell, Head, Table } from "@/ui/table";
import { SetCredential } from "./set-credential";

export type CredentialKind = "env" | "files";

interface Line {
  kind: CredentialKind;
  name: string;
  digest: string;
  changed_at: string;
}

export function linesOf(view: CredentialsView): Line[] {
  const kinds: CredentialKind[] = ["env", "files"];
  return kinds.flatMap((kind) =>
    Object.entries(view[kind] ?? {}).map(([name, each]) => ({ kind, name, ...each })),
  );
}

export function Credentials() {
  const credentials = useCredentials();
  const { dialog, of, open, close } = useDialog();
  return (
    <>
      <p className="mb-2 text-muted">
        Every workspace of yours gets them: variables in new shells and programs, files where they
        are named. Values are write-only.
      </p>
      <Loaded of={credentials} what="credentials">
        {(view) => {
          const lines = linesOf(view);
          return lines.length === 0 ? (
            <Empty icon={KeyRound} title="No credentials" />
          ) : (
            <Table label="Credentials">
              <thead>
                <tr>
                  <Head>Name</Head>
                  <Head>Is a</Head>
                  <Head>Digest</Head>
                  <Head>Set</Head>
                  <Head>
                    <span className="sr-only">What to do</span>
                  </Head>
                </tr>
              </thead>
              <tbody>
                {lines.map(({ kind, name, digest, changed_at: at }) => (
                  <tr key={`${kind} ${name}`}>
                    <Cell>
                      <code>{name}</code>
                    </Cell>
                    <Cell className="text-muted">{kind === "env" ? "variable" : "file"}</Cell>
                    <Cell className="text-muted">
                      <code title={digest}>{digest.slice(0, 12)}</code>
                    </Cell>
                    <Cell className="whitespace-nowrap text-muted">
                      <Ago time={at} />
                    </Cell>
                    <Cell className="text-right">
                      <Button
                        variant="ghost"
                        size="icon-sm"
                        aria-label={`Remove ${name}`}
                        onClick={() => open("remove-credential", `${kind} ${name}`)}
                      >
                        <Trash2 aria-hidden />
                      </Button>
                    </Cell>
                  </tr>
                ))}
              </tbody>
            </Table>
          );
        }}
      </Loaded>
      <div className="mt-2">
        <Button onClick={() => open("set-credential")}>Set a credential</Button>
      </div>
      <SetCredential
        open={dialog === "set-credential"}
        onDone={credentials.reload}
        onClose={close}
      />
      {dialog === "remove-credential" && (
        <Remove of={of} onDone={credentials.reload} onClose={close} />
      )}
    </>
  );
}

function Remove({ of, onDone, onClose }: { of: string; onDone(): void; onClose(): void }) {
  const kind = of.startsWith("env ") ? "env" : "files";
  const name = of.slice(of.indexOf(" ") + 1);
  const remove = useAction(async () => {
    await settings.setCredentials({ [kind]: { [name]: null } });
    onDone();
    onClose();
  });
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Remove ${name}?`}
      description="New shells and programs go without it. Its value cannot be brought back."
    >
      {remove.problem && <Trouble problem={remove.problem} />}
      <DialogActions>
        <Button onClick={onClose}>Keep it</Button>
        <Button variant="danger" disabled={remove.busy} onClick={() => void remove.run()}>
          Remove
        </Button>
      </DialogActions>
    </Dialog>
  );
}
