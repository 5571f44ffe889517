// The people, their keys, and the tokens that speak for them.

import { KeyRound, Trash2, UserRound } from "lucide-react";
import type { TokenView, UserView } from "@/api/types";
import { tokens as calls, users as userCalls } from "@/api/calls";
import { useTokens, useUsers } from "@/data/queries";
import { short } from "@/lib/id";
import { useAction } from "@/lib/use-action";
import { useDialog } from "@/lib/url-state";
import { Ago } from "@/parts/ago";
import { Empty } from "@/parts/empty";
import { Loaded } from "@/parts/loaded";
import { Page, Section } from "@/parts/page";
import { Trouble } from "@/parts/trouble";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { Cell, Head, Table } from "@/ui/table";
import { AddKey } from "./add-key";
import { Issue } from "./issue";

export default function Users() {
  const users = useUsers();
  const { dialog, of, open, close } = useDialog();
  const names = new Map(users.data?.map((user) => [user.id, user.github_login ?? "erased"]));
  return (
    <Page title="Users and tokens">
      <Section title="Users">
        <Loaded of={users} what="users">
          {(all) =>
            all.length === 0 ? (
              <Empty icon={UserRound} title="Nobody has registered" />
            ) : (
              <People all={all} onAdd={(id) => open("add-key", id)} />
            )
          }
        </Loaded>
      </Section>
      <Section
        title="Tokens"
        actions={
          <Button size="sm" onClick={() => open("issue")}>
            <KeyRound aria-hidden /> Issue a token
          </Button>
        }
      >
        <Tokens names={names} onRevoke={(id) => open("revoke", id)} />
      </Section>
      <Issue open={dialog === "issue"} users={users.data ?? []} onClose={close} />
      {dialog === "revoke" && <Revoke id={of} onClose={close} />}
      {dialog === "add-key" && (
        <AddKey user={of} name={names.get(of) ?? short(of)} onClose={close} />
      )}
    </Page>
  );
}

function People({ all, onAdd }: { all: UserView[]; onAdd(id: string): void }) {
  const remove = useAction(userCalls.removeKey);
  return (
    <>
      {remove.problem && <Trouble className="mb-3" problem={remove.problem} />}
      <Table label="Users">
        <thead>
          <tr>
            <Head>Login</Head>
            <Head>SSH keys</Head>
            <Head>Registered</Head>
            <Head>
              <span className="sr-only">What to do</span>
            </Head>
          </tr>
        </thead>
        <tbody>
          {all.map((user) => (
            <tr key={user.id}>
              <Cell className="font-medium" title={user.id}>
                {user.github_login ?? <span className="text-muted">erased</span>}
              </Cell>
              <Cell>
                {user.keys.length === 0 && <span className="text-muted">none</span>}
                <ul>
                  {user.keys.map((fingerprint) => (
                    <li key={fingerprint} className="flex items-center gap-1">
                      <code className="min-w-56 text-xs wrap-anywhere">{fingerprint}</code>
                      <Button
                        variant="ghost"
                        size="icon-sm"
                        disabled={remove.busy}
                        aria-label={`Remove the key ${fingerprint}`}
                        onClick={() => void remove.run(user.id, fingerprint)}
                      >
                        <Trash2 aria-hidden />
                      </Button>
                    </li>
                  ))}
                </ul>
              </Cell>
              <Cell className="whitespace-nowrap text-muted">
                <Ago time={user.registered_at} />
              </Cell>
              <Cell className="text-right">
                <Button
                  size="sm"
                  aria-label={`Add a key to ${user.github_login ?? short(user.id)}`}
                  onClick={() => onAdd(user.id)}
                >
                  Add a key
                </Button>
              </Cell>
            </tr>
          ))}
        </tbody>
      </Table>
    </>
  );
}

function Tokens({ names, onRevoke }: { names: Map<string, string>; onRevoke(id: string): void }) {
  const tokens = useTokens();
  return (
    <Loaded of={tokens} what="tokens">
      {(all) =>
        all.length === 0 ? (
          <Empty icon={KeyRound} title="No token is in force" />
        ) : (
          <Table label="Tokens">
            <thead>
              <tr>
                <Head>Token</Head>
                <Head>User</Head>
                <Head>May do</Head>
                <Head>Issued</Head>
                <Head>Ends</Head>
                <Head>
                  <span className="sr-only">What to do</span>
                </Head>
              </tr>
            </thead>
            <tbody>
              {all.map((token) => (
                <TokenRow
                  key={token.id}
                  token={token}
                  name={names.get(token.user) ?? short(token.user)}
                  onRevoke={onRevoke}
                />
              ))}
            </tbody>
          </Table>
        )
      }
    </Loaded>
  );
}

function TokenRow({
  token,
  name,
  onRevoke,
}: {
  token: TokenView;
  name: string;
  onRevoke(id: string): void;
}) {
  return (
    <tr>
      <Cell>
        <code title={token.id}>{short(token.id)}</code>
        {token.label && <span className="ml-2 text-muted">{token.label}</span>}
      </Cell>
      <Cell>{name}</Cell>
      <Cell>
        <Badge tone={token.scope === "admin" ? "warn" : "neutral"}>
          {token.scope === "admin" ? "everything" : "their own"}
        </Badge>
      </Cell>
      <Cell className="whitespace-nowrap text-muted">
        <Ago time={token.issued_at} />
      </Cell>
      <Cell className="whitespace-nowrap text-muted">
        {token.expires_at ? <Ago time={token.expires_at} /> : "when revoked"}
      </Cell>
      <Cell className="text-right">
        <Button
          size="sm"
          aria-label={`Revoke ${short(token.id)}`}
          onClick={() => onRevoke(token.id)}
        >
          Revoke
        </Button>
      </Cell>
    </tr>
  );
}

function Revoke({ id, onClose }: { id: string; onClose(): void }) {
  const revoke = useAction(async () => {
    await calls.revoke(id);
    onClose();
  });
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Revoke ${short(id)}?`}
      description="Whoever uses it is signed out at once, and what it opened is closed within a second."
    >
      {revoke.problem && <Trouble problem={revoke.problem} />}
      <DialogActions>
        <Button onClick={onClose}>Keep it</Button>
        <Button variant="danger" disabled={revoke.busy} onClick={() => void revoke.run()}>
          Revoke
        </Button>
      </DialogActions>
    </Dialog>
  );
}
