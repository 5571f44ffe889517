// Server-sent events out of the text of a response (HTML standard, section 9.2.6). Ours, since an
// EventSource tells only the event names it was asked for by name, and never why it was refused.

export interface Message {
  id: string | undefined;
  event: string;
  data: string;
}

/** Takes text as it comes; gives the messages that are complete. */
export class SseParser {
  private rest = "";
  private id: string | undefined;
  private event = "";
  private data: string[] = [];

  push(text: string): Message[] {
    this.rest += text;
    const messages: Message[] = [];
    let from = 0;
    for (let end = this.rest.indexOf("\n"); end !== -1; end = this.rest.indexOf("\n", from)) {
      const last = end > from && this.rest.charCodeAt(end - 1) === 13 ? end - 1 : end;
      const message = this.line(this.rest.slice(from, last));
      if (message) messages.push(message);
      from = end + 1;
    }
    this.rest = this.rest.slice(from);
    return messages;
  }

  private line(line: string): Message | undefined {
    if (line === "") return this.dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return undefined;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") this.data.push(value);
    else if (field === "event") this.event = value;
    else if (field === "id") this.id = value;
    return undefined;
  }

  private dispatch(): Message | undefined {
    const { data, event, id } = this;
    this.data = [];
    this.event = "";
    this.id = undefined;
    return data.length > 0 ? { id, event: event || "message", data: data.join("\n") } : undefined;
  }
}
