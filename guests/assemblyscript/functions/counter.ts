// Counts in a state value, under its lock: CALLS chained calls add one TIMES times
// each. Input: "KEY CALLS TIMES". Output: the count, which outlives the call.

import { Call, State, bytesOf, chainFunction, inputText, outputText } from "faasm";

function add(): i32 {
  const task = inputText().split(" ");
  const count = State.open<u64>(task[0], 1);
  for (let i = I32.parseInt(task[1]); i > 0; i--) {
    count.lockWrite();
    count[0] = count[0] + 1;
    count.unlockWrite();
  }
  return 0;
}

export function main(): i32 {
  const task = inputText().split(" ");
  if (task.length != 3) {
    outputText("input: KEY CALLS TIMES");
    return 1;
  }
  const calls = new Array<Call>();
  const times = bytesOf(task[0] + " " + task[2]);
  for (let i = I32.parseInt(task[1]); i > 0; i--) calls.push(chainFunction(add, times));
  let failed = 0;
  for (let i = 0; i < calls.length; i++) failed += <i32>(calls[i].code() != 0);
  const count = State.open<u64>(task[0], 1);
  count.pushWritten();
  outputText(count[0].toString());
  return failed;
}
