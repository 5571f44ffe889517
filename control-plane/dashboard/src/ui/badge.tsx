// A word on a soft colour that says how something stands. The word alone is enough to know it.

import { cva, type VariantProps } from "class-variance-authority";
import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

const badgeVariants = cva(
  "inline-flex items-center gap-1.5 rounded-full px-2 text-2xs leading-5 font-medium whitespace-nowrap",
  {
    variants: {
      tone: {
        neutral: "bg-surface text-muted ring-1 ring-border ring-inset",
        good: "bg-good-soft text-good",
        warn: "bg-warn-soft text-warn",
        bad: "bg-bad-soft text-bad",
        busy: "bg-busy-soft text-busy",
      },
    },
    defaultVariants: { tone: "neutral" },
  },
);

export type Tone = NonNullable<VariantProps<typeof badgeVariants>["tone"]>;

const dots: Record<Tone, string> = {
  neutral: "bg-border-strong",
  good: "bg-good",
  warn: "bg-warn",
  bad: "bg-bad",
  busy: "bg-busy motion-safe:animate-pulse",
};

type Props = ComponentProps<"span"> & { tone?: Tone; dot?: boolean };

export function Badge({ tone = "neutral", dot, className, children, ...rest }: Props) {
  return (
    <span className={cn(badgeVariants({ tone }), className)} {...rest}>
      {dot && <span aria-hidden className={cn("size-1.5 rounded-full", dots[tone])} />}
      {children}
    </span>
  );
}
