//! The Faasm calls.

use faasm_vm::Scalar;

use super::{ResultType, parameter};
use crate::faasm::{self, chain, data, debug, state};
use crate::guest::{Guest, Slice};
use crate::host::HostState;
use crate::table::{FAASM, HostFunction, ROOM, Touches};

functions!(FAASM_FUNCTIONS, FAASM, faasm::answer, {
    /// The call's input: its size where `buffer_len` is 0, else as much of it as fits, and how much.
    "__faasm_read_input" = data::read_input(Slice::new(buffer, buffer_len)):
        (buffer: u32, buffer_len: u32) -> u32, Data;
    /// Sets the call's output.
    "__faasm_write_output" = data::write_output(Slice::new(output, output_len)):
        (output: u32, output_len: u32) -> (), Data;
    /// Begins a call of another function of the same tenant; its id.
    "__faasm_chain_name" = chain::chain_name(name, Slice::new(input, input_len)):
        (name: u32, input: u32, input_len: u32) -> u32, Calls;
    /// Begins a call of a function of this module, of type `() -> i32`, in a Faaslet of its own; its id.
    "__faasm_chain_ptr" = chain::chain_ptr(function, Slice::new(input, input_len)):
        (function: u32, input: u32, input_len: u32) -> u32, Calls;
    /// Waits for a chained call; its return code, or 1 where it failed.
    "__faasm_await_call" = chain::await_call(call_id):
        (call_id: u32) -> i32, Calls;
    /// The same, with its output in memory from the guest's `malloc`.
    "__faasm_await_call_output" = chain::await_call_output(call_id, output, output_len):
        (call_id: u32, output: u32, output_len: u32) -> i32, Calls;
    /// A copy of a value: its size where `buffer_len` is 0, else as much of it as fits, and how much.
    "__faasm_read_state" = state::read_state(key, Slice::new(buffer, buffer_len)):
        (key: u32, buffer: u32, buffer_len: u32) -> u32, State;
    /// Maps a value into memory, shared with every Faaslet of the tenant on this host.
    "__faasm_read_state_ptr" = state::read_state_ptr(key, total_len):
        (key: u32, total_len: u32) -> u32, State;
    /// A copy of a part of a value.
    "__faasm_read_state_offset" = state::read_state_offset(key, total_len, offset, Slice::new(buffer, buffer_len)):
        (key: u32, total_len: u32, offset: u32, buffer: u32, buffer_len: u32) -> (), State;
    /// Maps a part of a value into memory.
    "__faasm_read_state_offset_ptr" = state::read_state_offset_ptr(key, total_len, offset, len):
        (key: u32, total_len: u32, offset: u32, len: u32) -> u32, State;
    /// Sets a value on this host.
    "__faasm_write_state" = state::write_state(key, Slice::new(data, data_len)):
        (key: u32, data: u32, data_len: u32) -> (), State;
    /// Writes a part of a value on this host.
    "__faasm_write_state_offset" = state::write_state_offset(key, total_len, offset, Slice::new(data, data_len)):
        (key: u32, total_len: u32, offset: u32, data: u32, data_len: u32) -> (), State;
    /// Sets a value on this host to a file's contents; its size.
    "__faasm_write_state_from_file" = state::write_state_from_file(key, path):
        (key: u32, path: u32) -> u32, State;
    /// Adds an element to a key's list, which is apart from its value.
    "__faasm_append_state" = state::append_state(key, Slice::new(data, data_len)):
        (key: u32, data: u32, data_len: u32) -> (), State;
    /// The first elements of a key's list, one after the other, as many whole ones as fit.
    "__faasm_read_appended_state" = state::read_appended_state(key, Slice::new(data, data_len), n_elems):
        (key: u32, data: u32, data_len: u32, n_elems: u32) -> (), State;
    /// Empties a key's list.
    "__faasm_clear_appended_state" = state::clear_appended_state(key):
        (key: u32) -> (), State;
    /// Says that a value was written through a pointer.
    "__faasm_flag_state_dirty" = state::flag_state_dirty(key, total_len):
        (key: u32, total_len: u32) -> (), State;
    /// Says that a part of a value was.
    "__faasm_flag_state_offset_dirty" = state::flag_state_offset_dirty(key, total_len, offset, data_len):
        (key: u32, total_len: u32, offset: u32, data_len: u32) -> (), State;
    /// Sends a value to the global tier, if anything of it was written.
    "__faasm_push_state" = state::push_state(key):
        (key: u32) -> (), State;
    /// Sends what was written of a value.
    "__faasm_push_state_partial" = state::push_state_partial(key):
        (key: u32) -> (), State;
    /// Sends the bytes of a value at which another value, the mask, is not zero.
    "__faasm_push_state_partial_mask" = state::push_state_partial_mask(key, mask_key):
        (key: u32, mask_key: u32) -> (), State;
    /// Fetches a value from the global tier.
    "__faasm_pull_state" = state::pull_state(key, state_len):
        (key: u32, state_len: u32) -> (), State;
    /// Waits for a value's local lock, together with other readers.
    "__faasm_lock_state_read" = state::lock_state_read(key):
        (key: u32) -> (), State;
    /// Gives it up.
    "__faasm_unlock_state_read" = state::unlock_state_read(key):
        (key: u32) -> (), State;
    /// Waits for a value's local lock, alone.
    "__faasm_lock_state_write" = state::lock_state_write(key):
        (key: u32) -> (), State;
    /// Gives it up.
    "__faasm_unlock_state_write" = state::unlock_state_write(key):
        (key: u32) -> (), State;
    /// Waits for a key's global lock, alone among all hosts.
    "__faasm_lock_state_global" = state::lock_state_global(key):
        (key: u32) -> (), State;
    /// Gives it up; what is dirty of a value that is kept `strong` is pushed first.
    "__faasm_unlock_state_global" = state::unlock_state_global(key):
        (key: u32) -> (), State;
    /// Notes in the host's log that the guest asks for its stack.
    "__faasm_backtrace" = debug::backtrace(depth):
        (depth: u32) -> (), Host;
    /// Whether the host's configuration sets a flag.
    "__faasm_conf_flag" = debug::conf_flag(key):
        (key: u32) -> u32, Host;
});
