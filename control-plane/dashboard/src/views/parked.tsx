// Messages that were set aside: seen by a person, then tried again or forgotten.

import { Inbox } from "lucide-react";
import { parked as calls } from "@/api/calls";
import type { ParkedView } from "@/api/types";
import { useParked } from "@/data/queries";
import { useRefresh } from "@/data/use-resource";
import { useAction } from "@/lib/use-action";
import { useDialog } from "@/lib/url-state";
import { Ago } from "@/parts/ago";
import { Empty } from "@/parts/empty";
import { Loaded } from "@/parts/loaded";
import { Page } from "@/parts/page";
import { Trouble } from "@/parts/trouble";
import { Button } from "@/ui/button";
import { CopyButton } from "@/ui/copy";
import { Dialog, DialogActions } from "@/ui/dialog";

export default function Parked() {
  const parked = useParked();
  // Parking is told by no event.
  useRefresh(parked.reload, 5000);
  const { dialog, of, open, close } = useDialog();
  const retry = useAction(async (sequence: number) => {
    await calls.retry(sequence);
    parked.reload();
  });
  const discard = useAction(async (sequence: number) => {
    await calls.discard(sequence);
    parked.reload();
    close();
  });
  return (
    <Page
      title="Parked messages"
      description="What could not be read, or was tried too often. Nothing is dropped without somebody seeing it here."
    >
      {retry.problem && <Trouble className="mb-3" problem={retry.problem} />}
      <Loaded of={parked} what="parked messages">
        {(all) =>
          all.length === 0 ? (
            <Empty icon={Inbox} title="Nothing is parked">
              Every message was understood and done with.
            </Empty>
          ) : (
            <ul aria-label="Parked messages" className="grid gap-3">
              {all.map((message) => (
                <Message
                  key={message.sequence}
                  message={message}
                  busy={retry.busy}
                  onRetry={() => void retry.run(message.sequence)}
                  onDiscard={() => open("discard", String(message.sequence))}
                />
              ))}
            </ul>
          )
        }
      </Loaded>
      <Dialog
        open={dialog === "discard"}
        onClose={close}
        title={`Discard message ${of}?`}
        description="It is forgotten for good. What it asked for does not happen."
      >
        {discard.problem && <Trouble problem={discard.problem} />}
        <DialogActions>
          <Button onClick={close}>Keep it</Button>
          <Button
            variant="danger"
            disabled={discard.busy}
            onClick={() => void discard.run(Number(of))}
          >
            Discard
          </Button>
        </DialogActions>
      </Dialog>
    </Page>
  );
}

interface Props {
  message: ParkedView;
  busy: boolean;
  onRetry(): void;
  onDiscard(): void;
}

function Message({ message, busy, onRetry, onDiscard }: Props) {
  const { sequence } = message;
  return (
    <li className="rounded-md border border-border bg-raised p-4">
      <div className="flex flex-wrap items-start gap-2">
        <div className="min-w-48 flex-1 wrap-anywhere">
          <h2 className="font-semibold">{message.reason}</h2>
          <p className="text-muted">
            {sequence} · <code>{message.subject}</code> · tried{" "}
            {message.attempts === 1 ? "once" : `${message.attempts} times`}
            {message.at && (
              <>
                {" · "}
                <Ago time={message.at} />
              </>
            )}
          </p>
        </div>
        <Button
          size="sm"
          disabled={busy}
          aria-label={`Retry message ${sequence}`}
          onClick={onRetry}
        >
          Retry
        </Button>
        <Button size="sm" aria-label={`Discard message ${sequence}`} onClick={onDiscard}>
          Discard
        </Button>
      </div>
      {message.payload && (
        <details className="mt-2">
          <summary className="text-muted">What it carried</summary>
          <div className="relative mt-1">
            <pre
              tabIndex={0}
              aria-label={`Payload of message ${sequence}`}
              className="scroll-thin max-h-64 overflow-auto rounded-md border border-border bg-surface p-3 text-xs whitespace-pre-wrap"
            >
              {pretty(message.payload)}
            </pre>
            <div className="absolute top-1 right-1">
              <CopyButton
                text={message.payload}
                label={`Copy the payload of message ${sequence}`}
              />
            </div>
          </div>
        </details>
      )}
    </li>
  );
}

function pretty(payload: string): string {
  try {
    return JSON.stringify(JSON.parse(payload), null, 2);
  } catch {
    return payload;
  }
}
