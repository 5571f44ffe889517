// The events of a live tail that are kept, and those of them that are shown. New ones are filtered as
// they come; everything is filtered again only when the filter changes.

import { Ring } from "@/stream/ring";
import type { Told } from "@/stream/told";

/** More than these are not kept: the oldest go. */
export const CAPACITY = 150_000;

export class TailBuffer {
  readonly all: Ring<Told>;
  private matching: Ring<Told> | undefined;
  private wants: ((event: Told) => boolean) | undefined;

  constructor(capacity = CAPACITY) {
    this.all = new Ring(capacity);
  }

  get shown(): Ring<Told> {
    return this.matching ?? this.all;
  }

  push(events: readonly Told[]): void {
    this.all.push(events);
    if (this.wants) this.matching?.push(events.filter(this.wants));
  }

  filter(wants: ((event: Told) => boolean) | undefined): void {
    this.wants = wants;
    this.matching = undefined;
    if (!wants) return;
    const matching = new Ring<Told>(this.all.capacity);
    matching.push(this.all.all().filter(wants));
    this.matching = matching;
  }
}
