// What a live tail is narrowed to: typed as `kind:workspace` or as plain words, kept in the address,
// and split into what the server filters and what the page does. Pure.

import type { Told } from "@/stream/told";

export const FIELDS = ["kind", "type", "workspace", "actor", "text"] as const;
export type Field = (typeof FIELDS)[number];
export type Chips = Partial<Record<Field, string>>;

const isField = (word: string): word is Field => (FIELDS as readonly string[]).includes(word);

/** What was typed: a field and its value, or else words to look for. */
export function parseChip(typed: string): [Field, string] | undefined {
  const text = typed.trim();
  const colon = text.indexOf(":");
  const field = text.slice(0, colon);
  const value = text.slice(colon + 1).trim();
  if (colon > 0 && isField(field)) return value ? [field, value] : undefined;
  return text ? ["text", text] : undefined;
}

export function chipsFrom(query: URLSearchParams): Chips {
  const chips: Chips = {};
  for (const field of FIELDS) {
    const value = query.get(field);
    if (value) chips[field] = value;
  }
  return chips;
}

/** A change of the query that adds a chip; further words to look for are added to the ones there. */
export function withChip(chips: Chips, [field, value]: [Field, string]): Record<string, string> {
  const all = field === "text" && chips.text ? `${chips.text} ${value}` : value;
  return { [field]: all };
}

/** What the server is asked for. */
export function serverQuery({ kind, type, workspace }: Chips): Record<string, string> {
  return {
    ...(kind ? { kind } : {}),
    ...(type ? { type } : {}),
    ...(workspace ? { workspace } : {}),
  };
}

/** What the page filters itself. */
export function pageFilter({ actor, text }: Chips): ((event: Told) => boolean) | undefined {
  if (!actor && !text) return undefined;
  const words = (text ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  return (event) => {
    if (actor && !event.actor.includes(actor)) return false;
    const json = words.length > 0 ? event.json.toLowerCase() : "";
    return words.every((word) => json.includes(word));
  };
}
