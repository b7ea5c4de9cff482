//! Locks of the local tier, which are given up where their guards are dropped.

use std::ffi::CStr;

use crate::raw;

/// Holds a value's lock together with other readers of this host.
#[must_use = "the lock is given up when this is dropped"]
#[derive(Debug)]
pub struct ReadLock<'a> {
    key: &'a CStr,
}

/// Holds a value's lock alone on this host.
#[must_use = "the lock is given up when this is dropped"]
#[derive(Debug)]
pub struct WriteLock<'a> {
    key: &'a CStr,
}

impl<'a> ReadLock<'a> {
    pub(crate) fn new(key: &'a CStr) -> Self {
        // SAFETY: the key ends with NUL.
        unsafe { raw::__faasm_lock_state_read(key.as_ptr()) };
        Self { key }
    }
}

impl Drop for ReadLock<'_> {
    fn drop(&mut self) {
        // SAFETY: the key ends with NUL.
        unsafe { raw::__faasm_unlock_state_read(self.key.as_ptr()) };
    }
}

impl<'a> WriteLock<'a> {
    pub(crate) fn new(key: &'a CStr) -> Self {
        // SAFETY: the key ends with NUL.
        unsafe { raw::__faasm_lock_state_write(key.as_ptr()) };
        Self { key }
    }
}

impl Drop for WriteLock<'_> {
    fn drop(&mut self) {
        // SAFETY: the key ends with NUL.
        unsafe { raw::__faasm_unlock_state_write(self.key.as_ptr()) };
    }
}
