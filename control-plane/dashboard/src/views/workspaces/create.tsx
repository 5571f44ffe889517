// Asking for a workspace: a repository and a name are enough.

import { type FormEvent, useState } from "react";
import { workspaces } from "@/api/calls";
import type { NewWorkspace, Provider } from "@/api/types";
import { followAccepted } from "@/data/accepted";
import { useNodes, useUsers } from "@/data/queries";
import { isAdmin, session } from "@/data/session";
import { useStore } from "@/data/store";
import { useAction } from "@/lib/use-action";
import { Trouble } from "@/parts/trouble";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { Field } from "@/ui/field";
import { Input, Select } from "@/ui/input";
import { nameFrom, nameTrouble, parseRepository } from "./repository";
import { type ServiceLine, ServicesForm, servicesOf } from "./services-form";

const IDLE: [value: string, label: string][] = [
  ["", "the server's default"],
  ["600", "after 10 minutes"],
  ["3600", "after 1 hour"],
  ["28800", "after 8 hours"],
  ["never", "never"],
];

export function Create({ open, onClose }: { open: boolean; onClose(): void }) {
  return (
    <Dialog open={open} onClose={onClose} title="New workspace">
      <Form onClose={onClose} />
    </Dialog>
  );
}

function Form({ onClose }: { onClose(): void }) {
  const nodes = useNodes();
  const users = useUsers();
  const admin = isAdmin(useStore(session));
  const [given, setGiven] = useState({
    repository: "",
    branch: "",
    name: "",
    provider: "",
    owner: "",
    image: "",
    idle: "",
  });
  const [services, setServices] = useState<ServiceLine[]>([]);
  const [asked, setAsked] = useState(false);
  const set = (change: Partial<typeof given>) => setGiven((before) => ({ ...before, ...change }));
  const field = (name: keyof typeof given) => ({
    name,
    value: given[name],
    onChange: (event: { target: { value: string } }) => set({ [name]: event.target.value }),
  });

  const online = [
    ...new Set(nodes.data?.filter((node) => node.status === "online").map((node) => node.provider)),
  ];
  const people = users.data?.filter(
    (user) => user.github_login && !user.github_login.startsWith("("),
  );
  const repository = given.repository.trim()
    ? parseRepository(given.repository, given.branch)
    : undefined;
  const name = given.name || nameFrom(repository?.name ?? "");
  const wrong = {
    repository:
      given.repository.trim() && !repository
        ? "OWNER/NAME, a URL, or a folder as file:///path"
        : undefined,
    name: nameTrouble(name),
  };
  const action = useAction(async () => {
    const provider = (given.provider || online[0] || "process") as Provider;
    const idle = { after_seconds: given.idle === "never" ? null : Number(given.idle) };
    const named = servicesOf(services);
    const request: NewWorkspace = {
      name,
      spec: {
        provider,
        ...(repository ? { repository } : {}),
        ...(given.image.trim() ? { image: given.image.trim() } : {}),
        ...(given.idle ? { idle } : {}),
        ...(named ? { services: named } : {}),
      },
    };
    followAccepted("create", name, await workspaces.create(request, given.owner || undefined));
    onClose();
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setAsked(true);
    if (!wrong.repository && !wrong.name) void action.run();
  };

  return (
    <form onSubmit={submit} noValidate className="grid gap-4">
      <Field
        label="Repository"
        hint="OWNER/NAME on GitHub, a URL, or nothing for an empty workspace."
        error={asked ? wrong.repository || undefined : undefined}
      >
        <Input
          {...field("repository")}
          placeholder="acme/shop"
          autoComplete="off"
          spellCheck={false}
          autoFocus
        />
      </Field>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="Name" error={asked ? wrong.name : undefined}>
          <Input
            {...field("name")}
            placeholder={nameFrom(repository?.name ?? "") || "shop"}
            autoComplete="off"
            spellCheck={false}
          />
        </Field>
        <Field label="Branch">
          <Input
            {...field("branch")}
            placeholder="the default one"
            autoComplete="off"
            spellCheck={false}
          />
        </Field>
        <Field
          label="Provider"
          hint={nodes.data && online.length === 0 ? "No worker is online." : undefined}
        >
          <Select {...field("provider")}>
            {online.map((provider, at) => (
              <option key={provider} value={at === 0 ? "" : provider}>
                {provider}
              </option>
            ))}
          </Select>
        </Field>
        {admin && people && people.length > 0 && (
          <Field label="Owner">
            <Select {...field("owner")}>
              <option value="">you</option>
              {people.map((user) => (
                <option key={user.id} value={user.id}>
                  {user.github_login}
                </option>
              ))}
            </Select>
          </Field>
        )}
      </div>
      <ServicesForm lines={services} onChange={setServices} />
      <details>
        <summary className="text-muted hover:text-foreground">Advanced</summary>
        <div className="mt-3 grid gap-4 sm:grid-cols-2">
          <Field label="Image">
            <Input
              {...field("image")}
              placeholder="the base image"
              autoComplete="off"
              spellCheck={false}
            />
          </Field>
          <Field label="Stop when idle">
            <Select {...field("idle")}>
              {IDLE.map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </Select>
          </Field>
        </div>
      </details>
      {action.problem && <Trouble problem={action.problem} />}
      <DialogActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" variant="primary" disabled={action.busy}>
          {action.busy ? "Asking…" : "Create"}
        </Button>
      </DialogActions>
    </form>
  );
}
