// Holding a workspace: it is not stopped for idleness while the hold is in force.

import { type FormEvent, useState } from "react";
import { workspaces } from "@/api/calls";
import type { WorkspaceView } from "@/api/types";
import { useAction } from "@/lib/use-action";
import { Trouble } from "@/parts/trouble";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { Field } from "@/ui/field";
import { Input, Select } from "@/ui/input";

/** The hold a person places from here or from the command line. */
export const MANUAL = "manual";

const HOURS: [hours: string, label: string][] = [
  ["", "until it is released"],
  ["1", "for 1 hour"],
  ["4", "for 4 hours"],
  ["24", "for 1 day"],
  ["168", "for 1 week"],
];

export function HoldDialog({ workspace, onClose }: { workspace: WorkspaceView; onClose(): void }) {
  const [hours, setHours] = useState("");
  const [reason, setReason] = useState("");
  const action = useAction(async () => {
    const until = new Date(Date.now() + Number(hours) * 3_600_000).toISOString();
    await workspaces.hold(workspace.id, MANUAL, {
      ...(reason.trim() ? { reason: reason.trim() } : {}),
      ...(hours ? { until } : {}),
    });
    onClose();
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void action.run();
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Hold ${workspace.name}`}
      description="While it is held it is not stopped for idleness. Stopping it by hand still works."
    >
      <form onSubmit={submit} className="grid gap-4">
        <Field label="How long">
          <Select value={hours} onChange={(event) => setHours(event.target.value)}>
            {HOURS.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </Select>
        </Field>
        <Field label="What for" hint="For whoever wonders later; it is written to the log.">
          <Input
            value={reason}
            onChange={(event) => setReason(event.target.value)}
            maxLength={200}
          />
        </Field>
        {action.problem && <Trouble problem={action.problem} />}
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" disabled={action.busy}>
            Hold
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
