// In the corner: what was accepted, the step it is in, and how it ended.

import { X } from "lucide-react";
import { useEffect } from "react";
import { Link } from "react-router";
import { type Followed, followed, unfollow } from "@/data/accepted";
import { useOperation } from "@/data/queries";
import { useStore } from "@/data/store";
import { useFastNow } from "@/lib/now";
import { duration } from "@/lib/time";
import { OperationBadge } from "@/parts/standing";
import { Button } from "@/ui/button";

const LINGER_MS = 5000;

export function Following() {
  const all = useStore(followed);
  return (
    <section
      aria-label="Accepted operations"
      className="pointer-events-none fixed right-3 bottom-3 z-30 grid w-[min(22rem,calc(100vw-1.5rem))] gap-2"
    >
      {all.map((one) =>
        one.operation ? (
          <Going key={one.operation} one={one} id={one.operation} />
        ) : (
          <Card key={one.workspace} one={one}>
            <p role="status">
              Nothing to do for <b>{one.workspace}</b>: {one.reason}
            </p>
          </Card>
        ),
      )}
    </section>
  );
}

function Going({ one, id }: { one: Followed; id: string }) {
  const { data } = useOperation(id);
  const running = !data || data.state === "in_flight";
  const now = useFastNow(running);
  useEffect(() => {
    if (data?.state !== "succeeded") return undefined;
    const timer = setTimeout(() => unfollow(one), LINGER_MS);
    return () => clearTimeout(timer);
  }, [data?.state, one]);
  const step = data?.steps.findLast((each) => each.state === "in_flight")?.step;
  const spent = data ? (data.duration_ms ?? now - Date.parse(data.requested_at)) : 0;
  return (
    <Card one={one}>
      <div className="flex items-center gap-2">
        <span role="status" className="min-w-0 flex-1">
          <Link to={`/operations/${id}`} className="font-medium underline-offset-3 hover:underline">
            {one.kind} {one.workspace}
          </Link>{" "}
          {!data && "accepted"}
        </span>
        {data && <OperationBadge state={data.state} />}
      </div>
      <p className="mt-0.5 text-muted">
        {running ? (step ?? "waiting for a worker") : (data?.failure?.cause ?? "done")} ·{" "}
        {duration(spent)}
      </p>
    </Card>
  );
}

function Card({ one, children }: { one: Followed; children: React.ReactNode }) {
  return (
    <div className="pointer-events-auto flex gap-2 rounded-md border border-border bg-raised py-2.5 pr-1.5 pl-3 shadow-lg">
      <div className="min-w-0 flex-1">{children}</div>
      <Button
        variant="ghost"
        size="icon-sm"
        aria-label={`Dismiss ${one.kind} ${one.workspace}`}
        onClick={() => unfollow(one)}
      >
        <X aria-hidden />
      </Button>
    </div>
  );
}
