// The clipboard for programs in a terminal (OSC 52): what they want to write is offered to the person,
// and written when that person clicks; they may never read it.

/** More text than this is no copy. */
const MOST = 1024 * 1024;

/** The text of an OSC 52 sequence's data; nothing for a question or what is no base64. Pure. */
export function textOf(data: string): string | undefined {
  const semicolon = data.indexOf(";");
  const payload = data.slice(semicolon + 1);
  if (semicolon === -1 || payload === "?" || payload.length > MOST) return undefined;
  try {
    const bytes = Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
