//! Values that outlive calls and are shared between them: copies by key, and [`State`], which maps one.

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::ops::Range;
use std::ptr::NonNull;

use crate::error::{Error, Result};
use crate::lock::{ReadLock, WriteLock};
use crate::raw;
use crate::view::{Plain, View};

/// How many written ranges are remembered before the host is told of them.
const PENDING: usize = 64;

/// A value, or a part of one, that is mapped into this Faaslet's memory and shared with all Faaslets of this host.
///
/// What is written through its views is marked, so that [`push_written`](Self::push_written) sends just that.
#[derive(Debug)]
pub struct State {
    key: CString,
    /// Size of the whole value.
    total: usize,
    /// Where the mapped part begins in it.
    offset: usize,
    memory: NonNull<u8>,
    len: usize,
    /// Ranges of the value that were written and not yet marked.
    written: RefCell<Vec<Range<usize>>>,
}

impl State {
    /// Maps a value of this size; one that is not there is made, of zeros.
    ///
    /// # Errors
    ///
    /// The key contains NUL, or the size is 0. A value of another size ends the call.
    pub fn open(key: &str, size: usize) -> Result<Self> {
        let key = checked(key, size)?;
        // SAFETY: the key ends with NUL.
        let memory = unsafe { raw::__faasm_read_state_ptr(key.as_ptr(), size) };
        Self::mapped(key, size, 0..size, memory)
    }

    /// Maps a part of a value of this size: only what is touched is fetched.
    ///
    /// # Errors
    ///
    /// As of [`open`](Self::open), and where the part does not lie in the value.
    pub fn open_part(key: &str, size: usize, part: Range<usize>) -> Result<Self> {
        let key = checked(key, part.len())?;
        if part.end > size {
            return Err(Error::new(format_args!("{part:?} is not in a value of {size} bytes")));
        }
        // SAFETY: the key ends with NUL.
        let memory = unsafe {
            raw::__faasm_read_state_offset_ptr(key.as_ptr(), size, part.start, part.len())
        };
        Self::mapped(key, size, part, memory)
    }

    /// Maps a part to be read only: what is written there all the same is not pushed.
    pub(crate) fn open_to_read(key: &str, size: usize, part: Range<usize>) -> Result<Self> {
        let key = checked(key, part.len())?;
        // SAFETY: the key ends with NUL.
        let memory =
            unsafe { raw::__faasm_state_map(key.as_ptr(), size, part.start, part.len(), 0) };
        Self::mapped(key, size, part, memory)
    }

    fn mapped(key: CString, total: usize, part: Range<usize>, memory: *mut u8) -> Result<Self> {
        let memory = NonNull::new(memory).ok_or_else(|| Error::new("the value is not mapped"))?;
        let written = RefCell::default();
        Ok(Self { key, total, offset: part.start, memory, len: part.len(), written })
    }

    /// The mapped bytes.
    #[must_use]
    pub fn bytes(&self) -> View<'_, u8> {
        View::new(self, self.memory, self.len)
    }

    /// The mapped part as values of another type.
    ///
    /// # Errors
    ///
    /// The part does not begin at an address that the type has, or does not hold a whole number of them.
    pub fn view<T: Plain>(&self) -> Result<View<'_, T>> {
        let memory = self.memory.cast::<T>();
        if !memory.is_aligned() || !self.len.is_multiple_of(size_of::<T>()) {
            let name = std::any::type_name::<T>();
            return Err(Error::new(format_args!("{} bytes are no array of {name}", self.len)));
        }
        Ok(View::new(self, memory, self.len / size_of::<T>()))
    }

    /// Waits for the value's lock, together with other readers.
    pub fn read_lock(&self) -> ReadLock<'_> {
        ReadLock::new(&self.key)
    }

    /// Waits for the value's lock, alone.
    pub fn write_lock(&self) -> WriteLock<'_> {
        WriteLock::new(&self.key)
    }

    /// Sends the whole value to the global tier, if anything of it was written.
    pub fn push(&self) {
        self.mark_written();
        // SAFETY: the key ends with NUL.
        unsafe { raw::__faasm_push_state(self.key.as_ptr()) };
    }

    /// Sends what was written to the global tier.
    pub fn push_written(&self) {
        self.mark_written();
        // SAFETY: the key ends with NUL.
        unsafe { raw::__faasm_push_state_partial(self.key.as_ptr()) };
    }

    /// Sends what was written to the global tier if the value is at this [`version`] there: its new version, 0 where
    /// nothing was written on this host, or nothing where it is at another.
    #[must_use = "it is not sent where the value is at another version"]
    pub fn push_if(&self, version: i64) -> Option<i64> {
        self.mark_written();
        push_at(&self.key, version)
    }

    /// Fetches the value from the global tier, in place of what was written and not pushed.
    pub fn pull(&self) {
        self.written.borrow_mut().clear();
        // SAFETY: the key ends with NUL.
        unsafe { raw::__faasm_pull_state(self.key.as_ptr(), self.total) };
    }

    /// Remembers that bytes of the mapped part were written.
    pub(crate) fn note(&self, address: NonNull<u8>, len: usize) {
        let start = self.offset + (address.as_ptr() as usize - self.memory.as_ptr() as usize);
        let mut written = self.written.borrow_mut();
        match written.last_mut() {
            Some(last) if start <= last.end && start + len >= last.start => {
                *last = last.start.min(start)..last.end.max(start + len);
            }
            _ => written.push(start..start + len),
        }
        if written.len() > PENDING {
            drop(written);
            self.mark_written();
        }
    }

    /// Tells the host that these elements of the mapped part were written.
    pub(crate) fn mark<T: Plain>(&self, elements: Range<usize>) {
        if elements.is_empty() {
            return;
        }
        let (start, len) = (elements.start * size_of::<T>(), elements.len() * size_of::<T>());
        let (key, offset) = (self.key.as_ptr(), self.offset + start);
        // SAFETY: the key ends with NUL.
        unsafe { raw::__faasm_flag_state_offset_dirty(key, self.total, offset, len) };
    }

    fn mark_written(&self) {
        for range in self.written.borrow_mut().drain(..) {
            let (start, len) = (range.start, range.len());
            // SAFETY: the key ends with NUL.
            unsafe {
                raw::__faasm_flag_state_offset_dirty(self.key.as_ptr(), self.total, start, len)
            };
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.mark_written();
    }
}

fn checked(key: &str, size: usize) -> Result<CString> {
    if size == 0 {
        return Err(Error::new("a value of 0 bytes cannot be mapped"));
    }
    Ok(CString::new(key)?)
}

fn with_key<T>(key: &str, f: impl FnOnce(&CStr) -> T) -> Result<T> {
    Ok(f(&CString::new(key)?))
}

/// The size of a value; 0 where there is none.
///
/// # Errors
///
/// As of all functions here: the key contains NUL.
pub fn size(key: &str) -> Result<usize> {
    // SAFETY: with length 0 the host only tells the size.
    with_key(key, |key| unsafe { raw::__faasm_read_state(key.as_ptr(), std::ptr::null_mut(), 0) })
}

/// A copy of a value; empty where there is none.
///
/// # Errors
///
/// The key contains NUL.
pub fn read(key: &str) -> Result<Vec<u8>> {
    let mut bytes = vec![0; size(key)?];
    if bytes.is_empty() {
        return Ok(bytes);
    }
    // SAFETY: the host writes at most so many bytes to the buffer.
    let read = with_key(key, |key| unsafe {
        raw::__faasm_read_state(key.as_ptr(), bytes.as_mut_ptr(), bytes.len())
    })?;
    bytes.truncate(read);
    Ok(bytes)
}

/// A copy of a part of a value of this size.
///
/// # Errors
///
/// The key contains NUL.
pub fn read_at(key: &str, size: usize, offset: usize, buffer: &mut [u8]) -> Result {
    let (data, len) = (buffer.as_mut_ptr(), buffer.len());
    // SAFETY: the host writes `len` bytes to the buffer.
    with_key(key, |key| unsafe {
        raw::__faasm_read_state_offset(key.as_ptr(), size, offset, data, len);
    })
}

/// Sets a value on this host.
///
/// # Errors
///
/// The key contains NUL.
pub fn write(key: &str, bytes: impl AsRef<[u8]>) -> Result {
    let bytes = bytes.as_ref();
    // SAFETY: the host reads so many bytes of the slice.
    with_key(key, |key| unsafe {
        raw::__faasm_write_state(key.as_ptr(), bytes.as_ptr(), bytes.len());
    })
}

/// Sets a part of a value of this size.
///
/// # Errors
///
/// The key contains NUL.
pub fn write_at(key: &str, size: usize, offset: usize, bytes: impl AsRef<[u8]>) -> Result {
    let bytes = bytes.as_ref();
    // SAFETY: the host reads so many bytes of the slice.
    with_key(key, |key| unsafe {
        raw::__faasm_write_state_offset(key.as_ptr(), size, offset, bytes.as_ptr(), bytes.len());
    })
}

/// The version of a value in the global tier, which grows with every write; 0 where there is none.
///
/// # Errors
///
/// The key contains NUL.
pub fn version(key: &str) -> Result<i64> {
    // SAFETY: the key ends with NUL.
    with_key(key, |key| unsafe { raw::__faasm_state_version(key.as_ptr()) })
}

/// Sends a value to the global tier if something of it was written on this host.
///
/// # Errors
///
/// The key contains NUL.
pub fn push(key: &str) -> Result {
    // SAFETY: the key ends with NUL.
    with_key(key, |key| unsafe { raw::__faasm_push_state(key.as_ptr()) })
}

/// Sends a value to the global tier if it is at this [`version`] there: its new version, 0 where nothing was written on
/// this host, or nothing where it is at another.
///
/// # Errors
///
/// The key contains NUL.
pub fn push_if(key: &str, version: i64) -> Result<Option<i64>> {
    with_key(key, |key| push_at(key, version))
}

fn push_at(key: &CStr, version: i64) -> Option<i64> {
    // SAFETY: the key ends with NUL.
    let pushed = unsafe { raw::__faasm_state_push_if(key.as_ptr(), version) };
    (pushed >= 0).then_some(pushed)
}

/// Adds an element to the list that the global tier has under this key, apart from the value.
///
/// # Errors
///
/// The key contains NUL.
pub fn append(key: &str, element: impl AsRef<[u8]>) -> Result {
    let element = element.as_ref();
    // SAFETY: the host reads so many bytes of the slice.
    with_key(key, |key| unsafe {
        raw::__faasm_append_state(key.as_ptr(), element.as_ptr(), element.len());
    })
}

/// The first `n` elements of the list, which have `element_size` bytes each, one after the other.
///
/// # Errors
///
/// The key contains NUL. A shorter list ends the call.
pub fn appended(key: &str, n: usize, element_size: usize) -> Result<Vec<u8>> {
    let mut elements = vec![0; n * element_size];
    // SAFETY: the host writes at most so many bytes to the buffer.
    with_key(key, |key| unsafe {
        raw::__faasm_read_appended_state(key.as_ptr(), elements.as_mut_ptr(), elements.len(), n);
    })?;
    Ok(elements)
}

/// Empties the list.
///
/// # Errors
///
/// The key contains NUL.
pub fn clear_appended(key: &str) -> Result {
    // SAFETY: the key ends with NUL.
    with_key(key, |key| unsafe { raw::__faasm_clear_appended_state(key.as_ptr()) })
}
