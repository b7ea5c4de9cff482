// The host's functions, as they are imported. Addresses and sizes are numbers
// here; everything else in this package has types.

@external("env", "__faasm_read_input")
export declare function readInput(buffer: usize, len: usize): usize;
@external("env", "__faasm_write_output")
export declare function writeOutput(output: usize, len: usize): void;
@external("env", "__faasm_chain_name")
export declare function chainName(name: usize, input: usize, len: usize): u32;
@external("env", "__faasm_chain_ptr")
export declare function chainPtr(entry: u32, input: usize, len: usize): u32;
@external("env", "__faasm_await_call")
export declare function awaitCall(call: u32): i32;
@external("env", "__faasm_await_call_output")
export declare function awaitCallOutput(call: u32, output: usize, len: usize): i32;
@external("env", "__faasm_read_state")
export declare function readState(key: usize, buffer: usize, len: usize): usize;
@external("env", "__faasm_read_state_ptr")
export declare function readStatePtr(key: usize, total: usize): usize;
@external("env", "__faasm_read_state_offset")
export declare function readStateOffset(key: usize, total: usize, offset: usize, buffer: usize, len: usize): void;
@external("env", "__faasm_read_state_offset_ptr")
export declare function readStateOffsetPtr(key: usize, total: usize, offset: usize, len: usize): usize;
@external("env", "__faasm_write_state")
export declare function writeState(key: usize, data: usize, len: usize): void;
@external("env", "__faasm_write_state_offset")
export declare function writeStateOffset(key: usize, total: usize, offset: usize, data: usize, len: usize): void;
@external("env", "__faasm_append_state")
export declare function appendState(key: usize, data: usize, len: usize): void;
@external("env", "__faasm_read_appended_state")
export declare function readAppendedState(key: usize, data: usize, len: usize, elements: usize): void;
@external("env", "__faasm_clear_appended_state")
export declare function clearAppendedState(key: usize): void;
@external("env", "__faasm_flag_state_offset_dirty")
export declare function flagStateOffsetDirty(key: usize, total: usize, offset: usize, len: usize): void;
@external("env", "__faasm_push_state")
export declare function pushState(key: usize): void;
@external("env", "__faasm_push_state_partial")
export declare function pushStatePartial(key: usize): void;
@external("env", "__faasm_pull_state")
export declare function pullState(key: usize, len: usize): void;
@external("env", "__faasm_lock_state_read")
export declare function lockStateRead(key: usize): void;
@external("env", "__faasm_unlock_state_read")
export declare function unlockStateRead(key: usize): void;
@external("env", "__faasm_lock_state_write")
export declare function lockStateWrite(key: usize): void;
@external("env", "__faasm_unlock_state_write")
export declare function unlockStateWrite(key: usize): void;
@external("env", "__faasm_state_version")
export declare function stateVersion(key: usize): i64;
@external("env", "__faasm_state_write_if")
export declare function stateWriteIf(key: usize, data: usize, len: usize, version: i64): i64;
@external("env", "__faasm_state_push_if")
export declare function statePushIf(key: usize, version: i64): i64;
@external("env", "__faasm_state_merge")
export declare function stateMerge(key: usize, kind: u32, offset: usize, data: usize, len: usize, wanted: u32): i64;
@external("env", "__faasm_state_map")
export declare function stateMap(key: usize, total: usize, offset: usize, len: usize, access: u32): usize;
@external("env", "__faasm_state_watch")
export declare function stateWatch(key: usize, version: i64, timeout: i32): i64;
@external("env", "__faasm_state_list")
export declare function stateList(prefix: usize, prefixLen: usize, after: usize, afterLen: usize, buffer: usize, len: usize): i32;
@external("env", "__faasm_state_delete")
export declare function stateDelete(key: usize): u32;
@external("env", "__faasm_state_append")
export declare function stateAppend(key: usize, data: usize, len: usize): u32;
@external("env", "__faasm_state_appended")
export declare function stateAppended(key: usize): u32;
@external("env", "__faasm_state_take")
export declare function stateTake(key: usize, buffer: usize, len: usize, timeout: i32): i32;
@external("env", "__faasm_state_lock")
export declare function stateLock(key: usize, mode: u32, timeout: i32): u32;
@external("env", "__faasm_state_unlock")
export declare function stateUnlock(key: usize): void;
@external("env", "__faasm_state_token")
export declare function stateToken(key: usize): i64;
@external("wasi_snapshot_preview1", "fd_write")
export declare function fdWrite(fd: u32, parts: usize, n: usize, written: usize): u32;
