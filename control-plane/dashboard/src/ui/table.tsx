// A dense table that scrolls by itself where the page is too narrow for it.

import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

export function Table({ className, label, ...rest }: ComponentProps<"table"> & { label: string }) {
  return (
    <div
      role="region"
      aria-label={`${label}: scrolls`}
      tabIndex={0}
      className="scroll-thin overflow-x-auto rounded-md border border-border bg-raised"
    >
      <table
        aria-label={label}
        className={cn("w-full border-collapse text-left", className)}
        {...rest}
      />
    </div>
  );
}

export function Head({ className, ...rest }: ComponentProps<"th">) {
  return (
    <th
      scope="col"
      className={cn(
        "border-b border-border px-3 py-1.5 text-2xs font-medium whitespace-nowrap text-muted",
        className,
      )}
      {...rest}
    />
  );
}

export function Cell({ className, ...rest }: ComponentProps<"td">) {
  return (
    <td className={cn("border-t border-border px-3 py-2 align-middle", className)} {...rest} />
  );
}
