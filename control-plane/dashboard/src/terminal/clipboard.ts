// The clipboard for programs in a terminal (OSC 52): they may write to it, and only soon after the
// person did something here; they may never read it.

/** How long after a key or a click a program may write. */
const GESTURE_MS = 5000;
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

/** Whether a person did something recently enough. Pure. */
export function allowed(lastGesture: number, now: number): boolean {
  return lastGesture > 0 && now - lastGesture <= GESTURE_MS;
}
