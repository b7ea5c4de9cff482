// Collections of bytes that all calls on all hosts share. They are in the global
// tier: each operation is one there, and none is seen half done.

import { bytesOf, zeroEnded } from "./call";
import {
  clearAppendedState,
  pullState,
  readAppendedState,
  stateAppend,
  stateAppended,
  stateDelete,
  stateList,
  stateTake,
  stateVersion,
  stateWriteIf,
} from "./host";
import { getState, stateSize } from "./state";
import { keyAddress } from "./vector";

// How much room is tried first for bytes whose number is not known, and the most.
const ROOM_FIRST = 4096;
const ROOM_MOST = 256 << 20;

/** A list that grows at its end. */
export class List {
  private readonly name: ArrayBuffer;

  constructor(key: string) {
    this.name = zeroEnded(key);
  }

  /** Adds to the end; the new length. An element lies behind its length, of 32 bits. */
  append(element: Uint8Array): i32 {
    const framed = new Uint8Array(4 + element.length);
    store<i32>(framed.dataStart, element.length);
    memory.copy(framed.dataStart + 4, element.dataStart, element.length);
    return <i32>stateAppend(keyAddress(this.name), framed.dataStart, framed.length);
  }

  get length(): i32 {
    return <i32>stateAppended(keyAddress(this.name));
  }

  /** The first `n` elements, or all if there are fewer. */
  read(n: i32 = i32.MAX_VALUE): Array<Uint8Array> {
    n = min(n, this.length);
    for (let room = ROOM_FIRST; n > 0 && room <= ROOM_MOST; room *= 4) {
      const bytes = new Uint8Array(room);
      // No element has the length that these bytes say, so what is not written is seen.
      bytes.fill(0xff);
      readAppendedState(keyAddress(this.name), bytes.dataStart, room, n);
      const elements = whole(bytes, n);
      // All, or fewer because the list was cleared.
      if (elements.length == n || this.length < n) return elements;
    }
    return [];
  }

  /** The element with this number; null if there are not so many. It is read with those before it. */
  at(index: i32): Uint8Array | null {
    const elements = this.read(index + 1);
    return index >= 0 && index < elements.length ? elements[index] : null;
  }

  clear(): void {
    clearAppendedState(keyAddress(this.name));
  }
}

// The whole elements in the bytes, at most so many.
function whole(bytes: Uint8Array, most: i32): Array<Uint8Array> {
  const elements = new Array<Uint8Array>();
  let at = 0;
  while (elements.length < most && bytes.length - at >= 4) {
    const len = load<u32>(bytes.dataStart + at);
    if (len > <u32>(bytes.length - at - 4)) break;
    elements.push(bytes.slice(at + 4, at + 4 + <i32>len));
    at += 4 + <i32>len;
  }
  return elements;
}

/** A queue: each element goes to one taker. */
export class Queue {
  private readonly name: ArrayBuffer;

  constructor(key: string) {
    this.name = zeroEnded(key);
  }

  /** Adds to the end; the new length. */
  push(element: Uint8Array): i32 {
    return <i32>stateAppend(keyAddress(this.name), element.dataStart, element.length);
  }

  get length(): i32 {
    return <i32>stateAppended(keyAddress(this.name));
  }

  /** Takes the first element, waiting until there is one. */
  pop(): Uint8Array {
    while (true) {
      const element = this.popWithin(-1);
      if (element != null) return element;
    }
  }

  /** Takes the first element, waiting for so many milliseconds at most; null if there was none. */
  popWithin(timeout: i32): Uint8Array | null {
    for (let room = ROOM_FIRST; room <= ROOM_MOST; room *= 4) {
      const bytes = new Uint8Array(room);
      const len = stateTake(keyAddress(this.name), bytes.dataStart, room, timeout);
      if (len >= 0) return bytes.subarray(0, len);
      if (len != -2) return null;
    }
    return null;
  }

  clear(): void {
    clearAppendedState(keyAddress(this.name));
  }
}

/** A dictionary: each entry is a value of its own. */
export class Dict {
  constructor(private readonly key: string) {}

  /** An entry's bytes; null if there is none. */
  get(name: string): Uint8Array | null {
    const entry = zeroEnded(this.entryKey(name));
    if (stateVersion(keyAddress(entry)) == 0) return null;
    pullState(keyAddress(entry), 0);
    while (true) {
      const bytes = getState(this.entryKey(name));
      if (stateSize(this.entryKey(name)) != bytes.length) continue;
      // One that was removed meanwhile leaves no bytes.
      return bytes.length == 0 && stateVersion(keyAddress(entry)) == 0 ? null : bytes;
    }
  }

  has(name: string): bool {
    return stateVersion(keyAddress(zeroEnded(this.entryKey(name)))) != 0;
  }

  set(name: string, value: Uint8Array): void {
    const entry = zeroEnded(this.entryKey(name));
    while (stateWriteIf(keyAddress(entry), value.dataStart, value.length, stateVersion(keyAddress(entry))) < 0) {}
  }

  /**
   * Sets an entry to what `change` makes of it (null: there was none), again and
   * again until nobody else has changed it meanwhile; what it is then.
   */
  update(name: string, change: (old: Uint8Array | null) => Uint8Array): Uint8Array {
    const entry = zeroEnded(this.entryKey(name));
    while (true) {
      const version = stateVersion(keyAddress(entry));
      const value = change(version == 0 ? null : this.get(name));
      if (stateWriteIf(keyAddress(entry), value.dataStart, value.length, version) >= 0) return value;
    }
  }

  /** Removes an entry; whether there was one. */
  delete(name: string): bool {
    return stateDelete(keyAddress(zeroEnded(this.entryKey(name)))) != 0;
  }

  /** The names of all entries, in the order of their bytes. */
  names(): Array<string> {
    const names = new Array<string>();
    const prefix = bytesOf(this.key + "/");
    const room = new Uint8Array(64 << 10);
    let after = new Uint8Array(0);
    while (true) {
      const len = stateList(
        prefix.dataStart,
        prefix.length,
        after.dataStart,
        after.length,
        room.dataStart,
        room.length,
      );
      if (len <= 0) return names;
      // Each: version and size (64 bits), length of the list and of the key (32), the key.
      for (let at: usize = 0; at < <usize>len; ) {
        const entry = room.dataStart + at;
        const keyLen = load<i32>(entry, 20);
        after = room.slice(<i32>at + 24, <i32>at + 24 + keyLen);
        if (load<i64>(entry) != 0 && keyLen > prefix.length) {
          names.push(String.UTF8.decodeUnsafe(after.dataStart + prefix.length, keyLen - prefix.length));
        }
        at += 24 + keyLen;
      }
    }
  }

  private entryKey(name: string): string {
    assert(name.length > 0, "the name of an entry is empty");
    return this.key + "/" + name;
  }
}
