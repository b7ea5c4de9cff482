// A function: greets, and counts in state how often it did.

import { State, inputText, outputText } from "faasm";

export function main(): i32 {
  const count = State.open<u64>("greetings", 1);
  count.lockWrite();
  count[0] = count[0] + 1;
  outputText(`Hello, ${inputText()}! You are number ${count[0]}.`);
  count.unlockWrite();
  return 0;
}
