// The live tail: everything that happens, as it happens.

import { Pause, Play, Radio } from "lucide-react";
import { useEffect, useState } from "react";
import { useEvent } from "@/data/queries";
import { isAdmin, session } from "@/data/session";
import { useStore } from "@/data/store";
import { useQuery } from "@/lib/url-state";
import { Empty } from "@/parts/empty";
import { EventDetail } from "@/parts/event-detail";
import { Loaded } from "@/parts/loaded";
import { Trouble } from "@/parts/trouble";
import type { TailState } from "@/stream/tail";
import { nameOf, type Told } from "@/stream/told";
import { Badge, type Tone } from "@/ui/badge";
import { Button } from "@/ui/button";
import { CopyButton } from "@/ui/copy";
import { Dialog } from "@/ui/dialog";
import { Select } from "@/ui/input";
import { SkeletonRows } from "@/ui/skeleton";
import { chipsFrom, serverQuery } from "./chips";
import { Filters } from "./filters";
import { EventList } from "./list";
import { type LiveTail, useTail } from "./use-tail";
import { wholeness } from "./wholeness";

const SINCE: [value: string, label: string][] = [
  ["500", "newest 500"],
  ["10000", "newest 10,000"],
  ["all", "from the beginning"],
];

const STATES: Record<TailState["at"], [word: string, tone: Tone]> = {
  connecting: ["connecting", "busy"],
  reading: ["reading", "busy"],
  live: ["live", "good"],
  waiting: ["reconnecting", "bad"],
  refused: ["refused", "bad"],
};

export default function Events() {
  const [query, change] = useQuery();
  const chips = chipsFrom(query);
  const since = query.get("since") ?? (chips.workspace ? "all" : "500");
  const tail = useTail(chips, since === "all" ? undefined : Number(since) || 500);
  const [frozen, setFrozen] = useState<readonly Told[]>();
  useEffect(() => {
    document.title = "Live tail · Nexus";
  }, []);
  const { shown } = tail.buffer;
  const events = frozen ?? shown;
  const missed = frozen
    ? (shown.at(shown.length - 1)?.sequence ?? 0) - (frozen.at(-1)?.sequence ?? 0)
    : 0;
  const refused = tail.state.at === "refused" ? tail.state.refused.problem : tail.problem;
  return (
    <div className="flex h-full flex-col">
      <h1 className="sr-only">Live tail</h1>
      <div className="flex flex-wrap items-center gap-2 border-b border-border px-3 py-2">
        <Filters chips={chips} />
        <Select
          aria-label="Since"
          className="w-auto"
          value={since}
          onChange={(event) => change({ since: event.target.value }, true)}
        >
          {SINCE.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </Select>
        <Button
          aria-pressed={frozen !== undefined}
          onClick={() => setFrozen(frozen ? undefined : [...shown.all()])}
        >
          {frozen ? <Play aria-hidden /> : <Pause aria-hidden />}
          {frozen ? "Resume" : "Pause"}
        </Button>
        <CopyButton
          label="Copy the shown events as JSON"
          text={() =>
            `[${[...("all" in events ? events.all() : events)].map((event) => event.json).join(",\n")}]`
          }
        />
      </div>
      {refused && <Trouble className="m-3" problem={refused} onRetry={tail.retry} />}
      {events.length > 0 ? (
        <EventList
          events={events}
          stick={!frozen}
          onOpen={({ sequence }) => change({ event: String(sequence) }, true)}
        />
      ) : (
        <Nothing tail={tail} filtered={Object.keys(chips).length > 0} />
      )}
      <Standing
        tail={tail}
        count={events.length}
        missed={missed}
        filtered={Object.keys(serverQuery(chips)).length > 0}
      />
      {query.has("event") && (
        <Opened sequence={Number(query.get("event"))} onClose={() => change({ event: "" })} />
      )}
    </div>
  );
}

function Opened({ sequence, onClose }: { sequence: number; onClose(): void }) {
  const event = useEvent(sequence);
  const name = event.data ? nameOf(event.data.event.type) : `Event ${sequence}`;
  return (
    <Dialog side open onClose={onClose} title={name}>
      <Loaded of={event} what="the event">
        {(view) => <EventDetail view={view} />}
      </Loaded>
    </Dialog>
  );
}

function Nothing({ tail, filtered }: { tail: LiveTail; filtered: boolean }) {
  const waits = tail.state.at === "live";
  return (
    <div className="min-h-0 flex-1 p-4">
      {waits ? (
        <Empty icon={Radio} title={filtered ? "Nothing matches yet" : "Nothing happened yet"}>
          Events appear here the moment they are stored.
        </Empty>
      ) : (
        <SkeletonRows rows={8} label="Loading events" />
      )}
    </div>
  );
}

interface StandingProps {
  tail: LiveTail;
  count: number;
  missed: number;
  filtered: boolean;
}

function Standing({ tail, count, missed, filtered }: StandingProps) {
  const everything = isAdmin(useStore(session)) && !filtered;
  const whole = wholeness(tail.known, everything);
  const [word, tone] = STATES[tail.state.at];
  const dropped = tail.buffer.all.dropped;
  return (
    <section
      aria-label="Standing of the tail"
      className="flex flex-wrap items-center gap-x-3 gap-y-1 border-t border-border bg-surface px-3 py-1 text-2xs text-muted"
    >
      <Badge tone={tone} dot>
        {word}
      </Badge>
      <Badge tone={whole.tone}>{whole.word}</Badge>
      <span>{whole.text}</span>
      {tail.state.at === "waiting" && (
        <button type="button" className="link" onClick={tail.retry}>
          Try now
        </button>
      )}
      <span className="ml-auto">
        {missed > 0 && "paused, more has come · "}
        {count.toLocaleString("en")} shown
        {dropped > 0 && ` · ${dropped.toLocaleString("en")} older ones not kept`}
      </span>
    </section>
  );
}
