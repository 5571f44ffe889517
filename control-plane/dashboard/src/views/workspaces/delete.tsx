// Deleting takes the files too, so the name has to be typed.

import { type FormEvent, useState } from "react";
import { workspaces } from "@/api/calls";
import type { WorkspaceView } from "@/api/types";
import { followAccepted } from "@/data/accepted";
import { useAction } from "@/lib/use-action";
import { Trouble } from "@/parts/trouble";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { Field } from "@/ui/field";
import { Input } from "@/ui/input";

export function Delete({ workspace, onClose }: { workspace: WorkspaceView; onClose(): void }) {
  const [typed, setTyped] = useState("");
  const action = useAction(async () => {
    followAccepted("delete", workspace.name, await workspaces.delete(workspace.id));
    onClose();
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (typed === workspace.name) void action.run();
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Delete ${workspace.name}?`}
      description="The machine and every file in it are removed for good. What happened stays in the log."
    >
      <form onSubmit={submit} className="grid gap-4">
        <Field label={<>Type {workspace.name} to confirm</>}>
          <Input
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
            autoComplete="off"
            spellCheck={false}
          />
        </Field>
        {action.problem && <Trouble problem={action.problem} />}
        <DialogActions>
          <Button onClick={onClose}>Keep it</Button>
          <Button type="submit" variant="danger" disabled={typed !== workspace.name || action.busy}>
            {action.busy ? "Asking…" : "Delete"}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
