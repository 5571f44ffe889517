// Letting a public SSH key in.

import { type FormEvent, useState } from "react";
import { users } from "@/api/calls";
import { useAction } from "@/lib/use-action";
import { Trouble } from "@/parts/trouble";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { Field } from "@/ui/field";
import { Textarea } from "@/ui/input";

export function AddKey({ user, name, onClose }: { user: string; name: string; onClose(): void }) {
  const [key, setKey] = useState("");
  const add = useAction(async () => {
    await users.addKey(user, key.trim());
    onClose();
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void add.run();
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Add a key to ${name}`}
      description="It is let into every workspace of theirs within a second."
    >
      <form onSubmit={submit} className="grid gap-4">
        <Field
          label="Public key"
          hint="One line, as in ~/.ssh/id_ed25519.pub. Never the private one."
        >
          <Textarea
            required
            value={key}
            onChange={(event) => setKey(event.target.value)}
            placeholder="ssh-ed25519 AAAA…"
            spellCheck={false}
          />
        </Field>
        {add.problem && <Trouble problem={add.problem} />}
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" disabled={add.busy || !key.trim()}>
            Add
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
