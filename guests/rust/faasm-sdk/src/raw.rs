//! The host's functions that this crate uses, as they are imported.

use std::ffi::{c_char, c_int};

/// A function that can be chained by pointer.
pub(crate) type Entry = extern "C" fn() -> i32;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    pub(crate) safe fn __faasm_await_call(call: u32) -> i32;
    pub(crate) fn __faasm_read_input(buffer: *mut u8, len: usize) -> usize;
    pub(crate) fn __faasm_write_output(output: *const u8, len: usize);
    pub(crate) fn __faasm_chain_name(name: *const c_char, input: *const u8, len: usize) -> u32;
    pub(crate) fn __faasm_chain_ptr(entry: Entry, input: *const u8, len: usize) -> u32;
    pub(crate) fn __faasm_await_call_output(
        call: u32,
        output: *mut *mut u8,
        len: *mut c_int,
    ) -> i32;
    pub(crate) fn __faasm_read_state(key: *const c_char, buffer: *mut u8, len: usize) -> usize;
    pub(crate) fn __faasm_read_state_ptr(key: *const c_char, total: usize) -> *mut u8;
    pub(crate) fn __faasm_read_state_offset(
        key: *const c_char,
        total: usize,
        offset: usize,
        buffer: *mut u8,
        len: usize,
    );
    pub(crate) fn __faasm_read_state_offset_ptr(
        key: *const c_char,
        total: usize,
        offset: usize,
        len: usize,
    ) -> *mut u8;
    pub(crate) fn __faasm_write_state(key: *const c_char, data: *const u8, len: usize);
    pub(crate) fn __faasm_write_state_offset(
        key: *const c_char,
        total: usize,
        offset: usize,
        data: *const u8,
        len: usize,
    );
    pub(crate) fn __faasm_append_state(key: *const c_char, data: *const u8, len: usize);
    pub(crate) fn __faasm_read_appended_state(
        key: *const c_char,
        data: *mut u8,
        len: usize,
        elements: usize,
    );
    pub(crate) fn __faasm_clear_appended_state(key: *const c_char);
    pub(crate) fn __faasm_flag_state_offset_dirty(
        key: *const c_char,
        total: usize,
        offset: usize,
        len: usize,
    );
    pub(crate) fn __faasm_push_state(key: *const c_char);
    pub(crate) fn __faasm_push_state_partial(key: *const c_char);
    pub(crate) fn __faasm_pull_state(key: *const c_char, len: usize);
    pub(crate) fn __faasm_lock_state_read(key: *const c_char);
    pub(crate) fn __faasm_unlock_state_read(key: *const c_char);
    pub(crate) fn __faasm_lock_state_write(key: *const c_char);
    pub(crate) fn __faasm_unlock_state_write(key: *const c_char);
    pub(crate) fn __faasm_state_version(key: *const c_char) -> i64;
    pub(crate) fn __faasm_state_write_if(
        key: *const c_char,
        data: *const u8,
        len: usize,
        version: i64,
    ) -> i64;
    pub(crate) fn __faasm_state_push_if(key: *const c_char, version: i64) -> i64;
    pub(crate) fn __faasm_state_merge(
        key: *const c_char,
        kind: u32,
        offset: usize,
        data: *mut u8,
        len: usize,
        wanted: u32,
    ) -> i64;
    pub(crate) fn __faasm_state_map(
        key: *const c_char,
        total: usize,
        offset: usize,
        len: usize,
        access: u32,
    ) -> *mut u8;
    pub(crate) fn __faasm_state_watch(key: *const c_char, version: i64, timeout: i32) -> i64;
    pub(crate) fn __faasm_state_list(
        prefix: *const u8,
        prefix_len: usize,
        after: *const u8,
        after_len: usize,
        buffer: *mut u8,
        len: usize,
    ) -> i32;
    pub(crate) fn __faasm_state_delete(key: *const c_char) -> u32;
    pub(crate) fn __faasm_state_delete_if(key: *const c_char, version: i64) -> i32;
    pub(crate) fn __faasm_state_append(key: *const c_char, data: *const u8, len: usize) -> u32;
    pub(crate) fn __faasm_state_appended(key: *const c_char) -> u32;
    pub(crate) fn __faasm_state_take(
        key: *const c_char,
        buffer: *mut u8,
        len: usize,
        timeout: i32,
    ) -> i32;
    pub(crate) fn __faasm_state_lock(key: *const c_char, mode: u32, timeout: i32) -> u32;
    pub(crate) fn __faasm_state_unlock(key: *const c_char);
    pub(crate) fn __faasm_state_token(key: *const c_char) -> i64;
}

unsafe extern "C" {
    pub(crate) fn free(memory: *mut u8);
    pub(crate) fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8;
}
