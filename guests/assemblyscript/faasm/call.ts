// The present call: its input and its output.

import { readInput, writeOutput } from "./host";

/** The call's input. */
export function input(): Uint8Array {
  const size = readInput(0, 0);
  const bytes = new Uint8Array(<i32>size);
  if (size > 0) readInput(bytes.dataStart, size);
  return bytes;
}

/** The call's input as text, from UTF-8. */
export function inputText(): string {
  return textOf(input());
}

/** Sets the call's output. A later one replaces it. */
export function output(bytes: Uint8Array): void {
  writeOutput(bytes.dataStart, <usize>bytes.length);
}

/** Sets the call's output to a text, in UTF-8. */
export function outputText(text: string): void {
  output(bytesOf(text));
}

/** Bytes as text, from UTF-8. */
export function textOf(bytes: Uint8Array): string {
  return String.UTF8.decodeUnsafe(bytes.dataStart, <usize>bytes.length);
}

/** A text in UTF-8. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.wrap(String.UTF8.encode(text));
}

/** A text in UTF-8 with a NUL behind it, as the host takes names and keys. */
export function zeroEnded(text: string): ArrayBuffer {
  assert(!text.includes("\0"), "a key or name contains NUL");
  return String.UTF8.encode(text, true);
}
