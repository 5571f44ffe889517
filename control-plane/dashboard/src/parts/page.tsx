// The frame of a view: its title, what can be done, and its content.

import { type ReactNode, useEffect } from "react";

interface Props {
  title: string;
  /** Shown in place of the title, where that is more than a word. */
  heading?: ReactNode;
  description?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, heading, description, actions, children }: Props) {
  useEffect(() => {
    document.title = `${title} · Nexus`;
  }, [title]);
  return (
    <div className="mx-auto w-full max-w-6xl px-4 py-5 sm:px-6">
      <header className="mb-4 flex flex-wrap items-center gap-x-4 gap-y-2">
        <div className="min-w-0 flex-1">
          <h1 className="flex min-w-0 flex-wrap items-center gap-x-2.5 gap-y-1 text-lg font-semibold tracking-tight">
            {heading ?? title}
          </h1>
          {description && <div className="text-muted">{description}</div>}
        </div>
        {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

/** A part of a view under a heading of its own. */
export function Section({
  title,
  actions,
  children,
}: {
  title: string;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section aria-label={title} className="mb-6">
      <div className="mb-2 flex min-h-7 items-center gap-2">
        <h2 className="flex-1 font-semibold">{title}</h2>
        {actions}
      </div>
      {children}
    </section>
  );
}
