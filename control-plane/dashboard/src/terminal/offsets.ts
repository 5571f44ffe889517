// Where a viewer stands in the numbered bytes of a session. Pure: a frame comes in, and what is new of
// it goes on to the screen; nothing is shown twice and nothing is passed over unsaid.
//
// Two numbers matter: what came, which is where to go on after a disconnection, and what was shown,
// which is what the server may be told so that it sends more.

export interface Offsets {
  /** One past the last byte that came. */
  received: number;
  /** One past the last byte that was shown. */
  shown: number;
  /** One past the last byte the server was told of. */
  acked: number;
  /** The number of the next byte on this connection. */
  next: number;
  /** Bytes that are gone for good. */
  lost: number;
}

export const nothing: Offsets = { received: 0, shown: 0, acked: 0, next: 0, lost: 0 };

/** A connection begins with the byte `from`. */
export function attach(known: Offsets, from: number): Offsets {
  const lost = known.received > 0 ? Math.max(0, from - known.received) : 0;
  const received = Math.max(known.received, from);
  return {
    received,
    shown: Math.max(known.shown, Math.min(from, received)),
    acked: from,
    next: from,
    lost: known.lost + lost,
  };
}

/** The bytes before `from` are gone. */
export function gap(known: Offsets, from: number): Offsets {
  const lost = Math.max(0, from - known.received);
  return {
    ...known,
    next: from,
    received: Math.max(known.received, from),
    lost: known.lost + lost,
  };
}

/** Bytes came: how many of their beginning are known already, and where we stand now. */
export function receive(known: Offsets, length: number): { skip: number; known: Offsets } {
  const end = known.next + length;
  const skip = Math.min(length, Math.max(0, known.received - known.next));
  return { skip, known: { ...known, next: end, received: Math.max(known.received, end) } };
}

/** Everything before `offset` is on the screen; what to tell the server, if it is time. */
export function show(
  known: Offsets,
  offset: number,
  every: number,
): { ack: number | undefined; known: Offsets } {
  const shown = Math.max(known.shown, offset);
  const due = shown - known.acked >= every;
  return {
    ack: due ? shown : undefined,
    known: { ...known, shown, acked: due ? shown : known.acked },
  };
}
