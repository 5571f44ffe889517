// Which sessions stand in which tab, as the address has it: a `session` for each tab, and in it the
// panes beside each other (`main.logs`) or above each other (`main*logs`). Pure.

export interface Tab {
  sessions: string[];
  /** `row`: beside each other; `column`: above each other. */
  direction: "row" | "column";
}

export interface Arrangement {
  tabs: Tab[];
  /** The tab that is shown. */
  shown: number;
}

/** What is attached to when the address names nothing. */
export const FIRST = "main";
const MOST_PANES = 4;

export function arrangementFrom(query: URLSearchParams): Arrangement {
  const named = query.getAll("session").filter((text) => text !== "");
  const tabs = (named.length > 0 ? named : [FIRST]).map((text): Tab => {
    const direction = text.includes("*") ? "column" : "row";
    return { direction, sessions: text.split(/[.*]/).filter(Boolean).slice(0, MOST_PANES) };
  });
  const shown = Math.min(tabs.length - 1, Math.max(0, Number(query.get("tab") ?? 0) || 0));
  return { tabs, shown };
}

export function arrangementIn(
  query: URLSearchParams,
  { tabs, shown }: Arrangement,
): URLSearchParams {
  const after = new URLSearchParams(query);
  after.delete("session");
  after.delete("tab");
  for (const { sessions, direction } of tabs)
    after.append("session", sessions.join(direction === "row" ? "." : "*"));
  if (shown > 0) after.set("tab", String(shown));
  return after;
}

/** With one more tab, shown. */
export function withTab({ tabs }: Arrangement, session: string): Arrangement {
  return { tabs: [...tabs, { sessions: [session], direction: "row" }], shown: tabs.length };
}

/** With one more pane in the tab shown. */
export function withSplit(
  { tabs, shown }: Arrangement,
  session: string,
  direction: Tab["direction"],
): Arrangement {
  const split = (tab: Tab): Tab =>
    tab.sessions.length >= MOST_PANES ? tab : { direction, sessions: [...tab.sessions, session] };
  return { shown, tabs: tabs.map((tab, at) => (at === shown ? split(tab) : tab)) };
}

/** Without this pane; a tab without panes is gone, and the last tab begins anew. */
export function without({ tabs, shown }: Arrangement, tab: number, pane: number): Arrangement {
  const left = tabs
    .map((each, at) =>
      at === tab ? { ...each, sessions: each.sessions.filter((_, index) => index !== pane) } : each,
    )
    .filter((each) => each.sessions.length > 0);
  const kept: Tab[] = left.length > 0 ? left : [{ sessions: [FIRST], direction: "row" }];
  const moved = left.length < tabs.length && tab <= shown ? shown - 1 : shown;
  return { tabs: kept, shown: Math.max(0, Math.min(kept.length - 1, moved)) };
}

/** Without a whole tab. */
export function withoutTab(arrangement: Arrangement, tab: number): Arrangement {
  const panes = arrangement.tabs[tab]?.sessions.length ?? 0;
  let next = arrangement;
  for (let pane = 0; pane < panes; pane += 1) next = without(next, tab, 0);
  return next;
}

/** With another session in the place of one that is over. */
export function renewed({ tabs, shown }: Arrangement, over: string, next: string): Arrangement {
  const instead = (session: string) => (session === over ? next : session);
  return { shown, tabs: tabs.map((tab) => ({ ...tab, sessions: tab.sessions.map(instead) })) };
}

/** Every session that is shown somewhere. */
export function sessionsIn({ tabs }: Arrangement): Set<string> {
  return new Set(tabs.flatMap((tab) => tab.sessions));
}

const RECORDED = "recorded-";

function named(prefix: string, random: number): string {
  return `${prefix}${Math.floor(random * 0x10000)
    .toString(16)
    .padStart(4, "0")}`;
}

/** A name for a new session. `random` is a figure in [0, 1). */
export function freshSession(random: number): string {
  return named("shell-", random);
}

/** A name for a new session that is to be recorded: the name says so wherever it is shown. */
export function recordedSession(random: number): string {
  return named(RECORDED, random);
}

/** Whether a session of this name is recorded, should it be made now. */
export function isRecorded(session: string): boolean {
  return session.startsWith(RECORDED);
}

/** A name for what takes the place of a session that is over. */
export function successor(over: string, random: number): string {
  return isRecorded(over) ? recordedSession(random) : freshSession(random);
}
