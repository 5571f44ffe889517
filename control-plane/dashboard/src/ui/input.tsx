// Places to type in or choose from. On a phone their text is 16 px, or the page would zoom.

import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

const shared =
  "w-full min-w-0 rounded-md border border-border-strong bg-raised px-2.5 text-base sm:text-sm placeholder:text-muted disabled:opacity-55 aria-invalid:border-bad";

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input className={cn(shared, "h-8", className)} {...rest} />;
}

export function Textarea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea className={cn(shared, "min-h-20 py-1.5 font-mono", className)} {...rest} />;
}

/** The browser's own list of choices: right for keyboards, readers and phones without our help. */
export function Select({ className, ...rest }: ComponentProps<"select">) {
  return <select className={cn(shared, "h-8 pr-7", className)} {...rest} />;
}
