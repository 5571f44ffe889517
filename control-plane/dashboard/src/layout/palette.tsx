// The command palette: every place, every workspace, and what can be done to it, by typing.

import { Command } from "cmdk";
import { Boxes, MoonStar, Plus, SquareTerminal, SunMedium } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";
import { useWorkspaces } from "@/data/queries";
import { chooseTheme, useTheme } from "@/lib/theme";
import { workspaceStanding } from "@/parts/tone";
import { Dialog } from "@/ui/dialog";
import { places } from "./places";

const item =
  "flex cursor-pointer items-center gap-2.5 rounded-sm px-2 py-1.5 data-[selected=true]:bg-surface [&_svg]:size-4 [&_svg]:text-muted";
const group =
  "[&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:py-1 [&_[cmdk-group-heading]]:text-2xs [&_[cmdk-group-heading]]:text-muted";

export function Palette({ open, onClose }: { open: boolean; onClose(): void }) {
  return (
    <Dialog open={open} onClose={onClose} title="Go to" className="max-w-xl">
      <Choices onClose={onClose} />
    </Dialog>
  );
}

function Choices({ onClose }: { onClose(): void }) {
  const navigate = useNavigate();
  const workspaces = useWorkspaces();
  const { resolved } = useTheme();
  const [text, setText] = useState("");
  const go = (to: string) => () => {
    onClose();
    void navigate(to);
  };
  return (
    <Command label="Go to" loop>
      <Command.Input
        autoFocus
        value={text}
        onValueChange={setText}
        placeholder="A page, a workspace, a command"
        className="mb-2 h-9 w-full rounded-md border border-border-strong bg-raised px-2.5 text-base sm:text-sm"
      />
      <Command.List className="scroll-thin max-h-[50vh] overflow-y-auto">
        <Command.Empty className="px-2 py-6 text-center text-muted">
          Nothing is called so.
        </Command.Empty>
        <Command.Group heading="Workspaces" className={group}>
          {workspaces.data?.map((workspace) => (
            <Command.Item
              key={workspace.id}
              value={`${workspace.name} ${workspace.id}`}
              className={item}
              onSelect={go(`/workspaces/${workspace.name}`)}
            >
              <Boxes aria-hidden /> {workspace.name}
              <span className="ml-auto text-muted">{workspaceStanding(workspace).word}</span>
            </Command.Item>
          ))}
          {text &&
            workspaces.data?.map((workspace) => (
              <Command.Item
                key={workspace.id}
                value={`terminal ${workspace.name}`}
                className={item}
                onSelect={go(`/workspaces/${workspace.name}/terminal`)}
              >
                <SquareTerminal aria-hidden /> Terminal of {workspace.name}
              </Command.Item>
            ))}
        </Command.Group>
        <Command.Group heading="Pages" className={group}>
          {places.map(({ to, label, icon: Icon }) => (
            <Command.Item key={to} value={label} className={item} onSelect={go(to)}>
              <Icon aria-hidden /> {label}
            </Command.Item>
          ))}
        </Command.Group>
        <Command.Group heading="Commands" className={group}>
          <Command.Item className={item} onSelect={go("/workspaces?dialog=create")}>
            <Plus aria-hidden /> New workspace
          </Command.Item>
          <Command.Item
            className={item}
            onSelect={() => {
              chooseTheme(resolved === "dark" ? "light" : "dark");
              onClose();
            }}
          >
            {resolved === "dark" ? <SunMedium aria-hidden /> : <MoonStar aria-hidden />}
            {resolved === "dark" ? "Light colours" : "Dark colours"}
          </Command.Item>
        </Command.Group>
      </Command.List>
    </Command>
  );
}
