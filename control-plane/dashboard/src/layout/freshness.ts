// How fresh the page is, in words. Pure.

import type { Live } from "@/data/live";
import type { Tone } from "@/ui/badge";

export interface Freshness {
  word: string;
  tone: Tone;
  /** Set when the page shows what may be old: why, and when the next try is. */
  warning?: { text: string; hint?: string; retryAt?: number };
}

export function freshness({ state, health }: Live): Freshness {
  if (state.at === "waiting") {
    const away = health === undefined;
    return {
      word: "reconnecting",
      tone: "bad",
      warning: {
        text: away
          ? "The server does not answer. What is shown may be old."
          : `The live feed is interrupted (${state.reason}). What is shown may be old.`,
        retryAt: state.until,
        ...(away ? { hint: "nexus daemon status" } : {}),
      },
    };
  }
  if (state.at === "refused") {
    return {
      word: "no live feed",
      tone: "bad",
      warning: { text: state.refused.problem.detail, hint: state.refused.problem.hint ?? "" },
    };
  }
  if (health && health.lag > 0) {
    const events = health.lag === 1 ? "1 event" : `${health.lag} events`;
    const warning = { text: `The read model is ${events} behind the log; it is catching up.` };
    return { word: `${health.lag} behind`, tone: "warn", ...(health.lag > 100 ? { warning } : {}) };
  }
  if (health && health.status !== "ok") {
    const bad = Object.entries(health.checks).filter(([, says]) => says !== "ok");
    const text = `The server is ${health.status}: ${bad.map(([name, says]) => `${name}: ${says}`).join("; ")}`;
    return { word: health.status, tone: "warn", warning: { text, hint: "nexus doctor" } };
  }
  if (state.at === "live") return { word: "live", tone: "good" };
  return { word: "connecting", tone: "busy" };
}
