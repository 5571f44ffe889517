// Services to ask for, where the repository configures none itself.

import { Plus, Trash2 } from "lucide-react";
import type { ServiceSpec } from "@/api/types";
import { Button } from "@/ui/button";
import { Input } from "@/ui/input";

export interface ServiceLine {
  name: string;
  command: string;
  port: string;
}

/** The lines that were filled in, as the API takes them. */
export function servicesOf(lines: ServiceLine[]): Record<string, ServiceSpec> | undefined {
  const filled = lines.filter((line) => line.name.trim() && line.command.trim());
  if (filled.length === 0) return undefined;
  return Object.fromEntries(
    filled.map(({ name, command, port }) => [
      name.trim(),
      { command: command.trim(), ...(port.trim() ? { port: Number(port) } : {}) },
    ]),
  );
}

interface Props {
  lines: ServiceLine[];
  onChange(lines: ServiceLine[]): void;
}

export function ServicesForm({ lines, onChange }: Props) {
  const set = (at: number, change: Partial<ServiceLine>) =>
    onChange(lines.map((line, index) => (index === at ? { ...line, ...change } : line)));
  return (
    <fieldset className="grid gap-1.5">
      <legend className="mb-1 font-medium">Services</legend>
      {lines.map((line, at) => (
        <div key={at} className="grid grid-cols-[6rem_1fr_4.5rem_auto] gap-1.5">
          <Input
            aria-label={`Service ${at + 1}: name`}
            placeholder="web"
            value={line.name}
            onChange={(event) => set(at, { name: event.target.value })}
          />
          <Input
            aria-label={`Service ${at + 1}: command`}
            placeholder="npm run dev"
            className="font-mono"
            value={line.command}
            onChange={(event) => set(at, { command: event.target.value })}
          />
          <Input
            aria-label={`Service ${at + 1}: port`}
            placeholder="3000"
            inputMode="numeric"
            value={line.port}
            onChange={(event) => set(at, { port: event.target.value.replace(/\D/g, "") })}
          />
          <Button
            variant="ghost"
            size="icon"
            aria-label={`Remove service ${at + 1}`}
            onClick={() => onChange(lines.filter((_, index) => index !== at))}
          >
            <Trash2 aria-hidden />
          </Button>
        </div>
      ))}
      <div className="flex flex-wrap items-center gap-x-3">
        <Button size="sm" onClick={() => onChange([...lines, { name: "", command: "", port: "" }])}>
          <Plus aria-hidden /> Add a service
        </Button>
        {lines.length === 0 && (
          <span className="text-muted">None: what the repository configures.</span>
        )}
      </div>
    </fieldset>
  );
}
