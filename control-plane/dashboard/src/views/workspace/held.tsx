// One hold on a workspace: what for, until when, and letting go of it.

import { workspaces } from "@/api/calls";
import type { Hold } from "@/api/types";
import { useAction } from "@/lib/use-action";
import { Ago } from "@/parts/ago";
import { Trouble } from "@/parts/trouble";
import { Button } from "@/ui/button";

export function Held({ workspace, name, hold }: { workspace: string; name: string; hold: Hold }) {
  const release = useAction(() => workspaces.release(workspace, name));
  return (
    <>
      {hold.reason ?? name}
      {hold.until && (
        <>
          {", ends "}
          <Ago time={hold.until} />
        </>
      )}{" "}
      <Button
        variant="link"
        size="inline"
        disabled={release.busy}
        aria-label={`Release the hold ${name}`}
        onClick={() => void release.run()}
      >
        Release
      </Button>
      {release.problem && <Trouble className="mt-1" problem={release.problem} />}
    </>
  );
}
