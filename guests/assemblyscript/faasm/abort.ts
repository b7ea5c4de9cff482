// What `throw`, `assert` and failed checks of the language do: say why, and trap.

import { printTo } from "./print";

export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const place = file === null ? "" : ` (${file}:${line}:${column})`;
  printTo(2, "abort: " + (message === null ? "no reason given" : message) + place);
  unreachable();
}
