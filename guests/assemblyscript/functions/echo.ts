// Output: the input. With input "trap", throws.

import { input, inputText, output } from "faasm";

export function main(): i32 {
  if (inputText() == "trap") throw new Error("as was asked for");
  output(input());
  return 0;
}
