// A labelled place to type in, with a hint below and what is wrong with it.

import { type ReactElement, type ReactNode, cloneElement, useId } from "react";

interface Props {
  label: ReactNode;
  hint?: ReactNode;
  error?: string | undefined;
  children: ReactElement<{ id?: string; "aria-describedby"?: string; "aria-invalid"?: boolean }>;
}

export function Field({ label, hint, error, children }: Props) {
  const id = useId();
  const about = hint || error ? `${id}-about` : undefined;
  return (
    <div className="grid gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {cloneElement(children, {
        id,
        ...(about ? { "aria-describedby": about } : {}),
        ...(error ? { "aria-invalid": true } : {}),
      })}
      {about && (
        <p id={about} className={error ? "text-bad" : "text-muted"}>
          {error ?? hint}
        </p>
      )}
    </div>
  );
}
