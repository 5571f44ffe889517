// Something to copy, and the button that does it.

import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { cn } from "@/lib/cn";
import { Button } from "./button";

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** `text` may be made only when it is asked for. */
export function CopyButton({ text, label }: { text: string | (() => string); label: string }) {
  const [state, setState] = useState<"" | "Copied" | "Not copied: select the text and copy it">("");
  useEffect(() => {
    const timer = state ? setTimeout(() => setState(""), 2000) : undefined;
    return () => clearTimeout(timer);
  }, [state]);
  const copy = async () =>
    setState(
      (await copyText(typeof text === "string" ? text : text()))
        ? "Copied"
        : "Not copied: select the text and copy it",
    );
  return (
    <>
      <Button variant="ghost" size="icon-sm" aria-label={label} title={label} onClick={copy}>
        {state === "Copied" ? <Check aria-hidden className="text-good" /> : <Copy aria-hidden />}
      </Button>
      <span role="status" className="sr-only">
        {state}
      </span>
    </>
  );
}

/** One line to copy: a command, a token. */
export function CopyLine({
  text,
  label,
  className,
}: {
  text: string;
  label: string;
  className?: string;
}) {
  return (
    <div
      className={cn(
        "flex min-w-0 items-center rounded-md border border-border bg-surface",
        className,
      )}
    >
      <code
        tabIndex={0}
        aria-label={label}
        className="scroll-thin min-w-0 flex-1 overflow-x-auto px-2.5 py-1.5 whitespace-nowrap select-all"
      >
        {text}
      </code>
      <CopyButton text={text} label={`Copy ${label}`} />
    </div>
  );
}
