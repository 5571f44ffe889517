// A moment, as far away as it is, with the exact time for whoever asks.

import { useNow } from "@/lib/now";
import { moment, relative } from "@/lib/time";

export function Ago({ time, className }: { time: string; className?: string }) {
  const now = useNow();
  return (
    <time dateTime={time} title={moment(time)} className={className}>
      {relative(Date.parse(time), now)}
    </time>
  );
}
