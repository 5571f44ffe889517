// The newest items of a list that only grows, up to a bound. Taking one in costs the same however
// many there are: old ones are cut off in blocks.

const BLOCK = 4096;

export class Ring<T> {
  private items: T[] = [];
  /** Items that were cut off. */
  dropped = 0;
  readonly capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get length(): number {
    return Math.min(this.items.length, this.capacity);
  }

  push(items: readonly T[]): void {
    for (const item of items) this.items.push(item);
    const extra = this.items.length - this.capacity;
    if (extra >= Math.min(BLOCK, this.capacity)) {
      this.items = this.items.slice(extra);
      this.dropped += extra;
    }
  }

  /** The item at `index`, where 0 is the oldest kept. */
  at(index: number): T | undefined {
    return this.items[index + Math.max(0, this.items.length - this.capacity)];
  }

  /** The items kept, oldest first. */
  all(): readonly T[] {
    const extra = this.items.length - this.capacity;
    return extra > 0 ? this.items.slice(extra) : this.items;
  }

  clear(): void {
    this.items = [];
    this.dropped = 0;
  }
}
