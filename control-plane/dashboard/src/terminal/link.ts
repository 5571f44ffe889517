// One terminal over a WebSocket, kept across disconnections: a fresh ticket each time, the same
// session, and the bytes from where it left off.
//
// A race that is harmless: bytes still waiting to be drawn when the connection ends count as received
// and not as shown; they are drawn all the same, and are not asked for again.

import { signIn } from "@/api/calls";
import { problemOf, Refused } from "@/api/refused";
import { withQuery } from "@/api/request";
import { backoff } from "@/stream/backoff";
import { isRecorded } from "./arrangement";
import { attach, gap, nothing, type Offsets, receive, show } from "./offsets";
import {
  ACK_EVERY,
  BINARY_PROTOCOL,
  closeReason,
  MOST_FRAME,
  parseTold,
  TICKET_PREFIX,
  type Told,
} from "./protocol";

/** The message of a connection of which nothing else is known. */
export const CONNECTING = "Connecting";

export type LinkState =
  | { at: "connecting"; message: string }
  | { at: "open" }
  | { at: "waiting"; until: number; message: string }
  | { at: "closed"; message: string; code: number };

export interface LinkOptions {
  path: string;
  /** A session to take up, `new`, or nothing for one of its own. */
  session: string | undefined;
  readOnly: boolean;
  /** Whether a session that had ended before is followed by a new one without asking. */
  fresh: boolean;
  /** Forgets a session that has ended. */
  discard(session: string): Promise<unknown>;
  /** Asks for the workspace: a browser does not tell why a WebSocket was refused. */
  probe(): Promise<unknown>;
  size(): { cols: number; rows: number };
  /** Bytes for the screen; `shown` is to be called when they are on it. */
  onBytes(bytes: Uint8Array, shown: () => void): void;
  /** The screen begins anew: another session, or bytes that are gone. */
  onSession(session: string, created: boolean, readOnly: boolean): void;
  onGap(lost: number): void;
  onEnded(exit: Extract<Told, { type: "ended" }>["exit"]): void;
  onState(state: LinkState): void;
  onLatency(ms: number): void;
  /** A new session is wanted in the place of this one. */
  onRenew(): void;
}

interface End {
  text: string;
  /** Whether it is worth coming back by itself. */
  returns: boolean;
  code: number;
}

function refusal(error: unknown): End {
  const { detail, status } = problemOf(error);
  const final = error instanceof Refused && [401, 403, 404].includes(status);
  return { text: detail, returns: !final, code: 0 };
}

const PING_MS = 3000;
/** Without a pong for this long the connection is dead. */
const SILENCE_MS = 12_000;
/** The close code of a connection that ended without one. */
const NO_ANSWER = 1006;

export class TerminalLink {
  private readonly options: LinkOptions;
  private socket: WebSocket | undefined;
  private session: string | undefined;
  private offsets: Offsets = nothing;
  private attempt = 0;
  private closed = false;
  private ended = false;
  /** Whether this page saw the session live. */
  private lived = false;
  private hurry: () => void = () => {};
  private pinged = new Map<number, number>();
  private lastHeard = 0;
  private pings = 0;
  /** Bytes before this one were answered by whoever saw them first. */
  private replayed = 0;

  constructor(options: LinkOptions) {
    this.options = options;
    this.session = options.session;
    void this.run();
  }

  close(): void {
    this.closed = true;
    this.hurry();
    this.socket?.close(1000);
  }

  /** Tries now: after a wait, or again after a final end. */
  retry(): void {
    this.hurry();
  }

  resize(cols: number, rows: number): void {
    this.say({ type: "resize", cols, rows });
  }

  /**
   * What a person types, or the screen answers to a program's question. While old output is drawn
   * again nothing is sent: the questions in it were answered long ago.
   */
  type(text: string): void {
    this.lived = true;
    if (this.offsets.shown >= this.replayed) this.send(new TextEncoder().encode(text));
  }

  send(bytes: Uint8Array): void {
    if (this.options.readOnly || this.socket?.readyState !== WebSocket.OPEN) return;
    for (let from = 0; from < bytes.length; from += MOST_FRAME) {
      this.socket.send(bytes.slice(from, from + MOST_FRAME));
    }
  }

  private say(frame: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  private async run(): Promise<void> {
    while (!this.closed) {
      const end = await this.once();
      if (this.closed) return;
      if (!end.returns || this.ended) {
        const stale = this.ended && !this.lived && this.options.fresh && !this.options.readOnly;
        if (!stale) await this.untilAsked(end);
        if (this.closed) return;
        if (end.code === 4004 || this.ended) return this.renew();
        this.attempt = 0;
        continue;
      }
      const wait = backoff(this.attempt++, Math.random());
      this.options.onState({ at: "waiting", until: Date.now() + wait, message: end.text });
      await this.pause(wait);
    }
  }

  private untilAsked({ text, code }: End): Promise<void> {
    this.options.onState({ at: "closed", message: text, code });
    return new Promise((resolve) => {
      this.hurry = resolve;
    });
  }

  /** The session is over: whoever shows it goes on with another one. */
  private async renew(): Promise<void> {
    const { session } = this;
    // One that is gone already needs no forgetting.
    if (this.ended && session) await this.options.discard(session).catch(() => undefined);
    if (!this.closed) this.options.onRenew();
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private async once(): Promise<End> {
    this.options.onState({ at: "connecting", message: CONNECTING });
    let ticket: string;
    try {
      ({ ticket } = await signIn.ticket());
    } catch (error) {
      return refusal(error);
    }
    if (this.closed) return { text: "", returns: false, code: 0 };
    const end = await this.connected(ticket);
    if (end.opened || this.closed) return end;
    try {
      await this.options.probe();
    } catch (error) {
      return refusal(error);
    }
    return end;
  }

  private connected(ticket: string): Promise<End & { opened: boolean }> {
    const url = new URL(this.address(), location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    return new Promise((resolve) => {
      const socket = new WebSocket(url, [BINARY_PROTOCOL, TICKET_PREFIX + ticket]);
      socket.binaryType = "arraybuffer";
      this.socket = socket;
      this.lastHeard = Date.now();
      let opened = false;
      const ends = (code: number, reason: string) => {
        clearInterval(beat);
        socket.onclose = null;
        socket.onmessage = null;
        resolve({ ...closeReason(code, reason), code, opened });
      };
      const beat = setInterval(() => {
        if (Date.now() - this.lastHeard <= SILENCE_MS) return this.ping(socket);
        // A dead network does not even close: the socket is left to itself.
        socket.close();
        ends(NO_ANSWER, "");
      }, PING_MS);
      socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
        this.lastHeard = Date.now();
        if (typeof data === "string") this.told(parseTold(data));
        else this.bytes(new Uint8Array(data));
      };
      socket.onopen = () => {
        opened = true;
      };
      socket.onclose = ({ code, reason }) => ends(code, reason);
    });
  }

  private address(): string {
    const { cols, rows } = this.options.size();
    const known = this.session !== undefined && this.session !== "new" && this.offsets.received > 0;
    return withQuery(this.options.path, {
      session: this.session,
      cols,
      rows,
      ...(known ? { after: this.offsets.received } : {}),
      ...(this.options.readOnly ? { read_only: true } : {}),
      ...(this.session && isRecorded(this.session) ? { record: true } : {}),
    });
  }

  private ping(socket: WebSocket): void {
    if (socket.readyState !== WebSocket.OPEN) return;
    this.pings += 1;
    this.pinged.set(this.pings, performance.now());
    this.say({ type: "ping", id: this.pings });
  }

  private told(frame: Told | undefined): void {
    if (frame?.type === "attached") {
      this.attempt = 0;
      const other = this.session !== frame.session;
      const before = this.offsets.lost;
      if (other && this.session !== undefined) this.offsets = nothing;
      if (this.offsets.received === 0) this.replayed = frame.end;
      this.session = frame.session;
      this.offsets = attach(this.offsets, frame.from);
      this.lived ||= frame.created;
      this.options.onSession(frame.session, frame.created, frame.read_only);
      if (this.offsets.lost > before) this.options.onGap(this.offsets.lost - before);
      this.options.onState({ at: "open" });
      const { cols, rows } = this.options.size();
      this.say({ type: "ack", offset: frame.from });
      this.resize(cols, rows);
      const { socket } = this;
      setTimeout(() => socket && this.ping(socket), 300);
    } else if (frame?.type === "gap") {
      const before = this.offsets.lost;
      this.offsets = gap(this.offsets, frame.from);
      this.options.onGap(this.offsets.lost - before);
    } else if (frame?.type === "status") {
      const step = frame.step ? ` (${frame.step})` : "";
      this.options.onState({ at: "connecting", message: `${frame.message}${step}` });
    } else if (frame?.type === "ended") {
      this.ended = true;
      this.options.onEnded(frame.exit);
    } else if (frame?.type === "pong") {
      const sent = this.pinged.get(frame.id);
      this.pinged.delete(frame.id);
      if (sent !== undefined) this.options.onLatency(performance.now() - sent);
    } else if (frame?.type === "error") {
      this.options.onState({ at: "connecting", message: frame.message });
    }
  }

  private bytes(bytes: Uint8Array): void {
    const { skip, known } = receive(this.offsets, bytes.length);
    this.offsets = known;
    const end = known.next;
    if (skip >= bytes.length) return;
    this.options.onBytes(skip > 0 ? bytes.subarray(skip) : bytes, () => {
      const { ack, known } = show(this.offsets, end, ACK_EVERY);
      this.offsets = known;
      if (ack !== undefined) this.say({ type: "ack", offset: ack });
    });
  }
}
