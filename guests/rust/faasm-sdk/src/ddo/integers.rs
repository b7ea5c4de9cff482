//! Integers that all calls on all hosts share. They are in the global tier alone: each operation is one there.

use std::ffi::{CStr, CString};

use crate::error::{Error, Result};
use crate::raw;

/// Of a merge: integers of 64 bits, by their sum or the larger one.
const SUM: u32 = 0;
const MAX: u32 = 3;

fn merge(key: &CStr, kind: u32, with: i64) -> i64 {
    let mut bytes = with.to_le_bytes();
    // SAFETY: the key ends with NUL; the host reads and writes the 8 bytes before it returns.
    unsafe { raw::__faasm_state_merge(key.as_ptr(), kind, 0, bytes.as_mut_ptr(), bytes.len(), 1) };
    i64::from_le_bytes(bytes)
}

fn get(key: &CStr) -> i64 {
    let mut bytes = [0; 8];
    // SAFETY: the key ends with NUL; the host writes at most 8 bytes to the buffer.
    unsafe {
        raw::__faasm_pull_state(key.as_ptr(), bytes.len());
        raw::__faasm_read_state(key.as_ptr(), bytes.as_mut_ptr(), bytes.len());
    }
    i64::from_le_bytes(bytes)
}

pub(super) fn version(key: &CStr) -> i64 {
    // SAFETY: the key ends with NUL.
    unsafe { raw::__faasm_state_version(key.as_ptr()) }
}

/// Whether it was written, over this version.
pub(super) fn write_if(key: &CStr, bytes: &[u8], version: i64) -> bool {
    // SAFETY: the key ends with NUL; the host reads so many bytes of the slice.
    let made =
        unsafe { raw::__faasm_state_write_if(key.as_ptr(), bytes.as_ptr(), bytes.len(), version) };
    made >= 0
}

/// A sum that begins at 0. Calls that add at once wait for nobody.
#[derive(Clone, Debug)]
pub struct Counter {
    key: CString,
}

impl Counter {
    /// The counter under this key.
    ///
    /// # Errors
    ///
    /// The key contains NUL.
    pub fn new(key: &str) -> Result<Self> {
        Ok(Self { key: CString::new(key)? })
    }

    /// Adds; the sum behind that.
    pub fn add(&self, n: i64) -> i64 {
        merge(&self.key, SUM, n)
    }

    /// The sum now.
    #[must_use]
    pub fn get(&self) -> i64 {
        get(&self.key)
    }

    /// Sets it to 0.
    pub fn reset(&self) {
        AtomicInt { key: self.key.clone() }.set(0);
    }
}

/// An integer that begins at 0; it lies as a [`Counter`] does.
#[derive(Clone, Debug)]
pub struct AtomicInt {
    key: CString,
}

impl AtomicInt {
    /// The integer under this key.
    ///
    /// # Errors
    ///
    /// The key contains NUL.
    pub fn new(key: &str) -> Result<Self> {
        Ok(Self { key: CString::new(key)? })
    }

    /// What it is now.
    #[must_use]
    pub fn get(&self) -> i64 {
        get(&self.key)
    }

    /// Sets it.
    pub fn set(&self, value: i64) {
        while !write_if(&self.key, &value.to_le_bytes(), version(&self.key)) {}
    }

    /// Adds; the sum behind that.
    pub fn add(&self, n: i64) -> i64 {
        merge(&self.key, SUM, n)
    }

    /// Sets it to `desired` if it is `expected`; whether it was.
    pub fn compare_and_swap(&self, expected: i64, desired: i64) -> bool {
        // What is read is of this version or a later one, and then the write fails.
        loop {
            let version = version(&self.key);
            if self.get() != expected {
                return false;
            }
            if write_if(&self.key, &desired.to_le_bytes(), version) {
                return true;
            }
        }
    }
}

/// Where `n` calls wait for one another, again and again. A call that waits is suspended.
#[derive(Clone, Debug)]
pub struct Barrier {
    arrived: CString,
    open: CString,
    n: i64,
}

impl Barrier {
    /// A barrier for so many calls.
    ///
    /// # Errors
    ///
    /// The key contains NUL, or it is for no call.
    pub fn new(key: &str, n: u32) -> Result<Self> {
        if n == 0 {
            return Err(Error::new("a barrier for no call"));
        }
        let (arrived, open) = (CString::new(key)?, CString::new(format!("{key}_open"))?);
        Ok(Self { arrived, open, n: n.into() })
    }

    /// Waits until so many have come; which of them this one was.
    pub fn wait(&self) -> i64 {
        let arrival = merge(&self.arrived, SUM, 1) - 1;
        let (round, which) = (arrival / self.n + 1, arrival % self.n);
        if which == self.n - 1 {
            merge(&self.open, MAX, round);
            return which;
        }
        loop {
            let version = version(&self.open);
            if get(&self.open) >= round {
                return which;
            }
            // SAFETY: the key ends with NUL.
            unsafe { raw::__faasm_state_watch(self.open.as_ptr(), version, -1) };
        }
    }
}
