// The JSON frames of `/machines/:id/terminal`: each connection is a session of its own, and after a
// disconnection the person is told that it is a new one.

import { signIn } from "@/api/calls";
import { problemOf } from "@/api/refused";
import { backoff } from "@/stream/backoff";
import { closeReason, TICKET_PREFIX } from "@/terminal/protocol";

export const JSON_PROTOCOL = "nexus.term.json.v1";

export type State = "connecting" | "connected" | "reconnecting" | "closed";

export interface MachineOptions {
  machine: string;
  size(): { cols: number; rows: number };
  onOutput(text: string): void;
  onState(state: State, message: string): void;
  onNewSession(): void;
}

type Frame =
  | { type: "output"; data: string }
  | { type: "error"; message: string }
  | { type: "reconnected"; message: string };

export class MachineLink {
  private readonly options: MachineOptions;
  private socket: WebSocket | undefined;
  private attempt = 0;
  private before = false;

  constructor(options: MachineOptions) {
    this.options = options;
    void this.run();
  }

  type(data: string): void {
    this.say({ type: "input", data });
  }

  resize(cols: number, rows: number): void {
    this.say({ type: "resize", cols, rows });
  }

  private say(frame: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  private async run(): Promise<void> {
    for (;;) {
      const end = await this.once();
      if (!end.returns) return this.options.onState("closed", end.text);
      this.options.onState("reconnecting", end.text);
      await new Promise((resolve) => setTimeout(resolve, backoff(this.attempt++, Math.random())));
    }
  }

  private async once(): Promise<{ text: string; returns: boolean }> {
    let ticket: string;
    try {
      ({ ticket } = await signIn.ticket());
    } catch (error) {
      const { status, detail } = problemOf(error);
      if (status === 401) return { text: "Sign in to reach this machine.", returns: false };
      return { text: detail, returns: status === 0 || status >= 500 };
    }
    const { cols, rows } = this.options.size();
    const url = new URL(
      `/machines/${encodeURIComponent(this.options.machine)}/terminal`,
      location.href,
    );
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.search = new URLSearchParams({
      cols: String(cols),
      rows: String(rows),
      ...(this.before ? { reconnect: "true" } : {}),
    }).toString();
    return new Promise((resolve) => {
      const socket = new WebSocket(url, [JSON_PROTOCOL, TICKET_PREFIX + ticket]);
      this.socket = socket;
      socket.onopen = () => {
        this.attempt = 0;
        this.options.onState("connected", "");
        const size = this.options.size();
        this.resize(size.cols, size.rows);
        this.before = true;
      };
      socket.onmessage = ({ data }: MessageEvent<string>) => this.told(data);
      socket.onclose = ({ code, reason }) => resolve(closeReason(code, reason));
    });
  }

  private told(text: string): void {
    const frame = JSON.parse(text) as Frame;
    if (frame.type === "output") this.options.onOutput(frame.data);
    else if (frame.type === "reconnected") this.options.onNewSession();
    else if (frame.type === "error") this.options.onState("connected", frame.message);
  }
}
