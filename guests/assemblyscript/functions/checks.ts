// What the SDK promises, each with a name. Output: "ok NAME" for each; the return
// code is how many failed.

import {
  Call,
  State,
  append,
  appended,
  bytesOf,
  chain,
  chainFunction,
  clearAppended,
  getState,
  getStateAt,
  inputText,
  outputText,
  print,
  setState,
  setStateAt,
  stateSize,
  stateVersion,
  textOf,
} from "faasm";

// The top level runs once, before the snapshot: every call starts from this.
const table = new Map<string, i32>();
for (let i = 0; i < 100; i++) table.set("number " + i.toString(), i);
let began = 1;

let said = "";
let failed = 0;

function check(name: string, good: bool): void {
  said += (good ? "ok " : "FAILED ") + name + "\n";
  if (!good) failed++;
}

function doubles(): i32 {
  if (began != 1) return 77;
  began = 5;
  outputText((2 * I32.parseInt(inputText())).toString());
  return 0;
}

function code(): i32 {
  outputText("the reason");
  return 42;
}

function traps(): i32 {
  throw new Error("as was asked for");
}

function snapshot(): bool {
  return table.get("number 77") == 77 && began == 1;
}

function copies(): bool {
  setState("as.copies", bytesOf("0123456789"));
  setStateAt("as.copies", 10, 3, bytesOf("abc"));
  return (
    textOf(getState("as.copies")) == "012abc6789" &&
    textOf(getStateAt("as.copies", 10, 2, 4)) == "2abc" &&
    stateSize("as.copies") == 10 &&
    getState("as.nothing").length == 0
  );
}

function views(): bool {
  setState("as.views", new Uint8Array(80));
  const one = State.open<f64>("as.views", 10);
  const other = State.open<f64>("as.views", 10);
  one[3] = 2.5;
  const part = State.part<u64>("as.views", 10, 3, 2);
  return other[3] == 2.5 && part[0] == reinterpret<u64>(<f64>2.5) && part.length == 2 && one[9] == 0;
}

function tiers(): bool {
  setState("as.tiers", bytesOf("AAAABBBB"));
  const state = State.open<u8>("as.tiers", 8);
  state.push();
  state[0] = 120;
  state[7] = 121;
  state.pushWritten();
  state.pull();
  return textOf(getState("as.tiers")) == "xAAABBBy";
}

// What is written by `[]=` is pushed on a condition, too.
function conditions(): bool {
  setState("as.conditions", bytesOf("AAAA"));
  const state = State.open<u8>("as.conditions", 4);
  state.push();
  const version = stateVersion("as.conditions");
  if (state.pushIf(version) != 0) return false;
  state[1] = 120;
  if (state.pushIf(version + 1) != -1 || state.pushIf(version) <= version) return false;
  state.pull();
  return textOf(getState("as.conditions")) == "AxAA";
}

function lists(): bool {
  clearAppended("as.list");
  append("as.list", bytesOf("one"));
  append("as.list", bytesOf("two"));
  return textOf(appended("as.list", 2, 3)) == "onetwo";
}

function chained(): bool {
  const calls = new Array<Call>();
  for (let i = 0; i < 8; i++) calls.push(chainFunction(doubles, bytesOf(i.toString())));
  let good = true;
  for (let i = 7; i >= 0; i--) good = good && calls[i].wait().text() == (2 * i).toString();
  const ended = chainFunction(code, new Uint8Array(0)).wait();
  return good && ended.code == 42 && ended.text() == "the reason" && began == 1;
}

function named(): bool {
  return chain("assemblyscript-echo", bytesOf("grüße")).wait().text() == "grüße";
}

function trapped(): bool {
  const ended = chainFunction(traps, new Uint8Array(0)).wait();
  return ended.code == 1 && ended.bytes.length == 0 && chainFunction(code, new Uint8Array(0)).code() == 42;
}

// Garbage beside mapped state: the collector and the host both grow the memory.
function garbage(): bool {
  setState("as.garbage", new Uint8Array(100000));
  const state = State.open<u8>("as.garbage", 100000);
  state.fill(7);
  let length = 0;
  for (let i = 0; i < 20000; i++) length += ("text " + i.toString()).length;
  const large = new Uint8Array(3000000);
  large.fill(1);
  let sum = 0;
  for (let i = 0; i < state.length; i++) sum += state[i];
  return sum == 700000 && length > 100000 && large[2999999] == 1;
}

export function main(): i32 {
  print("checks begin");
  check("snapshot", snapshot());
  check("copies", copies());
  check("views", views());
  check("tiers", tiers());
  check("conditions", conditions());
  check("appended", lists());
  check("chained", chained());
  check("named", named());
  check("trapped", trapped());
  check("garbage", garbage());
  outputText(said);
  return failed;
}
