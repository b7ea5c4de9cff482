// Every data object, for tests in which one language writes and another reads: what
// each verb does is said in the function of this name in C++
// (guests/c/functions/data-objects.cpp).

import {
  AtomicInt,
  Barrier,
  Counter,
  Dict,
  GlobalLock,
  List,
  Matrix,
  MatrixReadOnly,
  Queue,
  SparseMatrixBuilder,
  SparseMatrixReadOnly,
  Vector,
  VectorAsync,
  bytesOf,
  chainFunction,
  getState,
  inputText,
  output,
  outputText,
  pushState,
  pushStateIf,
  setState,
  stateVersion,
} from "faasm";

function writeArrays(key: string): void {
  const ints = Vector.make<i32>(key + ".i32", 100);
  for (let i = 0; i < 100; i++) ints[i] = i * i - 50;
  ints.push();
  const longs = Vector.make<i64>(key + ".i64", 10);
  for (let i = 0; i < 10; i++) longs[i] = -(<i64>i) * (<i64>1 << 40);
  longs.push();
  const floats = Vector.make<f32>(key + ".f32", 7).array<Float32Array>();
  for (let i = 0; i < 7; i++) floats[i] = <f32>i / 4;
  Vector.open<f32>(key + ".f32").push();
  const doubles = Vector.make<f64>(key + ".f64", 50000);
  for (let i = 0; i < 50000; i++) doubles[i] = <f64>i / 2;
  doubles.push();

  const matrix = Matrix.make<f64>(key + ".matrix", 3, 5);
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column < 5; column++) matrix.set(row, column, 10 * row + column);
  }
  matrix.push();

  const sparse = new SparseMatrixBuilder<f64>(6);
  sparse.add(0, 1.5);
  sparse.add(5, -2);
  sparse.endColumn();
  sparse.endColumn();
  sparse.add(2, 8);
  sparse.endColumn();
  sparse.add(1, 1);
  sparse.add(3, 3);
  sparse.add(4, 4);
  sparse.endColumn();
  sparse.write(key + ".sparse");
}

function writeShared(key: string): void {
  const counter = new Counter(key + ".counter");
  counter.reset();
  counter.add(7);
  counter.add(-2);
  const atomic = new AtomicInt(key + ".atomic");
  atomic.set(7);
  assert(!atomic.compareAndSwap(8, 1) && atomic.compareAndSwap(7, 9));
  const dict = new Dict(key + ".dict");
  dict.set("one", bytesOf("1"));
  dict.set("gone", bytesOf("2"));
  const binary = new Uint8Array(2);
  binary[1] = 255;
  dict.set("zwei", binary);
  dict.delete("gone");
  const list = new List(key + ".list");
  const queue = new Queue(key + ".queue");
  list.clear();
  queue.clear();
  const elements = ["first", "", "third"];
  for (let i = 0; i < 3; i++) {
    list.append(bytesOf(elements[i]));
    queue.push(bytesOf(elements[i]));
  }
}

function hex(bytes: Uint8Array | null): string {
  if (bytes == null) return " ?";
  if (bytes.length == 0) return " -";
  let text = " ";
  for (let i = 0; i < bytes.length; i++) text += (bytes[i] < 16 ? "0" : "") + (<i32>bytes[i]).toString(16);
  return text;
}

function sum<T>(key: string, times: i64): string {
  const vector = Vector.open<T>(key);
  let all: f64 = 0;
  for (let i = 0; i < vector.length; i++) all += <f64>vector[i];
  return vector.length.toString() + " " + (<i64>(all * <f64>times)).toString() + "\n";
}

function readArrays(key: string): string {
  let said = "i32 " + sum<i32>(key + ".i32", 1) + "i64 " + sum<i64>(key + ".i64", 1);
  said += "f32 " + sum<f32>(key + ".f32", 4) + "f64 " + sum<f64>(key + ".f64", 2);
  const doubles = Vector.open<f64>(key + ".f64");
  assert(doubles.array<Float64Array>()[49999] == doubles[49999]);
  const matrix = MatrixReadOnly.open<f64>(key + ".matrix");
  said += "matrix " + matrix.rows.toString() + " " + matrix.columns.toString() + ":";
  const columns = matrix.some(1, 4);
  for (let column = 1; column < 4; column++) {
    for (let row = 0; row < 3; row++) said += " " + (<i32>columns.get(row, column)).toString();
  }
  const sparse = SparseMatrixReadOnly.open<f64>(key + ".sparse");
  said += "\nsparse " + sparse.rows.toString() + " " + sparse.columns.toString() + " " + sparse.nonzeros.toString() + ":";
  const stored = sparse.some(0, sparse.columns);
  for (let column = 0; column < sparse.columns; column++) {
    for (let i = 0; i < stored.size(column); i++) {
      const value = <i32>(stored.value(column, i) * 2);
      said += " " + stored.row(column, i).toString() + "/" + column.toString() + "=" + value.toString();
    }
  }
  return said;
}

function readShared(key: string): string {
  let said = "\ncounter " + new Counter(key + ".counter").get().toString();
  said += "\natomic " + new AtomicInt(key + ".atomic").get().toString() + "\ndict";
  const dict = new Dict(key + ".dict");
  const names = dict.names();
  for (let i = 0; i < names.length; i++) said += " " + names[i] + hex(dict.get(names[i]));
  said += "\nlist";
  const elements = new List(key + ".list").read();
  for (let i = 0; i < elements.length; i++) said += hex(elements[i]);
  said += "\nqueue";
  const queue = new Queue(key + ".queue");
  let element = queue.popWithin(0);
  while (element != null) {
    said += hex(element);
    element = queue.popWithin(0);
  }
  return said + "\n";
}

function longer(old: Uint8Array | null): Uint8Array {
  const length = old == null ? 0 : old.length;
  const bytes = new Uint8Array(length + 1);
  bytes.fill(120);
  return bytes;
}

// A strong value of integers, which a lock to read is enough to copy.
function integers(key: string): StaticArray<i64> {
  const bytes = getState(key);
  const numbers = new StaticArray<i64>(bytes.length / 8);
  for (let i = 0; i < numbers.length; i++) numbers[i] = load<i64>(bytes.dataStart + i * 8);
  return numbers;
}

// What another call has of the lock while this one does what it does: a chained one.
function tries(): i32 {
  const key = inputText();
  const lock = new GlobalLock(key);
  let said = "read no";
  if (lock.lockRead(0)) {
    const numbers = integers(key);
    said = "read " + numbers[0].toString() + " " + numbers[1].toString();
    lock.unlock();
  }
  outputText(said + (lock.lockWrite(20) ? ", write yes" : ", write no"));
  return 0;
}

function others(key: string): string {
  return chainFunction(tries, bytesOf(key)).wait().text() + "\n";
}

function lock(key: string): string {
  const lock = new GlobalLock(key);
  lock.lockWrite();
  const first = lock.token;
  const numbers = Vector.make<i64>(key, 2);
  numbers[0] = 7;
  numbers[1] = -7;
  let said = "held: " + others(key);
  lock.unlock();
  said += "given up: " + others(key);
  lock.lockRead();
  said += "held to read: " + others(key);
  lock.unlock();
  const larger = lock.lockWrite(10000) && 0 < first && first < lock.token;
  lock.unlock();
  return said + "token: " + (larger && lock.token == 0 ? "larger\n" : "not larger\n");
}

function deposit(key: string, n: i32): i64 {
  const lock = new GlobalLock(key);
  for (let i = 0; i < n; i++) {
    lock.lockWrite();
    const account = Vector.make<i64>(key, 1);
    account[0] += 1;
    account.push();
    lock.unlock();
  }
  lock.lockRead();
  const sums = integers(key);
  return sums.length > 0 ? sums[0] : 0;
}

function pushed(key: string, version: i64): string {
  const pushed = pushStateIf(key, version);
  return pushed < 0 ? " no" : pushed == 0 ? " nothing" : " yes";
}

function versions(key: string): string {
  setState(key, bytesOf("first"));
  pushState(key);
  const version = stateVersion(key);
  let said = "unwritten" + pushed(key, version);
  setState(key, bytesOf("other"));
  said += ", other" + pushed(key, version + 1) + ", same" + pushed(key, version);
  setState(key, bytesOf("again"));
  return said + ", old" + pushed(key, version);
}

export function main(): i32 {
  const words = inputText().split(" ");
  const verb = words[0];
  const key = words[1];
  const n = words.length > 2 ? I32.parseInt(words[2]) : 0;
  if (verb == "write") {
    writeArrays(key);
    writeShared(key);
  } else if (verb == "read") {
    outputText(readArrays(key) + readShared(key));
  } else if (verb == "async") {
    const vector = VectorAsync.open<f64>(key + ".f64");
    vector[n] = parseFloat(words[3]);
    vector.push();
  } else if (verb == "add") {
    const counter = new Counter(key);
    for (let i = 0; i < n; i++) counter.add();
    outputText(counter.get().toString());
  } else if (verb == "swap") {
    const atomic = new AtomicInt(key);
    let swapped = 0;
    while (swapped < n) {
      const now = atomic.get();
      swapped += <i32>atomic.compareAndSwap(now, now + 1);
    }
    outputText(atomic.get().toString());
  } else if (verb == "deposit") {
    outputText(deposit(key, n).toString());
  } else if (verb == "lock") {
    outputText(lock(key));
  } else if (verb == "versions") {
    outputText(versions(key));
  } else if (verb == "barrier") {
    outputText(new Barrier(key, n).wait().toString());
  } else if (verb == "push") {
    outputText(new Queue(key).push(bytesOf(words[2])).toString());
  } else if (verb == "pop") {
    output(new Queue(key).pop());
  } else if (verb == "update") {
    outputText(new Dict(key).update(words[2], longer).length.toString());
  } else {
    outputText("no such verb: " + verb);
    return 1;
  }
  return 0;
}
