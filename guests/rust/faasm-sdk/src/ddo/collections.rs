//! Collections of bytes that all calls on all hosts share. They are in the global tier: each operation is one there, and
//! none is seen half done.

use std::ffi::{CStr, CString};
use std::time::Duration;

use super::integers::{version, write_if};
use crate::error::{Error, Result};
use crate::raw;
use crate::state;

/// How much room is tried first for bytes whose number is not known, and the most.
const ROOM_FIRST: usize = 4096;
const ROOM_MOST: usize = 256 << 20;

/// Bytes of an element's length, before it.
const PREFIX: usize = 4;

fn append(key: &CStr, bytes: &[u8]) -> usize {
    // SAFETY: the key ends with NUL; the host reads so many bytes of the slice.
    unsafe { raw::__faasm_state_append(key.as_ptr(), bytes.as_ptr(), bytes.len()) as usize }
}

fn size(key: &CStr) -> usize {
    // SAFETY: the key ends with NUL.
    unsafe { raw::__faasm_state_appended(key.as_ptr()) as usize }
}

fn clear(key: &CStr) {
    // SAFETY: the key ends with NUL.
    unsafe { raw::__faasm_clear_appended_state(key.as_ptr()) };
}

/// A list that grows at its end.
#[derive(Clone, Debug)]
pub struct List {
    key: CString,
}

impl List {
    /// The list under this key.
    ///
    /// # Errors
    ///
    /// The key contains NUL.
    pub fn new(key: &str) -> Result<Self> {
        Ok(Self { key: CString::new(key)? })
    }

    /// Adds to the end; the new length.
    ///
    /// # Errors
    ///
    /// The element has 4 GiB.
    pub fn append(&self, element: impl AsRef<[u8]>) -> Result<usize> {
        let element = element.as_ref();
        let mut framed = u32::try_from(element.len())?.to_le_bytes().to_vec();
        framed.extend_from_slice(element);
        Ok(append(&self.key, &framed))
    }

    /// How many elements it has.
    #[must_use]
    pub fn len(&self) -> usize {
        size(&self.key)
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first `n` elements, or all if it has fewer.
    #[must_use]
    pub fn read(&self, n: usize) -> Vec<Vec<u8>> {
        let n = n.min(self.len());
        let mut room = ROOM_FIRST;
        while n > 0 && room <= ROOM_MOST {
            // No element has the length that these bytes say, so what is not written is seen.
            let mut bytes = vec![0xff; room];
            // SAFETY: the key ends with NUL; the host writes at most so many bytes to the buffer.
            unsafe {
                let data = bytes.as_mut_ptr();
                raw::__faasm_read_appended_state(self.key.as_ptr(), data, bytes.len(), n);
            }
            let elements = whole(&bytes, n);
            // All, or fewer because the list was cleared.
            if elements.len() == n || self.len() < n {
                return elements;
            }
            room *= 4;
        }
        Vec::new()
    }

    /// The element with this number, from 0. It is read with those before it.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Vec<u8>> {
        self.read(index + 1).into_iter().nth(index)
    }

    /// Empties it.
    pub fn clear(&self) {
        clear(&self.key);
    }
}

/// The whole elements in the bytes, at most so many.
fn whole(mut bytes: &[u8], most: usize) -> Vec<Vec<u8>> {
    let mut elements = Vec::new();
    while elements.len() < most {
        let Some((len, rest)) = bytes.split_first_chunk::<PREFIX>() else { break };
        let Some((element, rest)) = rest.split_at_checked(u32::from_le_bytes(*len) as usize) else {
            break;
        };
        elements.push(element.to_vec());
        bytes = rest;
    }
    elements
}

/// A queue: each element goes to one taker.
#[derive(Clone, Debug)]
pub struct Queue {
    key: CString,
}

impl Queue {
    /// The queue under this key.
    ///
    /// # Errors
    ///
    /// The key contains NUL.
    pub fn new(key: &str) -> Result<Self> {
        Ok(Self { key: CString::new(key)? })
    }

    /// Adds to the end; the new length.
    pub fn push(&self, element: impl AsRef<[u8]>) -> usize {
        append(&self.key, element.as_ref())
    }

    /// How many elements it has.
    #[must_use]
    pub fn len(&self) -> usize {
        size(&self.key)
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the first element, waiting until there is one.
    #[must_use]
    pub fn pop(&self) -> Vec<u8> {
        loop {
            if let Some(element) = self.take(-1) {
                return element;
            }
        }
    }

    /// Takes the first element, waiting for one for so long at most.
    #[must_use]
    pub fn pop_within(&self, timeout: Duration) -> Option<Vec<u8>> {
        self.take(i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX))
    }

    /// Takes the first element if there is one.
    #[must_use]
    pub fn try_pop(&self) -> Option<Vec<u8>> {
        self.take(0)
    }

    /// Empties it.
    pub fn clear(&self) {
        clear(&self.key);
    }

    fn take(&self, timeout: i32) -> Option<Vec<u8>> {
        let mut room = vec![0; ROOM_FIRST];
        loop {
            // SAFETY: the key ends with NUL; the host writes at most so many bytes to the buffer.
            let len = unsafe {
                raw::__faasm_state_take(self.key.as_ptr(), room.as_mut_ptr(), room.len(), timeout)
            };
            match usize::try_from(len) {
                Ok(len) => {
                    room.truncate(len);
                    return Some(room);
                }
                // It does not fit.
                Err(_) if len == -2 && room.len() < ROOM_MOST => room = vec![0; room.len() * 4],
                Err(_) => return None,
            }
        }
    }
}

/// A dictionary: each entry is a value of its own.
#[derive(Clone, Debug)]
pub struct Dict {
    key: String,
}

/// An entry as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its bytes; `None` if there was none.
    pub value: Option<Vec<u8>>,
    version: i64,
}

impl Dict {
    /// The dictionary under this key.
    #[must_use]
    pub fn new(key: &str) -> Self {
        Self { key: key.to_owned() }
    }

    fn entry_key(&self, name: &str) -> Result<CString> {
        if name.is_empty() {
            return Err(Error::new("the name of an entry is empty"));
        }
        Ok(CString::new(format!("{}/{name}", self.key))?)
    }

    /// An entry, for [`set_if`](Self::set_if) and [`remove_if`](Self::remove_if).
    ///
    /// # Errors
    ///
    /// The name is empty or contains NUL: as of all functions here.
    pub fn entry(&self, name: &str) -> Result<Entry> {
        let key = self.entry_key(name)?;
        let version = version(&key);
        if version == 0 {
            return Ok(Entry { value: None, version });
        }
        // SAFETY: the key ends with NUL.
        unsafe { raw::__faasm_pull_state(key.as_ptr(), 0) };
        let name = format!("{}/{name}", self.key);
        let value = loop {
            let value = state::read(&name)?;
            if state::size(&name)? == value.len() {
                break value;
            }
        };
        // One that was removed meanwhile leaves no bytes.
        if value.is_empty() && self::version(&key) == 0 {
            return Ok(Entry { value: None, version: 0 });
        }
        Ok(Entry { value: Some(value), version })
    }

    /// An entry's bytes; `None` if there is none.
    ///
    /// # Errors
    ///
    /// As of [`entry`](Self::entry).
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.entry(name)?.value)
    }

    /// Sets an entry.
    ///
    /// # Errors
    ///
    /// As of [`entry`](Self::entry).
    pub fn set(&self, name: &str, value: impl AsRef<[u8]>) -> Result {
        let key = self.entry_key(name)?;
        while !write_if(&key, value.as_ref(), version(&key)) {}
        Ok(())
    }

    /// Sets an entry if it is still as it was found; whether it was.
    ///
    /// # Errors
    ///
    /// As of [`entry`](Self::entry).
    pub fn set_if(&self, name: &str, value: impl AsRef<[u8]>, found: &Entry) -> Result<bool> {
        Ok(write_if(&*self.entry_key(name)?, value.as_ref(), found.version))
    }

    /// Sets an entry to what `change` makes of it, again and again until nobody else has changed it meanwhile; what it
    /// is then.
    ///
    /// # Errors
    ///
    /// As of [`entry`](Self::entry).
    pub fn update(
        &self,
        name: &str,
        mut change: impl FnMut(Option<&[u8]>) -> Vec<u8>,
    ) -> Result<Vec<u8>> {
        loop {
            let found = self.entry(name)?;
            let value = change(found.value.as_deref());
            if self.set_if(name, &value, &found)? {
                return Ok(value);
            }
        }
    }

    /// Removes an entry; whether there was one.
    ///
    /// # Errors
    ///
    /// As of [`entry`](Self::entry).
    pub fn remove(&self, name: &str) -> Result<bool> {
        let key = self.entry_key(name)?;
        // SAFETY: the key ends with NUL.
        Ok(unsafe { raw::__faasm_state_delete(key.as_ptr()) } != 0)
    }

    /// Removes an entry if it is still as it was found; whether it was.
    ///
    /// # Errors
    ///
    /// As of [`entry`](Self::entry).
    pub fn remove_if(&self, name: &str, found: &Entry) -> Result<bool> {
        let key = self.entry_key(name)?;
        // SAFETY: the key ends with NUL.
        Ok(unsafe { raw::__faasm_state_delete_if(key.as_ptr(), found.version) } > 0)
    }

    /// The names of all entries, in the order of their bytes.
    ///
    /// # Errors
    ///
    /// A key below this one is not text.
    pub fn names(&self) -> Result<Vec<String>> {
        let prefix = format!("{}/", self.key);
        let mut room = vec![0; 64 << 10];
        let (mut names, mut after) = (Vec::new(), Vec::new());
        loop {
            // SAFETY: the host reads both slices and writes at most so many bytes to the buffer.
            let len = unsafe {
                raw::__faasm_state_list(
                    prefix.as_ptr(),
                    prefix.len(),
                    after.as_ptr(),
                    after.len(),
                    room.as_mut_ptr(),
                    room.len(),
                )
            };
            let Ok(1..) = usize::try_from(len) else { return Ok(names) };
            let mut listed = &room[..len.unsigned_abs() as usize];
            // Each: version and size (64 bits), length of the list and of the key (32), the key.
            while let Some((head, rest)) = listed.split_first_chunk::<24>() {
                let exists = head[..8] != [0; 8];
                let len = u32::from_le_bytes([head[20], head[21], head[22], head[23]]) as usize;
                let (key, rest) =
                    rest.split_at_checked(len).ok_or_else(|| Error::new("a key is cut"))?;
                if exists && key.len() > prefix.len() {
                    names.push(String::from_utf8(key[prefix.len()..].to_vec())?);
                }
                after = key.to_vec();
                listed = rest;
            }
        }
    }
}
