// Something a person asks for that takes a moment and may be refused.

import { useCallback, useState } from "react";
import { problemOf } from "@/api/refused";
import type { Problem } from "@/api/types";

export interface Action<A extends unknown[]> {
  busy: boolean;
  problem: Problem | undefined;
  /** Whether it went well. */
  run(...given: A): Promise<boolean>;
  clear(): void;
}

export function useAction<A extends unknown[]>(
  perform: (...given: A) => Promise<unknown>,
): Action<A> {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const run = async (...given: A) => {
    setBusy(true);
    setProblem(undefined);
    try {
      await perform(...given);
      return true;
    } catch (error) {
      setProblem(problemOf(error));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, run, clear: useCallback(() => setProblem(undefined), []) };
}
