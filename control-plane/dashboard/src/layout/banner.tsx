// Across the top when the page may be old: why, and when the next try is.

import { WifiOff } from "lucide-react";
import { live, retryNow } from "@/data/live";
import { useStore } from "@/data/store";
import { useNow } from "@/lib/now";
import { Button } from "@/ui/button";
import { freshness } from "./freshness";

export function Banner() {
  const { warning, tone } = freshness(useStore(live));
  const now = useNow();
  if (!warning) return <div role="status" className="sr-only" />;
  const seconds = warning.retryAt
    ? Math.max(0, Math.ceil((warning.retryAt - now) / 1000))
    : undefined;
  const colours = tone === "bad" ? "bg-bad-soft text-bad" : "bg-warn-soft text-warn";
  return (
    <div className={`flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-1.5 ${colours}`}>
      <WifiOff aria-hidden className="size-4 shrink-0" />
      <p role="status" className="min-w-0 flex-1">
        {warning.text} {warning.hint && <code className="whitespace-nowrap">{warning.hint}</code>}
      </p>
      {seconds !== undefined && (
        <Button size="sm" onClick={retryNow}>
          Try now{seconds > 0 && ` (${seconds} s)`}
        </Button>
      )}
    </div>
  );
}
