// Which rows of a long list stand in its window: rows of one height, so that a hundred thousand of
// them cost as much as the thirty that are seen.

import { type RefObject, useCallback, useEffect, useState } from "react";

export interface Span {
  first: number;
  /** One past the last. */
  end: number;
}

const AROUND = 12;

/** The rows to draw. Pure. */
export function spanOf(scrollTop: number, height: number, row: number, count: number): Span {
  const first = Math.max(0, Math.floor(scrollTop / row) - AROUND);
  const end = Math.min(count, Math.ceil((scrollTop + height) / row) + AROUND);
  return { first: Math.min(first, end), end };
}

/** Whether the end of the list is in sight. Pure. */
export function isAtEnd(scrollTop: number, height: number, total: number): boolean {
  return scrollTop + height >= total - 4;
}

/** Whether a list follows its end, and where it was scrolled to when that was last asked. */
export interface Stick {
  stuck: boolean;
  top: number;
}

/**
 * What a scroll makes of it. Only moving up lets go of the end: when the event of a scroll to the
 * end comes, more rows may have come already, and the end is somewhere else. Pure.
 */
export function stickAfter(
  before: Stick,
  {
    scrollTop,
    clientHeight,
    scrollHeight,
  }: Pick<Element, "scrollTop" | "clientHeight" | "scrollHeight">,
): Stick {
  if (isAtEnd(scrollTop, clientHeight, scrollHeight)) return { stuck: true, top: scrollTop };
  return { stuck: before.stuck && scrollTop >= before.top, top: scrollTop };
}

/** The rows to draw, and how to look again at once where a script has scrolled. */
export function useSpan(
  frame: RefObject<HTMLElement | null>,
  row: number,
  count: number,
): [span: Span, look: () => void] {
  const [seen, setSeen] = useState({ top: 0, height: 800 });
  const look = useCallback(() => {
    const element = frame.current;
    if (!element) return;
    // In whole rows: most scroll events draw nothing new.
    const top = Math.floor(element.scrollTop / row) * row;
    const height = element.clientHeight;
    setSeen((before) =>
      before.top === top && before.height === height ? before : { top, height },
    );
  }, [frame, row]);
  useEffect(() => {
    const element = frame.current;
    if (!element) return undefined;
    const sizes = new ResizeObserver(look);
    sizes.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    look();
    return () => {
      sizes.disconnect();
      element.removeEventListener("scroll", look);
    };
  }, [frame, look]);
  return [spanOf(seen.top, seen.height, row, count), look];
}
