// What stays in this browser: colours and keys.

import { letterKeys, setLetterKeys } from "@/layout/keys";
import { useStore } from "@/data/store";
import { chooseTheme, type ThemeChoice, useTheme } from "@/lib/theme";

const CHOICES: [value: ThemeChoice, label: string][] = [
  ["system", "as the system"],
  ["light", "light"],
  ["dark", "dark"],
];

export function Browser() {
  const { choice } = useTheme();
  const letters = useStore(letterKeys);
  return (
    <div className="grid gap-3">
      <fieldset className="flex flex-wrap items-center gap-x-5 gap-y-1">
        <legend className="sr-only">Colours</legend>
        <span aria-hidden className="w-24 text-muted">
          Colours
        </span>
        {CHOICES.map(([value, label]) => (
          <label key={value} className="flex min-h-6 items-center gap-1.5">
            <input
              type="radio"
              name="theme"
              className="size-4 accent-(--accent)"
              checked={choice === value}
              onChange={() => chooseTheme(value)}
            />
            {label}
          </label>
        ))}
      </fieldset>
      <label className="flex min-h-6 items-center gap-1.5">
        <span aria-hidden className="w-24 text-muted">
          Keys
        </span>
        <input
          type="checkbox"
          className="ml-3.5 size-4 accent-(--accent)"
          checked={letters}
          onChange={(event) => setLetterKeys(event.target.checked)}
        />
        single letters as shortcuts
      </label>
    </div>
  );
}
