// What differs between two states, field by field. Pure.

export interface Change {
  /** `services.web.status`. */
  path: string;
  kind: "added" | "removed" | "changed";
  before?: unknown;
  after?: unknown;
}

/** Fields that only say how fresh an answer is. */
const FRESHNESS = new Set(["sequence"]);

const isTree = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

/** In the order of the fields' names. What is null counts as absent. */
export function difference(before: unknown, after: unknown, path = ""): Change[] {
  const had = before !== undefined && before !== null;
  const has = after !== undefined && after !== null;
  if (isTree(before) || isTree(after)) {
    if ((!had || isTree(before)) && (!has || isTree(after))) {
      const one = (before ?? {}) as Record<string, unknown>;
      const other = (after ?? {}) as Record<string, unknown>;
      const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
      return names
        .filter((name) => path !== "" || !FRESHNESS.has(name))
        .flatMap((name) => difference(one[name], other[name], path ? `${path}.${name}` : name));
    }
  }
  if (!had && !has) return [];
  if (!had) return [{ path, kind: "added", after }];
  if (!has) return [{ path, kind: "removed", before }];
  return same(before, after) ? [] : [{ path, kind: "changed", before, after }];
}

/** Every field of a state with its path, in the order of the names. */
export function fieldsOf(state: unknown): Change[] {
  return difference({}, state);
}

/** A value in a line. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
