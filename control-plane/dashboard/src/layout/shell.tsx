// What surrounds every view once somebody is signed in.

import { Menu as MenuIcon } from "lucide-react";
import { Suspense, useCallback, useEffect, useState } from "react";
import { Outlet, useLocation } from "react-router";
import { follow } from "@/data/live";
import { Boundary } from "@/parts/boundary";
import { SkeletonRows } from "@/ui/skeleton";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Banner } from "./banner";
import { Following } from "./following";
import { Help } from "./help";
import { useKeys } from "./keys";
import { Brand, Navigation } from "./navigation";
import { Palette } from "./palette";

export function Shell() {
  const [open, setOpen] = useState<"" | "palette" | "help" | "menu">("");
  const { pathname } = useLocation();
  const palette = useCallback(() => setOpen("palette"), []);
  const help = useCallback(() => setOpen("help"), []);
  const close = useCallback(() => setOpen(""), []);
  useKeys({ palette, help });
  useEffect(follow, []);
  useEffect(() => setOpen(""), [pathname]);
  return (
    <div className="flex h-dvh flex-col md:flex-row">
      <a
        href="#content"
        className="absolute top-1 left-1 z-50 -translate-y-16 rounded-md bg-primary px-3 py-1.5 text-primary-foreground focus:translate-y-0"
      >
        Skip to the content
      </a>
      <aside className="hidden w-56 shrink-0 border-r border-border bg-surface md:block">
        <Navigation onPalette={palette} onHelp={help} />
      </aside>
      <header className="flex items-center gap-2 border-b border-border bg-surface px-2 py-1.5 md:hidden">
        <Button variant="ghost" size="icon" aria-label="Menu" onClick={() => setOpen("menu")}>
          <MenuIcon aria-hidden />
        </Button>
        <Brand />
      </header>
      <div className="flex min-h-0 min-w-0 flex-1 flex-col">
        <Banner />
        <main
          id="content"
          tabIndex={-1}
          className="scroll-thin relative min-h-0 flex-1 overflow-y-auto"
        >
          <Boundary of={pathname}>
            <Suspense
              fallback={
                <div className="p-6">
                  <SkeletonRows label="Loading the page" />
                </div>
              }
            >
              <Outlet />
            </Suspense>
          </Boundary>
        </main>
      </div>
      <Following />
      <Arrival pathname={pathname} />
      <Palette open={open === "palette"} onClose={close} />
      <Help open={open === "help"} onClose={close} />
      <Dialog open={open === "menu"} onClose={close} title="Menu" side className="left-0 max-w-72">
        <Navigation onPalette={palette} onHelp={help} />
      </Dialog>
    </div>
  );
}

/** Says where one has arrived to who does not see it. */
function Arrival({ pathname }: { pathname: string }) {
  const [title, setTitle] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setTitle(document.title), 300);
    return () => clearTimeout(timer);
  }, [pathname]);
  return (
    <p role="status" className="sr-only">
      {title}
    </p>
  );
}
