// JSON, a value a line, out of the text of a response as it comes.

export class NdjsonParser<T> {
  private rest = "";

  push(text: string): T[] {
    const lines = (this.rest + text).split("\n");
    this.rest = lines.pop() ?? "";
    return lines.filter((line) => line.trim() !== "").map((line) => JSON.parse(line) as T);
  }
}
