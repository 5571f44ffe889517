// The text frames of `nexus.term.bin.v1`, and what the ends of a connection mean.

export const BINARY_PROTOCOL = "nexus.term.bin.v1";
export const TICKET_PREFIX = "nexus.ticket.";
/** Longer frames are refused. */
export const MOST_FRAME = 64 * 1024;
/** An acknowledgement goes out after so many bytes were shown. */
export const ACK_EVERY = 32 * 1024;

export type Told =
  | {
      type: "attached";
      session: string;
      created: boolean;
      from: number;
      end: number;
      read_only: boolean;
    }
  | { type: "gap"; from: number }
  | { type: "status"; message: string; step?: string | null }
  | { type: "ended"; exit: { code: number } | { signal: number } | null }
  | { type: "error"; message: string; code: string }
  | { type: "pong"; id: number };

export function parseTold(text: string): Told | undefined {
  try {
    const frame = JSON.parse(text) as Told;
    return typeof frame.type === "string" ? frame : undefined;
  } catch {
    return undefined;
  }
}

export interface CloseReason {
  text: string;
  /** Whether it is worth coming back by itself. */
  returns: boolean;
}

const REASONS: Record<number, CloseReason> = {
  1000: { text: "The program ended.", returns: false },
  1001: { text: "The server restarts.", returns: true },
  1008: { text: "You may not use this workspace any more.", returns: false },
  1009: { text: "A frame was too large.", returns: true },
  4001: { text: "The workspace was stopped.", returns: false },
  4002: { text: "The workspace was deleted.", returns: false },
  4003: { text: "This page did not keep up with the output.", returns: true },
  4004: { text: "There is no such session any more.", returns: false },
  4005: { text: "The node cannot be reached.", returns: true },
};

/** Why a connection ended, for people; anything unknown is a disconnection. */
export function closeReason(code: number, reason: string): CloseReason {
  const known = REASONS[code] ?? { text: "The connection was lost.", returns: true };
  const says = reason && code !== 1000 && !known.text.toLowerCase().includes(reason.toLowerCase());
  return { ...known, text: says ? `${known.text} (${reason})` : known.text };
}
