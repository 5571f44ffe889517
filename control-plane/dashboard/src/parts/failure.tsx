// Why an operation failed, and what to do about it.

import type { Failure } from "@/api/types";
import { Trouble } from "./trouble";

export function FailureNote({ failure, className }: { failure: Failure; className?: string }) {
  const where = failure.step ? `Step ${failure.step} failed` : "The last operation failed";
  return (
    <Trouble
      {...(className ? { className } : {})}
      problem={{
        title: `${where} (${failure.code.toLowerCase().replaceAll("_", " ")})`,
        detail: failure.cause,
        hint: failure.hint,
      }}
    />
  );
}
