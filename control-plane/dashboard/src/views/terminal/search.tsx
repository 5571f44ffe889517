// Looking for text in what a terminal has shown.

import { ChevronDown, ChevronUp, X } from "lucide-react";
import { type FormEvent, useEffect, useState } from "react";
import type { Screen } from "@/terminal/screen";
import { Button } from "@/ui/button";
import { Input } from "@/ui/input";

const decorations = {
  matchBackground: "#7a5b00",
  matchOverviewRuler: "#e0b34c",
  activeMatchBackground: "#b45309",
  activeMatchColorOverviewRuler: "#f58078",
};

export function SearchBar({ screen, onClose }: { screen: Screen; onClose(): void }) {
  const [text, setText] = useState("");
  const [found, setFound] = useState<{ at: number; of: number }>();
  useEffect(() => {
    const listening = screen.search.onDidChangeResults(({ resultIndex, resultCount }) =>
      setFound({ at: resultIndex + 1, of: resultCount }),
    );
    return () => {
      listening.dispose();
      screen.search.clearDecorations();
      screen.terminal.focus();
    };
  }, [screen]);
  const next = (event?: FormEvent) => {
    event?.preventDefault();
    screen.search.findNext(text, { decorations });
  };
  const previous = () => screen.search.findPrevious(text, { decorations });
  const says = !text || !found ? "" : found.of === 0 ? "none" : `${found.at} of ${found.of}`;
  return (
    <form
      role="search"
      onSubmit={next}
      onKeyDown={(event) => event.key === "Escape" && onClose()}
      className="absolute top-2 right-4 z-10 flex items-center gap-1 rounded-md border border-border bg-raised p-1 shadow-lg"
    >
      <Input
        autoFocus
        aria-label="Search in the terminal"
        placeholder="Search"
        className="h-7 w-44"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          screen.search.findPrevious(event.target.value, { decorations, incremental: true });
        }}
      />
      <span role="status" className="min-w-12 text-center text-2xs text-muted">
        {says}
      </span>
      <Button variant="ghost" size="icon-sm" aria-label="Older match" onClick={previous}>
        <ChevronUp aria-hidden />
      </Button>
      <Button type="submit" variant="ghost" size="icon-sm" aria-label="Newer match">
        <ChevronDown aria-hidden />
      </Button>
      <Button variant="ghost" size="icon-sm" aria-label="Close the search" onClick={onClose}>
        <X aria-hidden />
      </Button>
    </form>
  );
}
