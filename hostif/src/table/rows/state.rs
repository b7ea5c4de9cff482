//! State calls that the original has not: versions and conditions, merges, notices, lists to take from, leases.

use faasm_vm::Scalar;

use super::{ResultType, parameter};
use crate::faasm::{self, tiers};
use crate::guest::{Guest, Slice};
use crate::host::HostState;
use crate::table::{FAASM, HostFunction, ROOM, Touches};

functions!(STATE_FUNCTIONS, FAASM, faasm::answer, {
    /// The version of a value in the global tier; 0 if there is none. It grows with every write.
    "__faasm_state_version" = tiers::version(key):
        (key: u32) -> i64, State;
    /// Sets a value in both tiers if it is at `version`, which is 0 where there must be none; its new version, or -1 if it is at another.
    "__faasm_state_write_if" = tiers::write_if(key, Slice::new(data, data_len), version):
        (key: u32, data: u32, data_len: u32, version: i64) -> i64, State;
    /// Sends a value to the global tier if it is at `version` there; its new version, 0 if nothing was written here, -1 if it is at another.
    "__faasm_state_push_if" = tiers::push_if(key, version):
        (key: u32, version: i64) -> i64, State;
    /// Merges numbers, or members of a set, into a value in the global tier; its new version. Merged numbers replace `data` if `wanted` is not 0.
    "__faasm_state_merge" = tiers::merge(key, (kind, offset), Slice::new(data, data_len), wanted):
        (key: u32, kind: u32, offset: u32, data: u32, data_len: u32, wanted: u32) -> i64, State;
    /// Maps a part of a value into memory, to be read (`access` 0) or written (1) through the pointer.
    "__faasm_state_map" = tiers::map(key, total_len, (offset, len), access):
        (key: u32, total_len: u32, offset: u32, len: u32, access: u32) -> u32, State;
    /// Waits until a value is at another version than this, for `timeout_ms` at most if that is not negative; the version, 0 if there is no value, -1 if the time passed.
    "__faasm_state_watch" = tiers::watch(key, version, timeout_ms):
        (key: u32, version: i64, timeout_ms: i32) -> i64, State;
    /// Keys that begin with a prefix and come after another one, each as the C header draws it; the bytes written, or -1 if there is one and it has no room.
    "__faasm_state_list" = tiers::list(Slice::new(prefix, prefix_len), Slice::new(after, after_len), Slice::new(buffer, buffer_len)):
        (prefix: u32, prefix_len: u32, after: u32, after_len: u32, buffer: u32, buffer_len: u32) -> i32, State;
    /// Deletes a key's value and list in both tiers; whether there was one.
    "__faasm_state_delete" = tiers::delete(key):
        (key: u32) -> u32, State;
    /// Deletes them if the value is at `version`, which is 0 where there is none; 1 if there was something, 0 if not, -1 if it is at another.
    "__faasm_state_delete_if" = tiers::delete_if(key, version):
        (key: u32, version: i64) -> i32, State;
    /// Adds an element to a key's list; the list's new length.
    "__faasm_state_append" = tiers::append(key, Slice::new(data, data_len)):
        (key: u32, data: u32, data_len: u32) -> u32, State;
    /// How many elements a key's list has.
    "__faasm_state_appended" = tiers::appended(key):
        (key: u32) -> u32, State;
    /// Takes the first element out of a key's list, and waits for one for `timeout_ms` at most if that is not negative; its length, -1 if there was none, -2 if it does not fit and stays.
    "__faasm_state_take" = tiers::take(key, Slice::new(buffer, buffer_len), timeout_ms):
        (key: u32, buffer: u32, buffer_len: u32, timeout_ms: i32) -> i32, State;
    /// Waits for a key's global lock, to read (`mode` 0) or write (1), for `timeout_ms` at most if that is not negative; 1 if it was given, else 0. With 0 it asks and does not wait for others. Who got 0 has left the queue: what anybody asks afterwards finds nothing of it. The tier's answer is waited for beyond that; if there is none, the call fails.
    "__faasm_state_lock" = tiers::lock(key, mode, timeout_ms):
        (key: u32, mode: u32, timeout_ms: i32) -> u32, State;
    /// Gives it up, in either mode.
    "__faasm_state_unlock" = tiers::unlock(key):
        (key: u32) -> (), State;
    /// The fencing token of the global lock that the call holds of a key; larger than those of earlier holders, 0 if it holds none.
    "__faasm_state_token" = tiers::token(key):
        (key: u32) -> i64, State;
    /// Bytes that the tenant's values take on this host.
    "__faasm_state_resident" = tiers::resident():
        () -> i64, State;
});
