// Keys that work on every page. Single letters can be turned off in the settings, since they get in
// the way of speech input (WCAG 2.1.4); Ctrl-K always works.

import { useEffect } from "react";
import { useNavigate } from "react-router";
import { store } from "@/data/store";
import { places } from "./places";

const KEPT = "nexus.letters";

export const letterKeys = store(localStorage.getItem(KEPT) !== "off");

export function setLetterKeys(on: boolean): void {
  localStorage.setItem(KEPT, on ? "on" : "off");
  letterKeys.write(on);
}

export interface Shortcut {
  keys: string[];
  does: string;
}

export const shortcuts: Shortcut[] = [
  { keys: ["Ctrl", "K"], does: "Find a command or a workspace" },
  { keys: ["?"], does: "Show these keys" },
  { keys: ["/"], does: "Go to the filter of the page" },
  { keys: ["n"], does: "New workspace" },
  { keys: ["j", "k"], does: "Next and previous row; also the arrow keys" },
  { keys: ["Enter"], does: "Open the row" },
  ...places.map((place) => ({ keys: ["g", place.key], does: `Go to ${place.label}` })),
];

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target.closest("input, textarea, select, .xterm, [role=menu]") !== null)
  );
}

/** Moves the focus among the rows of the page. */
function moveRow(by: 1 | -1): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  if (rows.length === 0) return false;
  const at = rows.findIndex((row) => row === document.activeElement);
  const next = at === -1 ? (by === 1 ? 0 : rows.length - 1) : at + by;
  rows[Math.max(0, Math.min(rows.length - 1, next))]?.focus();
  return true;
}

interface Actions {
  palette(): void;
  help(): void;
}

export function useKeys({ palette, help }: Actions): void {
  const navigate = useNavigate();
  useEffect(() => {
    let goes = 0;
    const press = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        if (event.target instanceof Element && event.target.closest(".xterm") && event.ctrlKey)
          return;
        event.preventDefault();
        return palette();
      }
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (isTyping(event.target) || document.querySelector("[role=dialog]")) return;
      const onRow = document.activeElement?.hasAttribute("data-row") ?? false;
      const arrow = onRow && (event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0);
      if (arrow && moveRow(arrow)) return event.preventDefault();
      if (!letterKeys.read()) return;
      if (Date.now() - goes < 1000) {
        goes = 0;
        const place = places.find(({ key }) => key === event.key);
        if (place) void navigate(place.to);
        return;
      }
      if (event.key === "g") goes = Date.now();
      else if (event.key === "?") help();
      else if (event.key === "n") void navigate("/workspaces?dialog=create");
      else if (event.key === "j" && moveRow(1)) event.preventDefault();
      else if (event.key === "k" && moveRow(-1)) event.preventDefault();
      else if (event.key === "/") {
        document.querySelector<HTMLElement>("[data-filter]")?.focus();
        event.preventDefault();
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [navigate, palette, help]);
}
