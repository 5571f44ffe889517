// The line under a terminal: connected or not, how fast, and which session.

import { CircleDot, Eye } from "lucide-react";
import { useNow } from "@/lib/now";
import { isRecorded } from "@/terminal/arrangement";
import type { LinkState } from "@/terminal/link";
import { Badge, type Tone } from "@/ui/badge";
import { Button } from "@/ui/button";

export const words: Record<LinkState["at"], [word: string, tone: Tone]> = {
  connecting: ["connecting", "busy"],
  open: ["connected", "good"],
  waiting: ["reconnecting", "bad"],
  closed: ["closed", "neutral"],
};

interface Props {
  session: string;
  state: LinkState;
  latency: number | undefined;
  readOnly: boolean;
  onRetry(): void;
}

export function Standing({ session, state, latency, readOnly, onRetry }: Props) {
  const [word, tone] = words[state.at];
  return (
    <div className="flex h-6 shrink-0 items-center gap-2.5 border-t border-border bg-surface px-2 text-2xs text-muted">
      <span
        role="status"
        aria-label={`Connection of ${session}`}
        className="flex min-w-0 items-center gap-2"
      >
        <Badge tone={tone} dot className="leading-4">
          {word}
        </Badge>
      </span>
      {state.at === "waiting" && (
        <Waiting until={state.until} message={state.message} onRetry={onRetry} />
      )}
      {latency !== undefined && (
        <span title="There and back">
          {latency < 10 ? latency.toFixed(1) : Math.round(latency)} ms
        </span>
      )}
      {readOnly && (
        <span className="flex items-center gap-1">
          <Eye aria-hidden className="size-3" /> only to look at
        </span>
      )}
      {isRecorded(session) && (
        <span className="flex items-center gap-1">
          <CircleDot aria-hidden className="size-3 text-bad" /> recorded
        </span>
      )}
      <span className="ml-auto truncate">{session}</span>
    </div>
  );
}

function Waiting({ until, message, onRetry }: { until: number; message: string; onRetry(): void }) {
  const seconds = Math.max(0, Math.ceil((until - useNow()) / 1000));
  return (
    <span className="flex min-w-0 items-center gap-2">
      <span className="truncate">
        {message} {seconds > 0 && `Next try in ${seconds} s.`}
      </span>
      <Button variant="link" size="inline" className="text-2xs" onClick={onRetry}>
        Try now
      </Button>
    </span>
  );
}
