// How whole a tail is, in words. Pure.

import { type Contiguity, isWhole } from "@/stream/contiguity";
import type { Tone } from "@/ui/badge";

const figure = (value: number) => value.toLocaleString("en");

/** `everything`: this reader is told of every event, so a passed-over sequence would be a loss. */
export function wholeness(
  known: Contiguity,
  everything: boolean,
): { word: string; tone: Tone; text: string } {
  if (known.taken === 0) return { word: "no events yet", tone: "neutral", text: "" };
  const range = `events ${figure(known.first)} to ${figure(known.last)}`;
  const again =
    known.resumed > 0
      ? `; taken up again ${figure(known.resumed)} times, ${figure(known.repeated)} repeated ones dropped`
      : "";
  if (isWhole(known))
    return { word: "gapless", tone: "good", text: `${range}, each one once${again}` };
  if (everything) {
    const text = `${range}, ${figure(known.skipped)} missing${again}`;
    return { word: "gaps", tone: "bad", text };
  }
  const text = `${range}, in order; ${figure(known.skipped)} between them are not for this view${again}`;
  return { word: "in order", tone: "good", text };
}
