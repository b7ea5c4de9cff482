// Locks of keys among all hosts.

import { zeroEnded } from "./call";
import { stateLock, stateToken, stateUnlock } from "./host";

// Modes of a lock.
const READ: u32 = 0;
const WRITE: u32 = 1;

/**
 * A key's lock among all hosts. A value that is kept `strong` is written by who has
 * it to write, and is pushed where it is given up. It is given up when the call ends, too.
 */
export class GlobalLock {
  private readonly name: ArrayBuffer;

  constructor(key: string) {
    this.name = zeroEnded(key);
  }

  /**
   * Waits for the lock, together with other readers: until it is given (-1), for so
   * many milliseconds, or not for its holder (0); whether it was given.
   */
  lockRead(timeout: i32 = -1): bool {
    return stateLock(this.address, READ, timeout) != 0;
  }

  /** The same, alone. */
  lockWrite(timeout: i32 = -1): bool {
    return stateLock(this.address, WRITE, timeout) != 0;
  }

  /** Gives it up, however it is held. */
  unlock(): void {
    stateUnlock(this.address);
  }

  /** The fencing token, which is larger than that of every earlier holder; 0 where this call does not hold it. */
  get token(): i64 {
    return stateToken(this.address);
  }

  private get address(): usize {
    return changetype<usize>(this.name);
  }
}
