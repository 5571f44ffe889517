// A dialog over the page. Radix keeps the focus; the backdrop is ours, since Radix's own locks
// scrolling with an inline style sheet that our content security policy refuses.

import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { cn } from "@/lib/cn";
import { Button } from "./button";

interface Props {
  open: boolean;
  onClose(): void;
  title: ReactNode;
  description?: ReactNode;
  children: ReactNode;
  className?: string;
  /** From the right edge, over the whole height. */
  side?: boolean;
}

export function Dialog({ open, onClose, title, description, children, className, side }: Props) {
  return (
    <Radix.Root open={open} onOpenChange={(now) => !now && onClose()}>
      <Radix.Portal>
        <div aria-hidden className="fixed inset-0 z-40 bg-black/45" />
        <Radix.Content
          {...(description ? {} : { "aria-describedby": undefined })}
          className={cn(
            "scroll-thin fixed z-50 flex flex-col overflow-y-auto overscroll-contain border border-border bg-raised shadow-xl",
            side
              ? "inset-y-0 right-0 w-full max-w-xl border-y-0 border-r-0"
              : "top-[8vh] left-1/2 max-h-[86vh] w-[calc(100vw-1.5rem)] max-w-lg -translate-x-1/2 rounded-lg",
            className,
          )}
        >
          <header className="pt-4 pr-14 pb-3 pl-5">
            <Radix.Title className="text-base font-semibold">{title}</Radix.Title>
            {description && (
              <Radix.Description className="mt-0.5 text-muted">{description}</Radix.Description>
            )}
          </header>
          <div className="min-h-0 flex-1 px-5 pb-5">{children}</div>
          {/* Last, so that the focus goes to the content first. */}
          <Radix.Close asChild>
            <Button
              variant="ghost"
              size="icon-sm"
              aria-label="Close"
              className="absolute top-3.5 right-3.5"
            >
              <X aria-hidden />
            </Button>
          </Radix.Close>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** The row of buttons that ends a dialog. */
export function DialogActions({ children }: { children: ReactNode }) {
  return <div className="mt-5 flex flex-wrap justify-end gap-2">{children}</div>;
}
