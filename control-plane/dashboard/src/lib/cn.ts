// Class names put together; of two that contradict each other the later one counts.

import { type ClassValue, clsx } from "clsx";
import { twMerge } from "tailwind-merge";

export function cn(...names: ClassValue[]): string {
  return twMerge(clsx(names));
}
