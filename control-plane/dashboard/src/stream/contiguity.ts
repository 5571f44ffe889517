// The proof that a tail has no hole: every event is taken once, in the order of its sequence, and
// what lies between two of them is accounted for.
//
// The server tells an unfiltered tail every sequence there is. One that is filtered, or of somebody
// who may not see everything, skips; then a hole cannot be told from what is not for this reader, and
// the proof is that the tail was always taken up at the last sequence seen.

export interface Contiguity {
  /** The first sequence taken; 0: none yet. */
  first: number;
  /** The last sequence taken. */
  last: number;
  /** Events taken. */
  taken: number;
  /** Events that came again and were dropped. */
  repeated: number;
  /** Sequences passed over: not for this reader, or lost. */
  skipped: number;
  /** How often the tail was taken up again after a disconnection. */
  resumed: number;
}

export const nothingYet: Contiguity = {
  first: 0,
  last: 0,
  taken: 0,
  repeated: 0,
  skipped: 0,
  resumed: 0,
};

/** Begins after `sequence`, which is not part of it. */
export function beginningAfter(sequence: number): Contiguity {
  return { ...nothingYet, last: sequence };
}

/** Whether an event of this sequence is news, and what is known with it. */
export function take(known: Contiguity, sequence: number): { fresh: boolean; known: Contiguity } {
  if (sequence <= known.last) {
    return { fresh: false, known: { ...known, repeated: known.repeated + 1 } };
  }
  const gap = sequence - known.last - 1;
  return {
    fresh: true,
    known: {
      ...known,
      first: known.first || sequence,
      last: sequence,
      taken: known.taken + 1,
      skipped: known.skipped + gap,
    },
  };
}

/** The tail is open again, at the last sequence taken. */
export function resumed(known: Contiguity): Contiguity {
  return { ...known, resumed: known.resumed + 1 };
}

/** Every sequence from the first to the last was taken. */
export function isWhole(known: Contiguity): boolean {
  return known.skipped === 0;
}
