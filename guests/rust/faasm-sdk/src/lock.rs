//! Locks of the local tier and of the global one, which are given up where their guards are dropped.

use std::ffi::{CStr, CString};
use std::time::Duration;

use crate::error::{Error, Result};
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

/// Holds a key's lock among all hosts: to read, together with other readers, or to write, alone.
///
/// A value that is kept `strong` is written by who holds its lock to write, and is pushed where that is given up: what is
/// mapped of it ([`State`](crate::State), [`ddo`](crate::ddo)) is dropped before.
///
/// ```no_run
/// # fn main() -> faasm::Result {
/// let lock = faasm::GlobalLock::write("account")?;
/// faasm::state::write("account", b"100")?;
/// drop(lock); // pushes it
/// # Ok(())
/// # }
/// ```
#[must_use = "the lock is given up when this is dropped"]
#[derive(Debug)]
pub struct GlobalLock {
    key: CString,
}

/// How a global lock is held, as the host numbers it.
#[derive(Clone, Copy)]
enum Mode {
    Read = 0,
    Write = 1,
}

/// A time without end, for the host.
const FOR_EVER: i32 = -1;

impl GlobalLock {
    /// Waits for the lock, together with other readers.
    ///
    /// # Errors
    ///
    /// As of all that takes a lock here: the key contains NUL. A lock that this call has already ends the call.
    pub fn read(key: &str) -> Result<Self> {
        Self::wait(key, Mode::Read)
    }

    /// Waits for the lock, alone.
    ///
    /// # Errors
    ///
    /// The key contains NUL.
    pub fn write(key: &str) -> Result<Self> {
        Self::wait(key, Mode::Write)
    }

    /// Waits for the lock for so long at most, together with other readers; no time asks, and does not wait for its holder.
    ///
    /// # Errors
    ///
    /// The key contains NUL.
    pub fn read_within(key: &str, timeout: Duration) -> Result<Option<Self>> {
        Self::ask(key, Mode::Read, millis(timeout))
    }

    /// Waits for the lock for so long at most, alone; no time asks, and does not wait for its holders.
    ///
    /// # Errors
    ///
    /// The key contains NUL.
    pub fn write_within(key: &str, timeout: Duration) -> Result<Option<Self>> {
        Self::ask(key, Mode::Write, millis(timeout))
    }

    /// The fencing token, which is larger than that of every earlier holder.
    #[must_use]
    pub fn token(&self) -> i64 {
        // SAFETY: the key ends with NUL.
        unsafe { raw::__faasm_state_token(self.key.as_ptr()) }
    }

    fn wait(key: &str, mode: Mode) -> Result<Self> {
        Self::ask(key, mode, FOR_EVER)?.ok_or_else(|| Error::new("the lock was not given"))
    }

    fn ask(key: &str, mode: Mode, timeout: i32) -> Result<Option<Self>> {
        let key = CString::new(key)?;
        // SAFETY: the key ends with NUL.
        let given = unsafe { raw::__faasm_state_lock(key.as_ptr(), mode as u32, timeout) };
        Ok((given != 0).then(|| Self { key }))
    }
}

impl Drop for GlobalLock {
    fn drop(&mut self) {
        // SAFETY: the key ends with NUL.
        unsafe { raw::__faasm_state_unlock(self.key.as_ptr()) };
    }
}

fn millis(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
}
