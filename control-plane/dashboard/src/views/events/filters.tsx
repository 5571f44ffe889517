// The chips of a live tail, and where new ones are typed.

import { X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useWorkspaces } from "@/data/queries";
import { useQuery } from "@/lib/url-state";
import { Button } from "@/ui/button";
import { Input } from "@/ui/input";
import { type Chips, FIELDS, parseChip, withChip } from "./chips";

const KINDS = ["workspace", "node", "user", "claim"];
const TYPES = [
  "*.ready",
  "*.failed",
  "*.step_*",
  "*.service_changed",
  "*_requested",
  "*.activity_observed",
];

export function Filters({ chips }: { chips: Chips }) {
  const [, change] = useQuery();
  const [typed, setTyped] = useState("");
  const workspaces = useWorkspaces();
  const names = new Map(workspaces.data?.map((workspace) => [workspace.id, workspace.name]));
  const add = (event: FormEvent) => {
    event.preventDefault();
    const chip = parseChip(typed);
    if (!chip) return;
    change(withChip(chips, chip), true);
    setTyped("");
  };
  const proposals = [
    ...KINDS.map((kind) => `kind:${kind}`),
    ...TYPES.map((type) => `type:${type}`),
    ...(workspaces.data ?? []).map((workspace) => `workspace:${workspace.name}`),
  ];
  return (
    <form
      onSubmit={add}
      role="search"
      className="flex min-w-0 flex-1 basis-full flex-wrap sm:basis-0 items-center gap-1.5"
    >
      <Input
        data-filter
        aria-label="Add a filter"
        list="filter-proposals"
        placeholder="kind:workspace  type:*.ready  or words"
        className="w-full sm:w-80"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
      <datalist id="filter-proposals">
        {proposals.map((proposal) => (
          <option key={proposal} value={proposal} />
        ))}
      </datalist>
      {FIELDS.map((field) => {
        const value = chips[field];
        return value ? (
          <Button
            key={field}
            size="sm"
            className="max-w-64 rounded-full"
            aria-label={`Remove the filter ${field}:${value}`}
            onClick={() => change({ [field]: "" }, true)}
          >
            <span className="truncate">
              <span className="text-muted">{field}:</span>
              {names.get(value) ?? value}
            </span>
            <X aria-hidden />
          </Button>
        ) : null;
      })}
    </form>
  );
}
