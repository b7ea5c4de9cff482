// Values that outlive calls and are shared between them.

import { zeroEnded } from "./call";
import {
  appendState,
  clearAppendedState,
  flagStateOffsetDirty,
  lockStateRead,
  lockStateWrite,
  pullState,
  pushState as pushValue,
  pushStatePartial,
  readAppendedState,
  readState,
  readStateOffset,
  readStateOffsetPtr,
  readStatePtr,
  statePushIf,
  stateVersion as versionOf,
  unlockStateRead,
  unlockStateWrite,
  writeState,
  writeStateOffset,
} from "./host";

/** The size of a value; 0 where there is none. */
export function stateSize(key: string): i32 {
  return <i32>readState(changetype<usize>(zeroEnded(key)), 0, 0);
}

/** A copy of a value; empty where there is none. */
export function getState(key: string): Uint8Array {
  const size = stateSize(key);
  const bytes = new Uint8Array(size);
  if (size > 0) readState(changetype<usize>(zeroEnded(key)), bytes.dataStart, size);
  return bytes;
}

/** Sets a value on this host. */
export function setState(key: string, bytes: Uint8Array): void {
  writeState(changetype<usize>(zeroEnded(key)), bytes.dataStart, bytes.length);
}

/** The version of a value in the global tier, which grows with every write; 0 where there is none. */
export function stateVersion(key: string): i64 {
  return versionOf(changetype<usize>(zeroEnded(key)));
}

/** Sends a value to the global tier, if anything of it was written on this host. */
export function pushState(key: string): void {
  pushValue(changetype<usize>(zeroEnded(key)));
}

/**
 * Sends a value to the global tier if it is at this version there: its new version,
 * 0 where nothing was written on this host, or -1 where it is at another.
 */
export function pushStateIf(key: string, version: i64): i64 {
  return statePushIf(changetype<usize>(zeroEnded(key)), version);
}

/** A copy of a part of a value of `size` bytes. */
export function getStateAt(key: string, size: i32, offset: i32, len: i32): Uint8Array {
  const bytes = new Uint8Array(len);
  readStateOffset(changetype<usize>(zeroEnded(key)), size, offset, bytes.dataStart, len);
  return bytes;
}

/** Sets a part of a value of `size` bytes. */
export function setStateAt(key: string, size: i32, offset: i32, bytes: Uint8Array): void {
  writeStateOffset(changetype<usize>(zeroEnded(key)), size, offset, bytes.dataStart, bytes.length);
}

/** Adds an element to the list under this key, which is apart from the value. */
export function append(key: string, element: Uint8Array): void {
  appendState(changetype<usize>(zeroEnded(key)), element.dataStart, element.length);
}

/** The first `n` elements of the list, of `size` bytes each. */
export function appended(key: string, n: i32, size: i32): Uint8Array {
  const bytes = new Uint8Array(n * size);
  readAppendedState(changetype<usize>(zeroEnded(key)), bytes.dataStart, bytes.length, n);
  return bytes;
}

/** Empties the list. */
export function clearAppended(key: string): void {
  clearAppendedState(changetype<usize>(zeroEnded(key)));
}

/**
 * An array of numbers in a value, or in a part of one, that is mapped into memory
 * and shared with all Faaslets of this host. Others may write to it at any time:
 * a loop that waits for that must call the host in each round.
 */
export class State<T> {
  private constructor(
    private readonly key: ArrayBuffer,
    private readonly total: usize,
    private readonly offset: usize,
    private readonly address: usize,
    /** How many numbers there are. */
    public readonly length: i32,
  ) {}

  /** Maps a value of so many numbers; one that is not there is made, of zeros. */
  static open<T>(key: string, length: i32): State<T> {
    const name = zeroEnded(key);
    const total = <usize>length * sizeof<T>();
    return new State<T>(name, total, 0, readStatePtr(changetype<usize>(name), total), length);
  }

  /** Maps `length` numbers from `start` on, of a value of `whole` numbers. */
  static part<T>(key: string, whole: i32, start: i32, length: i32): State<T> {
    assert(start >= 0 && length > 0 && start <= whole - length, "the part is not in the value");
    const name = zeroEnded(key);
    const total = <usize>whole * sizeof<T>();
    const offset = <usize>start * sizeof<T>();
    const len = <usize>length * sizeof<T>();
    const address = readStateOffsetPtr(changetype<usize>(name), total, offset, len);
    return new State<T>(name, total, offset, address, length);
  }

  @operator("[]")
  get(index: i32): T {
    if (<u32>index >= <u32>this.length) throw new RangeError("no such element of the state");
    return load<T>(this.address + <usize>index * sizeof<T>());
  }

  /** Writes a number, and marks it, so that `pushWritten` sends it. */
  @operator("[]=")
  set(index: i32, value: T): void {
    if (<u32>index >= <u32>this.length) throw new RangeError("no such element of the state");
    const at = <usize>index * sizeof<T>();
    store<T>(this.address + at, value);
    flagStateOffsetDirty(this.keyAddress, this.total, this.offset + at, sizeof<T>());
  }

  /** Writes all numbers with one mark. */
  fill(value: T): void {
    for (let i = 0; i < this.length; i++) store<T>(this.address + <usize>i * sizeof<T>(), value);
    flagStateOffsetDirty(this.keyAddress, this.total, this.offset, <usize>this.length * sizeof<T>());
  }

  /** Sends the whole value to the global tier, if anything of it was written. */
  push(): void {
    pushValue(this.keyAddress);
  }

  /** Sends what was written to the global tier. */
  pushWritten(): void {
    pushStatePartial(this.keyAddress);
  }

  /**
   * Sends what was written to the global tier if the value is at this version there:
   * its new version, 0 where nothing was written, or -1 where it is at another.
   */
  pushIf(version: i64): i64 {
    return statePushIf(this.keyAddress, version);
  }

  /** Fetches the value from the global tier. */
  pull(): void {
    pullState(this.keyAddress, this.total);
  }

  /** Waits for the value's lock on this host, together with other readers. */
  lockRead(): void {
    lockStateRead(this.keyAddress);
  }

  unlockRead(): void {
    unlockStateRead(this.keyAddress);
  }

  /** Waits for the value's lock on this host, alone. */
  lockWrite(): void {
    lockStateWrite(this.keyAddress);
  }

  unlockWrite(): void {
    unlockStateWrite(this.keyAddress);
  }

  private get keyAddress(): usize {
    return changetype<usize>(this.key);
  }
}
