// A very long list of events, of which only what is in sight is drawn. One stop for the Tab key; the
// arrow keys, j and k, Page, Home and End move in it, Enter opens.

import { ArrowDownToLine } from "lucide-react";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { cn } from "@/lib/cn";
import { clock } from "@/lib/time";
import type { Ring } from "@/stream/ring";
import type { Told } from "@/stream/told";
import { Button } from "@/ui/button";
import { type Stick, stickAfter, useSpan } from "@/ui/virtual";

export const ROW = 28;

interface Props {
  events: Ring<Told> | readonly Told[];
  /** Keep the newest in sight while the end is. */
  stick: boolean;
  onOpen(event: Told): void;
}

export function EventList({ events, stick, onOpen }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const hold = useRef<Stick>({ stuck: true, top: 0 });
  const [away, setAway] = useState(false);
  const [active, setActive] = useState<number>();
  const count = events.length;
  const [span, look] = useSpan(frame, ROW, count);
  const toEnd = () => {
    hold.current = { ...hold.current, stuck: true };
    frame.current?.scrollTo({ top: frame.current.scrollHeight });
  };
  useEffect(() => {
    if (stick && hold.current.stuck) toEnd();
  }, [count, stick]);
  const move = (to: number) => {
    const next = Math.max(0, Math.min(count - 1, to));
    const box = frame.current;
    setActive(events.at(next)?.sequence);
    if (!box) return;
    if (next * ROW < box.scrollTop) box.scrollTop = next * ROW;
    if ((next + 1) * ROW > box.scrollTop + box.clientHeight)
      box.scrollTop = (next + 1) * ROW - box.clientHeight;
    // Not only when the browser tells of it: whoever reads along shall find the row at once.
    look();
  };
  const press = (event: KeyboardEvent) => {
    const at = indexOf(events, active);
    const page = Math.floor((frame.current?.clientHeight ?? 0) / ROW) - 1;
    const from = at < 0 ? span.end : at;
    const moves: Record<string, number> = {
      ArrowDown: at < 0 ? count - 1 : at + 1,
      j: at < 0 ? count - 1 : at + 1,
      ArrowUp: from - 1,
      k: from - 1,
      PageDown: from + page,
      PageUp: from - page,
      Home: 0,
      End: count - 1,
    };
    const to = moves[event.key];
    const opened = at < 0 ? undefined : events.at(at);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (to !== undefined) move(to);
    else if (event.key === "Enter" && opened) onOpen(opened);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div className="relative min-h-0 flex-1">
      <div
        ref={frame}
        role="listbox"
        aria-label="Events"
        tabIndex={0}
        aria-activedescendant={active === undefined ? undefined : `event-${active}`}
        onKeyDown={press}
        onScroll={({ currentTarget }) => {
          hold.current = stickAfter(hold.current, currentTarget);
          setAway(!hold.current.stuck);
        }}
        className="scroll-thin absolute inset-0 overflow-y-auto overscroll-contain bg-raised -outline-offset-2"
      >
        <div className="relative" style={{ height: count * ROW }}>
          <div className="absolute inset-x-0" style={{ top: span.first * ROW }}>
            {Array.from({ length: span.end - span.first }, (_, at) => {
              const event = events.at(span.first + at);
              return event ? (
                <Row
                  key={event.sequence}
                  event={event}
                  place={span.first + at + 1}
                  count={count}
                  active={event.sequence === active}
                  onPick={() => {
                    setActive(event.sequence);
                    onOpen(event);
                  }}
                />
              ) : null;
            })}
          </div>
        </div>
      </div>
      {away && (
        <Button size="sm" className="absolute right-4 bottom-3 shadow-md" onClick={toEnd}>
          <ArrowDownToLine aria-hidden /> Newest
        </Button>
      )}
    </div>
  );
}

/** Where the event of this sequence stands: sequences rise, so by halving. */
function indexOf(events: Props["events"], sequence: number | undefined): number {
  if (sequence === undefined) return -1;
  let low = 0;
  let high = events.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = events.at(middle)?.sequence ?? 0;
    if (found === sequence) return middle;
    if (found < sequence) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

const KINDS: Record<string, string> = {
  workspace: "text-accent",
  node: "text-good",
  user: "text-warn",
};

interface RowProps {
  event: Told;
  place: number;
  count: number;
  active: boolean;
  onPick(): void;
}

function Row({ event, place, count, active, onPick }: RowProps) {
  const kind = event.name.slice(0, event.name.indexOf("."));
  return (
    <div
      id={`event-${event.sequence}`}
      role="option"
      aria-selected={active}
      aria-posinset={place}
      aria-setsize={count}
      onClick={onPick}
      className={cn(
        "grid h-7 cursor-pointer grid-cols-[3.75rem_minmax(0,1fr)] items-center gap-x-3 border-b border-border/50 px-3 hover:bg-surface md:grid-cols-[3.75rem_6.5rem_13rem_7.5rem_minmax(0,1fr)]",
        active && "bg-accent-soft hover:bg-accent-soft",
      )}
    >
      <span className="text-right text-muted">{event.sequence}</span>
      <span className="text-muted max-md:hidden">{clock(event.time)}</span>
      <span className="truncate">
        <span className={KINDS[kind] ?? "text-muted"}>{kind}</span>
        <span className="font-medium">{event.name.slice(kind.length)}</span>
      </span>
      <span className="truncate text-muted max-md:hidden">{subjectOf(event.subject)}</span>
      <span className="truncate text-muted max-md:hidden">{event.summary}</span>
    </div>
  );
}

/** The end of a long subject, where it differs from others. */
function subjectOf(subject: string): string {
  return subject.length > 20 ? `…${subject.slice(-12)}` : subject;
}
