// One pane: a screen and a link, and what is known of both.

import { useEffect, useRef, useState } from "react";
import { workspaces } from "@/api/calls";
import { useStore } from "@/data/store";
import { useTheme } from "@/lib/theme";
import { copyText } from "@/ui/copy";
import { darkTheme, lightTheme } from "@/terminal/colours";
import { CONNECTING, type LinkState, TerminalLink } from "@/terminal/link";
import { changeLook, look } from "@/terminal/look";
import { openScreen, type Screen } from "@/terminal/screen";

export interface Pane {
  frame: React.RefObject<HTMLDivElement | null>;
  screen: React.RefObject<Screen | undefined>;
  state: LinkState;
  latency: number | undefined;
  readOnly: boolean;
  background: string;
  /** How the program ended. */
  ended: string | undefined;
  retry(): void;
}

interface Options {
  workspace: string;
  session: string;
  readOnly: boolean;
  /** Whether a session that had ended before is followed by a new one without asking. */
  fresh: boolean;
  onLink(url: string): void;
  /** A program wants this on the clipboard. */
  onCopy(text: string): void;
  onSearch(): void;
  /** A new session is wanted in the place of this one. */
  onRenew(): void;
  /** The keyboard is to leave the terminal. */
  onLeave(): void;
}

export function useTerminal(options: Options): Pane {
  const { workspace, session } = options;
  const frame = useRef<HTMLDivElement>(null);
  const screen = useRef<Screen>(undefined);
  const link = useRef<TerminalLink>(undefined);
  const latest = useRef(options);
  latest.current = options;
  const [state, setState] = useState<LinkState>({ at: "connecting", message: CONNECTING });
  const [latency, setLatency] = useState<number>();
  const [ended, setEnded] = useState<string>();
  const [readOnly, setReadOnly] = useState(options.readOnly);
  const { fontSize, colours } = useStore(look);
  const { resolved } = useTheme();
  const theme = (colours === "page" ? resolved : colours) === "dark" ? darkTheme : lightTheme;
  const first = useRef({ fontSize, theme });

  useEffect(() => {
    const element = frame.current;
    if (!element) return undefined;
    const opened = openScreen(element, {
      ...first.current,
      readOnly: latest.current.readOnly,
      onLink: (url) => latest.current.onLink(url),
      onCopy: (text) => latest.current.onCopy(text),
    });
    screen.current = opened;
    const { terminal } = opened;
    opened.fit.fit();
    const made = new TerminalLink({
      path: workspaces.terminalPath(workspace),
      session,
      readOnly: latest.current.readOnly,
      fresh: latest.current.fresh,
      discard: (ended) => workspaces.endTerminal(workspace, ended),
      onRenew: () => latest.current.onRenew(),
      probe: () => workspaces.read(workspace),
      size: () => ({ cols: terminal.cols, rows: terminal.rows }),
      onBytes: (bytes, shown) => terminal.write(bytes, shown),
      onSession: (_, created, only) => {
        if (created) terminal.reset();
        setReadOnly(only);
        setEnded(undefined);
      },
      onGap: (lost) => terminal.write(`\r\n\x1b[2m[${lost} bytes of output are gone]\x1b[0m\r\n`),
      onEnded: (exit) => setEnded(endOf(exit)),
      onState: (next) => {
        setState(next);
        if (next.at !== "open") setLatency(undefined);
      },
      onLatency: setLatency,
    });
    link.current = made;
    const listening = [
      terminal.onData((text) => made.type(text)),
      terminal.onBinary((text) =>
        made.send(Uint8Array.from(text, (letter) => letter.charCodeAt(0))),
      ),
      terminal.onResize(({ cols, rows }) => made.resize(cols, rows)),
    ];
    terminal.attachCustomKeyEventHandler((event) => handleKey(event, opened, latest.current));
    const sizes = new ResizeObserver(() => element.clientWidth > 0 && opened.fit.fit());
    sizes.observe(element);
    terminal.focus();
    return () => {
      sizes.disconnect();
      for (const each of listening) each.dispose();
      made.close();
      opened.dispose();
    };
  }, [workspace, session]);

  useEffect(() => {
    const opened = screen.current;
    if (!opened) return;
    opened.terminal.options.theme = theme;
    opened.terminal.options.fontSize = fontSize;
    opened.fit.fit();
  }, [theme, fontSize]);

  return {
    frame,
    screen,
    state,
    latency,
    readOnly,
    ended,
    background: theme.background ?? "",
    retry: () => link.current?.retry(),
  };
}

function endOf(exit: { code: number } | { signal: number } | null): string {
  if (!exit) return "The program ended.";
  if ("code" in exit)
    return exit.code === 0 ? "The program ended." : `The program ended with ${exit.code}.`;
  return `The program was ended by signal ${exit.signal}.`;
}

/** Keys of ours; everything else is the program's. Answers whether xterm.js is to have it. */
function handleKey(event: KeyboardEvent, { terminal }: Screen, options: Options): boolean {
  if (event.type !== "keydown") return true;
  const command = event.metaKey || (event.ctrlKey && event.shiftKey);
  const key = event.key.toLowerCase();
  const copies =
    (command && key === "c") || (event.ctrlKey && key === "c" && terminal.hasSelection());
  if (copies) {
    if (terminal.hasSelection()) void copyText(terminal.getSelection());
    if (!command) terminal.clearSelection();
    event.preventDefault();
    return false;
  }
  // The browser pastes, xterm.js takes what was pasted.
  if ((command && key === "v") || (event.shiftKey && event.key === "Insert")) return false;
  if (command && key === "f") options.onSearch();
  else if (event.ctrlKey && event.shiftKey && key === "l") options.onLeave();
  else if (event.ctrlKey && event.shiftKey && (key === "+" || key === "=")) grow(1);
  else if (event.ctrlKey && event.shiftKey && (key === "_" || key === "-")) grow(-1);
  else return true;
  event.preventDefault();
  return false;
}

function grow(by: number): void {
  changeLook({ fontSize: look.read().fontSize + by });
}
