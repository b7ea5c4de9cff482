// Integers that all calls on all hosts share. They are in the global tier alone:
// each operation is one there.

import { zeroEnded } from "./call";
import { pullState, readState, stateMerge, stateVersion, stateWatch, stateWriteIf } from "./host";
import { keyAddress } from "./vector";

// Of a merge: integers of 64 bits, by their sum or the larger one.
const SUM: u32 = 0;
const MAX: u32 = 3;

// Where the host reads and writes an integer.
const place = memory.data(8, 8);

function merge(key: ArrayBuffer, kind: u32, value: i64): i64 {
  store<i64>(place, value);
  stateMerge(keyAddress(key), kind, 0, place, 8, 1);
  return load<i64>(place);
}

function getInt(key: ArrayBuffer): i64 {
  store<i64>(place, 0);
  pullState(keyAddress(key), 8);
  readState(keyAddress(key), place, 8);
  return load<i64>(place);
}

function writeIf(key: ArrayBuffer, value: i64, version: i64): bool {
  store<i64>(place, value);
  return stateWriteIf(keyAddress(key), place, 8, version) >= 0;
}

/** A sum that begins at 0. Calls that add at once wait for nobody. */
export class Counter {
  protected readonly name: ArrayBuffer;

  constructor(key: string) {
    this.name = zeroEnded(key);
  }

  /** Adds; the sum behind that. */
  add(n: i64 = 1): i64 {
    return merge(this.name, SUM, n);
  }

  get(): i64 {
    return getInt(this.name);
  }

  reset(): void {
    while (!writeIf(this.name, 0, stateVersion(keyAddress(this.name)))) {}
  }
}

/** An integer that begins at 0; it lies as a Counter does. */
export class AtomicInt extends Counter {
  set(value: i64): void {
    while (!writeIf(this.name, value, stateVersion(keyAddress(this.name)))) {}
  }

  /** Sets it to `desired` if it is `expected`; whether it was. */
  compareAndSwap(expected: i64, desired: i64): bool {
    // What is read is of this version or a later one, and then the write fails.
    while (true) {
      const version = stateVersion(keyAddress(this.name));
      if (this.get() != expected) return false;
      if (writeIf(this.name, desired, version)) return true;
    }
  }
}

/** Where `n` calls wait for one another, again and again. A call that waits is suspended. */
export class Barrier {
  private readonly arrived: ArrayBuffer;
  private readonly open: ArrayBuffer;

  constructor(
    key: string,
    private readonly n: i32,
  ) {
    assert(n > 0, "a barrier for no call");
    this.arrived = zeroEnded(key);
    this.open = zeroEnded(key + "_open");
  }

  /** Waits until `n` have come; which of them this one was. */
  wait(): i64 {
    const arrival = merge(this.arrived, SUM, 1) - 1;
    const round = arrival / this.n + 1;
    const which = arrival % this.n;
    if (which == this.n - 1) {
      merge(this.open, MAX, round);
      return which;
    }
    while (true) {
      const version = stateVersion(keyAddress(this.open));
      if (getInt(this.open) >= round) return which;
      stateWatch(keyAddress(this.open), version, -1);
    }
  }
}
