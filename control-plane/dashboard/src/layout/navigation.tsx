// The places, and how fresh the page is: a column beside the page, or a sheet over it on a phone.

import { Search } from "lucide-react";
import { NavLink } from "react-router";
import { live } from "@/data/live";
import { isAdmin, session } from "@/data/session";
import { useStore } from "@/data/store";
import { cn } from "@/lib/cn";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Kbd } from "@/ui/kbd";
import { Account } from "./account";
import { freshness } from "./freshness";
import { places } from "./places";

interface Props {
  onPalette(): void;
  onHelp(): void;
}

export function Navigation({ onPalette, onHelp }: Props) {
  const admin = isAdmin(useStore(session));
  return (
    <div className="flex h-full flex-col gap-3 p-3">
      <Brand />
      <Button className="w-full justify-start text-muted" onClick={onPalette}>
        <Search aria-hidden /> Go to…
        <span className="ml-auto flex gap-0.5">
          <Kbd>Ctrl</Kbd>
          <Kbd>K</Kbd>
        </span>
      </Button>
      <nav aria-label="Main" className="flex-1">
        <ul className="grid gap-px">
          {places
            .filter((place) => admin || !place.admin)
            .map(({ to, label, icon: Icon }) => (
              <li key={to}>
                <NavLink
                  to={to}
                  className={({ isActive }) =>
                    cn(
                      "flex h-8 items-center gap-2.5 rounded-md px-2 text-muted hover:text-foreground [&_svg]:size-4",
                      isActive && "bg-border/60 font-medium text-foreground",
                    )
                  }
                >
                  <Icon aria-hidden /> {label}
                </NavLink>
              </li>
            ))}
        </ul>
      </nav>
      <Freshness />
      <div className="flex items-center border-t border-border pt-2">
        <Account onHelp={onHelp} />
      </div>
    </div>
  );
}

export function Brand() {
  return (
    <div className="flex items-center gap-2 px-1 text-base font-semibold tracking-tight">
      <img src="/icon.svg" alt="" className="size-5 rounded" /> Nexus
    </div>
  );
}

export function Freshness() {
  const now = useStore(live);
  const { word, tone } = freshness(now);
  return (
    <div className="flex items-center gap-2 px-1 text-2xs text-muted">
      <Badge tone={tone} dot>
        {word}
      </Badge>
      <span title="The newest event this page has seen">
        event {now.sequence.toLocaleString("en")}
      </span>
    </div>
  );
}
