// Shows a resource: its shape while it loads, why it is not there, or itself. An old answer stays
// on the page when a newer one is refused, and the refusal above it says that it is old.

import type { ReactNode } from "react";
import type { Resource } from "@/data/use-resource";
import { SkeletonRows } from "@/ui/skeleton";
import { Trouble } from "./trouble";

interface Props<T> {
  of: Resource<T>;
  what: string;
  skeleton?: ReactNode;
  children: (data: T) => ReactNode;
}

export function Loaded<T>({ of, what, skeleton, children }: Props<T>) {
  if (of.data === undefined) {
    if (of.problem) return <Trouble problem={of.problem} onRetry={of.reload} />;
    return skeleton ?? <SkeletonRows label={`Loading ${what}`} />;
  }
  return (
    <>
      {of.problem && (
        <Trouble
          className="mb-4"
          problem={{ ...of.problem, title: `What is shown may be old. ${of.problem.title}` }}
          onRetry={of.reload}
        />
      )}
      {children(of.data)}
    </>
  );
}
