import { expect, it } from "vitest";
import { argvToLines, linesToArgv } from "./argv";

it("takes an argument a line, spaces and all", () => {
  expect(linesToArgv("/bin/sh\n-c\necho 'a b'\n\n")).toEqual(["/bin/sh", "-c", "echo 'a b'"]);
  expect(linesToArgv(argvToLines(["a", "", "b c"]))).toEqual(["a", "", "b c"]);
  expect(linesToArgv("")).toEqual([]);
});
