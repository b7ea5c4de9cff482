// Text for the host's log.

import { fdWrite } from "./host";

// Where fd_write finds what to write, and says how much it wrote.
const part = memory.data(12, 4);

export function printTo(fd: u32, text: string): void {
  const line = String.UTF8.encode(text + "\n");
  store<usize>(part, changetype<usize>(line), 0);
  store<usize>(part, <usize>line.byteLength, 4);
  // A log that is full is no reason to fail.
  fdWrite(fd, part, 1, part + 8);
}

/** Prints a line to standard output, which goes to the host's log. */
export function print(text: string): void {
  printTo(1, text);
}
