// Setting one credential. What was typed is forgotten by the page as soon as it is sent.

import { type FormEvent, useState } from "react";
import { settings } from "@/api/calls";
import { useAction } from "@/lib/use-action";
import { Trouble } from "@/parts/trouble";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { Field } from "@/ui/field";
import { Input, Select, Textarea } from "@/ui/input";
import type { CredentialKind } from "./credentials";

interface Props {
  open: boolean;
  onDone(): void;
  onClose(): void;
}

export function SetCredential({ open, onDone, onClose }: Props) {
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title="Set a credential"
      description="Its value cannot be read again, here or anywhere."
    >
      <Form onDone={onDone} onClose={onClose} />
    </Dialog>
  );
}

function Form({ onDone, onClose }: { onDone(): void; onClose(): void }) {
  const [kind, setKind] = useState<CredentialKind>("env");
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const set = useAction(async () => {
    await settings.setCredentials({ [kind]: { [name.trim()]: value } });
    onDone();
    onClose();
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void set.run();
  };
  return (
    <form onSubmit={submit} autoComplete="off" className="grid gap-4">
      <Field label="Is a">
        <Select value={kind} onChange={(event) => setKind(event.target.value as CredentialKind)}>
          <option value="env">variable of the environment</option>
          <option value="files">file</option>
        </Select>
      </Field>
      <Field label={kind === "env" ? "Name" : "Where it goes"}>
        <Input
          required
          className="font-mono"
          placeholder={kind === "env" ? "GITHUB_TOKEN" : "~/.ssh/id_ed25519"}
          spellCheck={false}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      </Field>
      <Field label={kind === "env" ? "Value" : "Content"}>
        {kind === "env" ? (
          <Input
            required
            type="password"
            autoComplete="new-password"
            className="font-mono"
            value={value}
            onChange={(event) => setValue(event.target.value)}
          />
        ) : (
          <Textarea
            required
            spellCheck={false}
            value={value}
            onChange={(event) => setValue(event.target.value)}
          />
        )}
      </Field>
      {set.problem && <Trouble problem={set.problem} />}
      <DialogActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" variant="primary" disabled={set.busy || !name.trim() || !value}>
          Set
        </Button>
      </DialogActions>
    </form>
  );
}
