// A program and its arguments, an argument a line: no shell reads them, so nothing is quoted.

export function linesToArgv(text: string): string[] {
  const lines = text.split("\n").map((line) => line.replace(/\r$/, ""));
  while (lines.length > 0 && lines.at(-1) === "") lines.pop();
  return lines;
}

export const argvToLines = (argv: readonly string[] | null | undefined) => (argv ?? []).join("\n");
