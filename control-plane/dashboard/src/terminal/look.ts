// How terminals look in this browser: size of the letters and colours.

import { store } from "@/data/store";

export interface Look {
  fontSize: number;
  colours: "page" | "light" | "dark";
}

const KEY = "nexus.terminal";
// Dark, whatever the page is: most programs choose their colours for that.
const plain: Look = { fontSize: 13, colours: "dark" };
const SMALLEST = 9;
const LARGEST = 24;

function kept(): Look {
  try {
    return { ...plain, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Look>) };
  } catch {
    return plain;
  }
}

export const look = store<Look>(kept());

export function changeLook(change: Partial<Look>): void {
  const next = { ...look.read(), ...change };
  next.fontSize = Math.max(SMALLEST, Math.min(LARGEST, next.fontSize));
  localStorage.setItem(KEY, JSON.stringify(next));
  look.write(next);
}
