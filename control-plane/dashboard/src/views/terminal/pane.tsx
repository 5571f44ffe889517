// One terminal on the page: the screen, its search, its standing, and why it closed.

import "@xterm/xterm/css/xterm.css";
import { ExternalLink, RotateCcw } from "lucide-react";
import { useState } from "react";
import { Button } from "@/ui/button";
import { copyText } from "@/ui/copy";
import { Dialog, DialogActions } from "@/ui/dialog";
import { CONNECTING } from "@/terminal/link";
import { SearchBar } from "./search";
import { Standing } from "./standing";
import { useTerminal } from "./use-terminal";

/** Codes that say more than how the program ended: what became of the workspace. */
const WORKSPACE_ENDS = [1008, 4001, 4002];

function endOf(code: number, message: string, ended: string | undefined): string {
  return WORKSPACE_ENDS.includes(code) ? message : (ended ?? message);
}

interface Props {
  workspace: string;
  session: string;
  readOnly: boolean;
  fresh: boolean;
  searching: boolean;
  onSearch(on: boolean): void;
  onFocus(): void;
  onRenew(): void;
  onLeave(): void;
}

export default function Pane({
  workspace,
  session,
  readOnly,
  fresh,
  searching,
  onSearch,
  onFocus,
  onRenew,
  onLeave,
}: Props) {
  const [link, setLink] = useState<string>();
  const [offer, setOffer] = useState<string>();
  const pane = useTerminal({
    workspace,
    session,
    readOnly,
    fresh,
    onLink: setLink,
    onCopy: setOffer,
    onSearch: () => onSearch(true),
    onRenew,
    onLeave,
  });
  const { state, screen } = pane;
  const over = state.at === "closed" ? endOf(state.code, state.message, pane.ended) : undefined;
  const progress = state.at === "connecting" && state.message !== CONNECTING ? state.message : "";
  const again = () => {
    pane.retry();
    screen.current?.terminal.focus();
  };
  return (
    <section
      aria-label={`Terminal ${session}`}
      onFocusCapture={onFocus}
      className="relative flex min-h-0 min-w-0 flex-1 flex-col overflow-hidden"
    >
      {searching && screen.current && (
        <SearchBar screen={screen.current} onClose={() => onSearch(false)} />
      )}
      <div className="min-h-0 flex-1 p-1.5" style={{ background: pane.background }}>
        <div ref={pane.frame} className="h-full w-full overflow-hidden" />
      </div>
      {progress && (
        <p role="status" className="border-t border-border bg-busy-soft px-3 py-2 text-busy">
          {progress}
        </p>
      )}
      {offer !== undefined && (
        <Offer
          text={offer}
          onDone={() => {
            setOffer(undefined);
            screen.current?.terminal.focus();
          }}
        />
      )}
      {over && (
        <div
          role="alert"
          className="flex flex-wrap items-center gap-3 border-t border-border bg-warn-soft px-3 py-2 text-warn"
        >
          <span className="min-w-0 flex-1">{over}</span>
          <Button size="sm" onClick={again}>
            <RotateCcw aria-hidden />{" "}
            {pane.ended || (state.at === "closed" && state.code === 4004)
              ? "New session"
              : "Connect again"}
          </Button>
        </div>
      )}
      <Standing
        session={session}
        state={state}
        latency={pane.latency}
        readOnly={pane.readOnly}
        onRetry={again}
      />
      <Dialog
        open={link !== undefined}
        onClose={() => setLink(undefined)}
        title="Open this address?"
        description="A program in the terminal shows it. Look where it leads."
      >
        <p className="rounded-md border border-border bg-surface px-2.5 py-1.5 font-mono break-all">
          {link}
        </p>
        <DialogActions>
          <Button onClick={() => setLink(undefined)}>Stay here</Button>
          <Button asChild variant="primary">
            <a
              href={link}
              target="_blank"
              rel="noopener noreferrer"
              onClick={() => setLink(undefined)}
            >
              Open <ExternalLink aria-hidden />
            </a>
          </Button>
        </DialogActions>
      </Dialog>
    </section>
  );
}

/** What a program wants on the clipboard: it gets there when somebody says so. */
function Offer({ text, onDone }: { text: string; onDone(): void }) {
  const copy = async () => {
    await copyText(text);
    onDone();
  };
  return (
    <div className="flex flex-wrap items-center gap-2 border-t border-border bg-surface px-3 py-1.5">
      <p role="status" className="min-w-0 flex-1 truncate">
        A program wants to copy <code>{text.slice(0, 80)}</code>
      </p>
      <Button size="sm" onClick={() => void copy()}>
        Copy
      </Button>
      <Button size="sm" variant="ghost" onClick={onDone}>
        Ignore
      </Button>
    </div>
  );
}
