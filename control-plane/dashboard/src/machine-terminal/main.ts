// terminal.html?machine=ID: one terminal of one machine over the whole page, by the JSON frames.

import "@xterm/xterm/css/xterm.css";
import "./page.css";
import { darkTheme } from "@/terminal/colours";
import { openScreen } from "@/terminal/screen";
import { MachineLink } from "./link";

const element = <E extends HTMLElement>(id: string) => document.getElementById(id) as E;

const machine = new URLSearchParams(location.search).get("machine") ?? "";
const WORDS = {
  connecting: "● Connecting",
  connected: "● Connected",
  reconnecting: "● Reconnecting",
  closed: "● Disconnected",
};

function say(text: string, link?: { href: string; label: string }): void {
  const message = element("message");
  message.hidden = text === "";
  message.textContent = text;
  if (link) {
    const anchor = document.createElement("a");
    anchor.href = link.href;
    anchor.textContent = link.label;
    message.append(" ", anchor);
  }
}

function start(): void {
  element("machine").textContent = machine || "none";
  document.title = `${machine} · Terminal`;
  if (!machine) return say("Name a machine: terminal.html?machine=ID");
  const frame = element<HTMLElement>("terminal");
  const screen = openScreen(frame, {
    theme: darkTheme,
    fontSize: 14,
    readOnly: false,
    // This page has no place to ask in: programs get nothing onto the clipboard.
    onCopy: () => {},
    onLink: (url) => {
      if (confirm(`Open ${url}?`)) open(url, "_blank", "noopener,noreferrer");
    },
  });
  const { terminal, fit } = screen;
  fit.fit();
  const link = new MachineLink({
    machine,
    size: () => ({ cols: terminal.cols, rows: terminal.rows }),
    onOutput: (text) => terminal.write(text),
    onState: (state, text) => {
      const status = element("status");
      status.dataset.state = state;
      status.textContent = WORDS[state];
      const next = encodeURIComponent(location.pathname + location.search);
      const signIn = { href: `/sign-in?next=${next}`, label: "Sign in" };
      say(text, text.startsWith("Sign in") ? signIn : undefined);
    },
    onNewSession: () => {
      terminal.reset();
      terminal.write("\x1b[33mConnection lost. Reconnected — new session.\x1b[0m\r\n");
    },
  });
  terminal.onData((text) => link.type(text));
  terminal.onResize(({ cols, rows }) => link.resize(cols, rows));
  new ResizeObserver(() => fit.fit()).observe(frame);
  terminal.focus();
}

start();
