// Ids as people see them: the kind and the last eight digits, which are the random ones.

/** `ws-4e9d44c74858502788858cf70a6378d7` → `ws-0a6378d7`. What is short already stays. */
export function short(id: string): string {
  const cut = id.indexOf("-");
  const digits = id.slice(cut + 1);
  return /^[0-9a-f]{32}$/.test(digits) ? `${id.slice(0, cut)}-${digits.slice(-8)}` : id;
}

/** A fresh UUID, also where the page is not a secure context. */
export function freshId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
