// Issuing a token: its text is told this once and never again.

import { type FormEvent, useState } from "react";
import { tokens } from "@/api/calls";
import type { IssuedToken, Scope, UserView } from "@/api/types";
import { isAdmin, session } from "@/data/session";
import { useStore } from "@/data/store";
import { short } from "@/lib/id";
import { useAction } from "@/lib/use-action";
import { Trouble } from "@/parts/trouble";
import { Button } from "@/ui/button";
import { CopyLine } from "@/ui/copy";
import { Dialog, DialogActions } from "@/ui/dialog";
import { Field } from "@/ui/field";
import { Select } from "@/ui/input";

const DAY = 86_400;
const SPANS: [seconds: string, label: string][] = [
  [String(DAY), "after 1 day"],
  [String(30 * DAY), "after 30 days"],
  [String(365 * DAY), "after 1 year"],
  ["", "when it is revoked"],
];

interface Props {
  open: boolean;
  users: UserView[];
  onClose(): void;
}

export function Issue({ open, users, onClose }: Props) {
  const [issued, setIssued] = useState<IssuedToken>();
  const close = () => {
    setIssued(undefined);
    onClose();
  };
  return (
    <Dialog
      open={open}
      onClose={close}
      title={issued ? "Copy it now" : "Issue a token"}
      description={
        issued
          ? "This is the only time its text is shown."
          : "It speaks for its user wherever it is used."
      }
    >
      {issued ? (
        <>
          <CopyLine text={issued.token} label="the token" />
          <DialogActions>
            <Button variant="primary" onClick={close}>
              I have it
            </Button>
          </DialogActions>
        </>
      ) : (
        <Form users={users} onIssued={setIssued} onClose={close} />
      )}
    </Dialog>
  );
}

interface FormProps {
  users: UserView[];
  onIssued(token: IssuedToken): void;
  onClose(): void;
}

function Form({ users, onIssued, onClose }: FormProps) {
  const admin = isAdmin(useStore(session));
  const [user, setUser] = useState("");
  const [scope, setScope] = useState<Scope>("user");
  const [span, setSpan] = useState(String(30 * DAY));
  const issue = useAction(async () => {
    const ends = span ? { expires_in_seconds: Number(span) } : {};
    onIssued(await tokens.issue({ scope, ...ends, ...(user ? { user } : {}) }));
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void issue.run();
  };
  return (
    <form onSubmit={submit} className="grid gap-4">
      {admin && (
        <Field label="User">
          <Select value={user} onChange={(event) => setUser(event.target.value)}>
            <option value="">you</option>
            {users.map((each) => (
              <option key={each.id} value={each.id}>
                {each.github_login ?? short(each.id)}
              </option>
            ))}
          </Select>
        </Field>
      )}
      {admin && (
        <Field label="May do">
          <Select value={scope} onChange={(event) => setScope(event.target.value as Scope)}>
            <option value="user">what is their own</option>
            <option value="admin">everything</option>
          </Select>
        </Field>
      )}
      <Field label="Ends">
        <Select value={span} onChange={(event) => setSpan(event.target.value)}>
          {SPANS.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </Select>
      </Field>
      {issue.problem && <Trouble problem={issue.problem} />}
      <DialogActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" variant="primary" disabled={issue.busy}>
          Issue
        </Button>
      </DialogActions>
    </form>
  );
}
