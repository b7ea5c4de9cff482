// Calls of other functions.

import { textOf, zeroEnded } from "./call";
import { awaitCall, awaitCallOutput, chainName, chainPtr } from "./host";

// Where the host writes address and size of an output.
const place = memory.data(8, 4);

/** What a chained call answered. */
export class Output {
  constructor(
    /** Its return code: 0 says that it succeeded. */
    public readonly code: i32,
    /** Its output. */
    public readonly bytes: Uint8Array,
  ) {}

  /** The output as text. */
  text(): string {
    return textOf(this.bytes);
  }
}

/** A call that was begun. */
export class Call {
  constructor(private readonly id: u32) {}

  /** Waits for the call to end. */
  wait(): Output {
    store<usize>(place, 0, 0);
    store<i32>(place, 0, 4);
    const code = awaitCallOutput(this.id, place, place + 4);
    const memory = load<usize>(place, 0);
    const bytes = new Uint8Array(load<i32>(place, 4));
    if (memory != 0) {
      copy(bytes.dataStart, memory, bytes.length);
      heap.free(memory);
    }
    return new Output(code, bytes);
  }

  /** Waits for the call to end; its return code only. */
  code(): i32 {
    return awaitCall(this.id);
  }
}

function copy(to: usize, from: usize, len: usize): void {
  memory.copy(to, from, len);
}

/** Calls another function of the same user. */
export function chain(name: string, input: Uint8Array): Call {
  const key = zeroEnded(name);
  return new Call(chainName(changetype<usize>(key), input.dataStart, <usize>input.length));
}

/**
 * Calls a function of this module in a Faaslet of its own, which starts from the
 * function's snapshot. What it returns is the call's return code.
 */
export function chainFunction(entry: () => i32, input: Uint8Array): Call {
  return new Call(chainPtr(entry.index, input.dataStart, <usize>input.length));
}
