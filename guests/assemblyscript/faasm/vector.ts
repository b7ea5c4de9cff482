// Vectors: arrays of numbers that are state values. Of the data objects, as are
// matrix.ts, sparse.ts, integers.ts and collections.ts: docs/data-objects.md says
// how they lie in state, so that every language has the same ones.

import { zeroEnded } from "./call";
import { flagStateOffsetDirty, pullState, pushState, pushStatePartial, readState, readStatePtr, stateMap } from "./host";

/** The address of a key, which lives as long as the object that has it. */
export function keyAddress(key: ArrayBuffer): usize {
  return changetype<usize>(key);
}

/** A typed array (`A`) over memory that is state: no copy of it. */
export function arrayOver<A extends ArrayBufferView>(address: usize, bytes: i32): A {
  const array = instantiate<A>(0);
  const object = changetype<usize>(array);
  store<usize>(object, address, offsetof<ArrayBufferView>("dataStart"));
  store<i32>(object, bytes, offsetof<ArrayBufferView>("byteLength"));
  return array;
}

// A value is mapped in pieces: at most so many of it, of at least so many bytes.
const PIECES: usize = 32;
const PIECE_LEAST: usize = 64 << 10;

function roundUp(n: usize, to: usize): usize {
  return ((n + to - 1) / to) * to;
}

/** Maps the elements from `begin` to `end` of an array of `length`, to be read; the address of the first. */
export function mapPart<T>(key: string, length: i32, begin: i32, end: i32): usize {
  assert(begin >= 0 && begin < end && end <= length, "a part that is not in " + key);
  const total = <usize>length * sizeof<T>();
  const piece = max(roundUp(total / PIECES, PIECE_LEAST), PIECE_LEAST);
  const first = ((<usize>begin * sizeof<T>()) / piece) * piece;
  const last = min(roundUp(<usize>end * sizeof<T>(), piece), total);
  const name = zeroEnded(key);
  return stateMap(keyAddress(name), total, first, last - first, 0) + (<usize>begin * sizeof<T>() - first);
}

/** A vector whose owner knows what it writes: `push` sends all of it, `pushPart` a part. */
export class Vector<T> {
  private readonly name: ArrayBuffer;
  readonly address: usize;

  private constructor(
    key: string,
    /** How many elements there are. */
    public readonly length: i32,
  ) {
    assert(length > 0 && <u64>length * sizeof<T>() <= <u64>i32.MAX_VALUE, "no vector is under " + key);
    this.name = zeroEnded(key);
    this.address = readStatePtr(keyAddress(this.name), <usize>length * sizeof<T>());
  }

  /** One that is there. */
  static open<T>(key: string): Vector<T> {
    return new Vector<T>(key, <i32>(readState(keyAddress(zeroEnded(key)), 0, 0) / sizeof<T>()));
  }

  /** One of so many elements: zeros, where it is not there. */
  static make<T>(key: string, length: i32): Vector<T> {
    return new Vector<T>(key, length);
  }

  @operator("[]")
  get(index: i32): T {
    if (<u32>index >= <u32>this.length) throw new RangeError("no such element of the vector");
    return load<T>(this.address + <usize>index * sizeof<T>());
  }

  @operator("[]=")
  set(index: i32, value: T): void {
    if (<u32>index >= <u32>this.length) throw new RangeError("no such element of the vector");
    store<T>(this.address + <usize>index * sizeof<T>(), value);
  }

  /** It as a typed array, such as `array<Float64Array>()`, without a copy. */
  array<A extends ArrayBufferView>(): A {
    return arrayOver<A>(this.address, this.length * <i32>sizeof<T>());
  }

  /** Says that elements were written. */
  mark(begin: i32, end: i32): void {
    assert(begin >= 0 && begin <= end && end <= this.length, "a part that is not in the vector");
    const total = <usize>this.length * sizeof<T>();
    flagStateOffsetDirty(keyAddress(this.name), total, <usize>begin * sizeof<T>(), <usize>(end - begin) * sizeof<T>());
  }

  /** Sends all of it to the global tier. */
  push(): void {
    this.mark(0, this.length);
    pushState(keyAddress(this.name));
  }

  /** Sends the elements from `begin` to `end`, and what was marked before. */
  pushPart(begin: i32, end: i32): void {
    this.mark(begin, end);
    pushStatePartial(keyAddress(this.name));
  }

  /** Sends what was marked. */
  pushMarked(): void {
    pushStatePartial(keyAddress(this.name));
  }

  /** Fetches it from the global tier, in place of what was not pushed. */
  pull(): void {
    pullState(keyAddress(this.name), <usize>this.length * sizeof<T>());
  }
}

/**
 * A vector that many write at once (HOGWILD): what is written is there for all of
 * this host at once, and `push` sends the elements that this object wrote, and no
 * others. Two that write one element leave one of both values.
 */
export class VectorAsync<T> {
  // A bit for each element that was written and not sent.
  private readonly written: StaticArray<u64>;

  private constructor(private readonly vector: Vector<T>) {
    this.written = new StaticArray<u64>(vector.length / 64 + 1);
  }

  static open<T>(key: string): VectorAsync<T> {
    return new VectorAsync<T>(Vector.open<T>(key));
  }

  static make<T>(key: string, length: i32): VectorAsync<T> {
    return new VectorAsync<T>(Vector.make<T>(key, length));
  }

  get length(): i32 {
    return this.vector.length;
  }

  @operator("[]")
  get(index: i32): T {
    return this.vector[index];
  }

  @operator("[]=")
  set(index: i32, value: T): void {
    this.vector[index] = value;
    this.written[index / 64] |= (<u64>1) << (index & 63);
  }

  /** Sends what this object wrote since the last time. */
  push(): void {
    let begin = 0;
    let end = 0;
    for (let i = 0; i < this.written.length; i++) {
      let bits = this.written[i];
      this.written[i] = 0;
      while (bits != 0) {
        const at = i * 64 + <i32>ctz(bits);
        bits &= bits - 1;
        if (at != end) {
          if (begin < end) this.vector.mark(begin, end);
          begin = at;
        }
        end = at + 1;
      }
    }
    if (begin < end) {
      this.vector.mark(begin, end);
      this.vector.pushMarked();
    }
  }

  /** Fetches all of it, in place of what anybody on this host has not pushed. */
  pull(): void {
    this.vector.pull();
  }
}
