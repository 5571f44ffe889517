// What runs once a workspace is ready: a program and its arguments.

import { type FormEvent, useState } from "react";
import { settings } from "@/api/calls";
import type { Scripts } from "@/api/types";
import { useScripts } from "@/data/queries";
import { argvToLines, linesToArgv } from "@/lib/argv";
import { useAction } from "@/lib/use-action";
import { Loaded } from "@/parts/loaded";
import { Trouble } from "@/parts/trouble";
import { Button } from "@/ui/button";
import { Field } from "@/ui/field";
import { Textarea } from "@/ui/input";

export function ScriptsForm() {
  const scripts = useScripts();
  return (
    <Loaded of={scripts} what="scripts">
      {(data) => <Form key={JSON.stringify(data)} scripts={data} onDone={scripts.reload} />}
    </Loaded>
  );
}

function Form({ scripts, onDone }: { scripts: Scripts; onDone(): void }) {
  const before = argvToLines(scripts.post_start);
  const [text, setText] = useState(before);
  const save = useAction(async () => {
    const argv = linesToArgv(text);
    await settings.setScripts(argv.length > 0 ? { post_start: argv } : {});
    onDone();
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save.run();
  };
  return (
    <form onSubmit={submit} className="grid gap-3">
      <Field
        label="Program and arguments, one a line"
        hint="Runs in each workspace of yours once it is ready. No shell reads it; to use one, begin with its path."
      >
        <Textarea
          value={text}
          onChange={(event) => setText(event.target.value)}
          placeholder={"/bin/sh\n/home/dev/post-start.sh"}
          spellCheck={false}
        />
      </Field>
      {save.problem && <Trouble problem={save.problem} />}
      <div>
        <Button type="submit" disabled={save.busy || text === before}>
          Save
        </Button>
      </div>
    </form>
  );
}
