// Terminals of a workspace, in tabs and beside each other. The address names every session shown.

import { CircleDot, Columns2, Eye, List, Plus, Rows2, Search, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { useTerminals, useWorkspace } from "@/data/queries";
import { useRefresh } from "@/data/use-resource";
import { cn } from "@/lib/cn";
import { short } from "@/lib/id";
import { WorkspaceBadge } from "@/parts/standing";
import {
  type Arrangement,
  arrangementFrom,
  arrangementIn,
  freshSession,
  recordedSession,
  renewed,
  sessionsIn,
  successor,
  without,
  withoutTab,
  withSplit,
  withTab,
} from "@/terminal/arrangement";
import { Button } from "@/ui/button";
import { copyText } from "@/ui/copy";
import { Menu, MenuItem, MenuLabel } from "@/ui/menu";
import { LookMenu } from "./look-menu";
import Pane from "./pane";

export default function Terminal() {
  const { id = "" } = useParams();
  const [query, setQuery] = useSearchParams();
  const workspace = useWorkspace(id);
  const arrangement = arrangementFrom(query);
  const change = (next: Arrangement) => setQuery(arrangementIn(query, next), { replace: true });
  const readOnly = query.get("read_only") === "true";
  const [focused, setFocused] = useState(0);
  const [searching, setSearching] = useState<string>();
  const leave = useRef<HTMLDivElement>(null);
  const name = workspace.data?.name ?? (id.startsWith("ws-") ? short(id) : id);
  useEffect(() => {
    document.title = `Terminal of ${name} · Nexus`;
  }, [name]);
  const { tabs, shown } = arrangement;
  const now = tabs[shown]?.sessions ?? [];
  const current = now[focused] ?? now[0] ?? "";
  return (
    <div className="flex h-full flex-col">
      <header className="flex flex-wrap items-center gap-x-2 gap-y-1 border-b border-border bg-surface px-2 py-1">
        <h1 className="flex items-center gap-2 px-1 font-semibold">
          <span className="sr-only">Terminal of </span>
          <Link to={`/workspaces/${id}`} className="underline-offset-3 hover:underline">
            {name}
          </Link>
          {workspace.data && <WorkspaceBadge workspace={workspace.data} />}
        </h1>
        <Tabs arrangement={arrangement} onChange={change} />
        <div
          ref={leave}
          tabIndex={-1}
          role="toolbar"
          aria-label="Terminal"
          className="ml-auto flex items-center gap-0.5"
        >
          <Button
            variant="ghost"
            size="icon-sm"
            aria-label="Search"
            title="Search (Ctrl+Shift+F)"
            onClick={() => setSearching(current)}
          >
            <Search aria-hidden />
          </Button>
          <Button
            variant="ghost"
            size="icon-sm"
            aria-label="Split side by side"
            title="Split side by side"
            onClick={() => change(withSplit(arrangement, freshSession(Math.random()), "row"))}
          >
            <Columns2 aria-hidden />
          </Button>
          <Button
            variant="ghost"
            size="icon-sm"
            aria-label="Split above each other"
            title="Split above each other"
            onClick={() => change(withSplit(arrangement, freshSession(Math.random()), "column"))}
          >
            <Rows2 aria-hidden />
          </Button>
          <Sessions id={id} arrangement={arrangement} onChange={change} />
          <Share id={id} session={current} />
          <LookMenu />
        </div>
      </header>
      {workspace.problem?.status === 404 && (
        <p role="alert" className="p-3 text-bad">
          {workspace.problem.detail}
        </p>
      )}
      <div className="relative min-h-0 flex-1">
        {tabs.map((tab, at) => (
          <div
            key={at}
            hidden={at !== shown}
            className={cn(
              "absolute inset-0 flex divide-border",
              tab.direction === "row"
                ? "divide-x max-sm:flex-col max-sm:divide-x-0 max-sm:divide-y"
                : "flex-col divide-y",
              at !== shown && "hidden",
            )}
          >
            {tab.sessions.map((session, pane) => (
              <div key={session} className="relative flex min-h-0 min-w-0 flex-1">
                <Pane
                  workspace={id}
                  session={session}
                  readOnly={readOnly}
                  fresh={!query.has("session")}
                  searching={searching === session}
                  onSearch={(on) => setSearching(on ? session : undefined)}
                  onRenew={() =>
                    change(renewed(arrangement, session, successor(session, Math.random())))
                  }
                  onFocus={() => setFocused(pane)}
                  onLeave={() => leave.current?.querySelector("button")?.focus()}
                />
                {tab.sessions.length > 1 && (
                  <Button
                    variant="ghost"
                    size="icon-sm"
                    className="absolute top-1 right-4 z-[5] size-6 bg-raised/80"
                    aria-label={`Close the pane ${session}`}
                    onClick={() => change(without(arrangement, at, pane))}
                  >
                    <X aria-hidden />
                  </Button>
                )}
              </div>
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}

interface ArrangementProps {
  arrangement: Arrangement;
  onChange(next: Arrangement): void;
}

function Tabs({ arrangement, onChange }: ArrangementProps) {
  const { tabs, shown } = arrangement;
  return (
    <nav aria-label="Terminal tabs" className="flex min-w-0 items-center gap-0.5 overflow-x-auto">
      {tabs.map((tab, at) => {
        const label = tab.sessions.join(" + ");
        return (
          <span
            key={at}
            className={cn("flex shrink-0 items-center rounded-md", at === shown && "bg-border/70")}
          >
            <Button
              variant="ghost"
              size="sm"
              aria-current={at === shown ? "page" : undefined}
              className={cn("px-2", at === shown && "text-foreground")}
              onClick={() => onChange({ tabs, shown: at })}
            >
              {label}
            </Button>
            {tabs.length > 1 && (
              <Button
                variant="ghost"
                size="icon-sm"
                className="-ml-1 size-6"
                aria-label={`Close the tab ${label}`}
                onClick={() => onChange(withoutTab(arrangement, at))}
              >
                <X aria-hidden />
              </Button>
            )}
          </span>
        );
      })}
      <Button
        variant="ghost"
        size="icon-sm"
        aria-label="New tab"
        title="New tab"
        onClick={() => onChange(withTab(arrangement, freshSession(Math.random())))}
      >
        <Plus aria-hidden />
      </Button>
      <Button
        variant="ghost"
        size="icon-sm"
        aria-label="New recorded tab"
        title="New tab whose output is recorded in the workspace"
        onClick={() => onChange(withTab(arrangement, recordedSession(Math.random())))}
      >
        <CircleDot aria-hidden />
      </Button>
    </nav>
  );
}

/** Sessions that go on without being shown here, to take up again. */
function Sessions({ id, arrangement, onChange }: ArrangementProps & { id: string }) {
  const terminals = useTerminals(id);
  useRefresh(terminals.reload, 10_000);
  const shown = sessionsIn(arrangement);
  const others = (terminals.data ?? []).filter(
    (session) => !shown.has(session.id) && !session.exit,
  );
  return (
    <Menu
      trigger={
        <Button variant="ghost" size="icon-sm" aria-label="Other sessions" title="Other sessions">
          <List aria-hidden />
        </Button>
      }
    >
      <MenuLabel>{others.length === 0 ? "No other session goes on" : "Take up again"}</MenuLabel>
      {others.map((session) => (
        <MenuItem key={session.id} onSelect={() => onChange(withTab(arrangement, session.id))}>
          {session.id}{" "}
          <span className="ml-auto pl-4 text-muted">{session.argv.join(" ").slice(0, 24)}</span>
        </MenuItem>
      ))}
    </Menu>
  );
}

function Share({ id, session }: { id: string; session: string }) {
  const [said, setSaid] = useState("");
  const link = `${location.origin}/workspaces/${id}/terminal?session=${encodeURIComponent(session)}&read_only=true`;
  const copy = async () => setSaid((await copyText(link)) ? "Link copied" : link);
  useEffect(() => {
    const timer = said ? setTimeout(() => setSaid(""), 2500) : undefined;
    return () => clearTimeout(timer);
  }, [said]);
  return (
    <>
      <Button
        variant="ghost"
        size="icon-sm"
        aria-label="Copy a link that only shows this session"
        title="Copy a link that only shows this session"
        onClick={() => void copy()}
      >
        <Eye aria-hidden />
      </Button>
      <span role="status" className={said ? "text-2xs text-muted" : "sr-only"}>
        {said}
      </span>
    </>
  );
}
