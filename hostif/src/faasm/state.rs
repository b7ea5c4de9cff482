//! State: copies, pointers into shared memory, lists, the two tiers, locks.

use std::ops::Range;

use faasm_state::{Key, Mapping, Mode, Namespace, Op, Value};

use super::{Argument, bytes, text};
use crate::error::Problem;
use crate::guest::{Guest, Slice};
use crate::wasi::Refusal;
use crate::wasi::io::read_file;

/// `__faasm_read_state`: with no room, the value's size; else as much of it as there is room for, and how much. 0 if
/// there is no such value.
pub(crate) fn read_state(guest: &mut Guest<'_>, key: u32, buffer: Slice) -> Result<u32, Problem> {
    let key = read_key(guest, "key", key)?;
    if buffer.len == 0 {
        let size = namespace(guest)?.size(&key);
        let size = settle(guest, size)?.unwrap_or(0);
        return Ok(u32::try_from(size).unwrap_or(u32::MAX));
    }
    guest.check(buffer).argument("buffer")?;
    let opened = namespace(guest)?.open(&key);
    let Some(value) = settle(guest, opened)? else {
        return Ok(0);
    };
    let n = value.size().min(buffer.len as usize);
    let bytes = settle(guest, value.read(0, n))?;
    guest.write(buffer.ptr, &bytes).argument("buffer")?;
    Ok(u32::try_from(n).unwrap_or(u32::MAX))
}

/// `__faasm_read_state_ptr`: maps the value into guest memory.
pub(crate) fn read_state_ptr(
    guest: &mut Guest<'_>,
    key: u32,
    total_len: u32,
) -> Result<u32, Problem> {
    read_state_offset_ptr(guest, key, total_len, 0, total_len)
}

/// `__faasm_read_state_offset`: copies a part of the value.
pub(crate) fn read_state_offset(
    guest: &mut Guest<'_>,
    key: u32,
    total_len: u32,
    offset: u32,
    buffer: Slice,
) -> Result<(), Problem> {
    let value = value(guest, key, total_len)?;
    guest.check(buffer).argument("buffer")?;
    let bytes = settle(guest, value.read(offset as usize, buffer.len as usize))?;
    guest.write(buffer.ptr, &bytes).argument("buffer")
}

/// `__faasm_read_state_offset_ptr`: maps a part of the value into guest memory.
pub(crate) fn read_state_offset_ptr(
    guest: &mut Guest<'_>,
    key: u32,
    total_len: u32,
    offset: u32,
    len: u32,
) -> Result<u32, Problem> {
    let value = value(guest, key, total_len)?;
    let mapping = settle(guest, value.map(offset as usize, len as usize))?;
    if let Some(address) = guest.host().mappings.find(&mapping) {
        return Ok(address);
    }
    let max = guest.host().limits().mappings;
    if guest.host().mappings.all.len() >= max {
        return Err(Problem::TooManyMappings { max });
    }
    let pages = mapping.pages();
    let base = guest.map(mapping.region(), pages.start, pages.len()).map_err(Problem::Map)?;
    Ok(guest.host_mut().mappings.add(base, mapping))
}

/// `__faasm_write_state`: makes the bytes the whole value, here.
pub(crate) fn write_state(guest: &mut Guest<'_>, key: u32, data: Slice) -> Result<(), Problem> {
    let max = guest.host().limits().state_bytes;
    let data = bytes(guest, "data", data, max)?;
    Ok(value(guest, key, 0)?.set(&data)?)
}

/// `__faasm_write_state_offset`: writes a part of the value, here.
pub(crate) fn write_state_offset(
    guest: &mut Guest<'_>,
    key: u32,
    total_len: u32,
    offset: u32,
    data: Slice,
) -> Result<(), Problem> {
    let max = guest.host().limits().state_bytes;
    let data = bytes(guest, "data", data, max)?;
    Ok(value(guest, key, total_len)?.write(offset as usize, &data)?)
}

/// `__faasm_write_state_from_file`: makes a file's bytes the whole value, here; its size.
pub(crate) fn write_state_from_file(
    guest: &mut Guest<'_>,
    key: u32,
    path: u32,
) -> Result<u32, Problem> {
    let path = text(guest, "path", path)?;
    let max = guest.host().limits().state_bytes;
    let bytes = read_file(guest, &path, max).map_err(|refusal| match refusal {
        Refusal::Errno(errno) => Problem::File { errno },
        Refusal::Trap(trap) => trap.into(),
    })?;
    value(guest, key, 0)?.set(&bytes)?;
    Ok(u32::try_from(bytes.len()).unwrap_or(u32::MAX))
}

/// `__faasm_append_state`: adds an element to the key's list.
pub(crate) fn append_state(guest: &mut Guest<'_>, key: u32, data: Slice) -> Result<(), Problem> {
    let key = read_key(guest, "key", key)?;
    let max = guest.host().limits().state_bytes;
    let data = bytes(guest, "data", data, max)?;
    let appended = namespace(guest)?.append(&key, &data);
    settle(guest, appended).map(drop)
}

/// `__faasm_read_appended_state`: the list's first elements, one after the other, as many whole ones as fit.
pub(crate) fn read_appended_state(
    guest: &mut Guest<'_>,
    key: u32,
    data: Slice,
    elements: u32,
) -> Result<(), Problem> {
    let key = read_key(guest, "key", key)?;
    guest.check(data).argument("data")?;
    let read = namespace(guest)?.read_appended(&key, elements as usize, data.len as usize);
    let bytes = settle(guest, read)?.concat();
    guest.write(data.ptr, &bytes).argument("data")
}

/// `__faasm_clear_appended_state`: empties the key's list.
pub(crate) fn clear_appended_state(guest: &mut Guest<'_>, key: u32) -> Result<(), Problem> {
    let key = read_key(guest, "key", key)?;
    let cleared = namespace(guest)?.clear_appended(&key);
    settle(guest, cleared)
}

/// `__faasm_flag_state_dirty`: says that the value was written through a pointer.
pub(crate) fn flag_state_dirty(
    guest: &mut Guest<'_>,
    key: u32,
    total_len: u32,
) -> Result<(), Problem> {
    flag_state_offset_dirty(guest, key, total_len, 0, total_len)
}

/// `__faasm_flag_state_offset_dirty`: says that a part was.
pub(crate) fn flag_state_offset_dirty(
    guest: &mut Guest<'_>,
    key: u32,
    total_len: u32,
    offset: u32,
    len: u32,
) -> Result<(), Problem> {
    let value = value(guest, key, total_len)?;
    Ok(value.flag_dirty(offset as usize, len as usize)?)
}

/// `__faasm_push_state`: sends the whole value to the global tier, if anything of it was written.
pub(crate) fn push_state(guest: &mut Guest<'_>, key: u32) -> Result<(), Problem> {
    push(guest, key, Value::push)
}

/// `__faasm_push_state_partial`: sends what was written.
pub(crate) fn push_state_partial(guest: &mut Guest<'_>, key: u32) -> Result<(), Problem> {
    push(guest, key, Value::push_partial)
}

/// `__faasm_push_state_partial_mask`: sends the bytes at which the mask, another value, is not zero.
pub(crate) fn push_state_partial_mask(
    guest: &mut Guest<'_>,
    key: u32,
    mask_key: u32,
) -> Result<(), Problem> {
    let mask_key = read_key(guest, "mask_key", mask_key)?;
    let opened = namespace(guest)?.open(&mask_key);
    let Some(mask) = settle(guest, opened)? else {
        return Ok(());
    };
    push(guest, key, |value| value.push_masked(&mask))
}

/// `__faasm_pull_state`: fetches the whole value from the global tier.
pub(crate) fn pull_state(guest: &mut Guest<'_>, key: u32, len: u32) -> Result<(), Problem> {
    let value = value(guest, key, len)?;
    settle(guest, value.pull()).map(drop)
}

/// `__faasm_lock_state_read`: waits for the value's local lock, with other readers.
pub(crate) fn lock_state_read(guest: &mut Guest<'_>, key: u32) -> Result<(), Problem> {
    lock(guest, key, Mode::Read)
}

/// `__faasm_unlock_state_read`.
pub(crate) fn unlock_state_read(guest: &mut Guest<'_>, key: u32) -> Result<(), Problem> {
    unlock(guest, key, Mode::Read)
}

/// `__faasm_lock_state_write`: waits for the value's local lock, alone.
pub(crate) fn lock_state_write(guest: &mut Guest<'_>, key: u32) -> Result<(), Problem> {
    lock(guest, key, Mode::Write)
}

/// `__faasm_unlock_state_write`.
pub(crate) fn unlock_state_write(guest: &mut Guest<'_>, key: u32) -> Result<(), Problem> {
    unlock(guest, key, Mode::Write)
}

/// `__faasm_lock_state_global` and `__faasm_unlock_state_global`: the global tier has no locks yet.
pub(crate) fn no_global_lock(guest: &mut Guest<'_>, key: u32) -> Result<(), Problem> {
    read_key(guest, "key", key)?;
    Err(Problem::NotHere { what: "locks of the global tier" })
}

fn push<T: Send + 'static>(
    guest: &mut Guest<'_>,
    key: u32,
    push: impl FnOnce(&Value) -> Op<T>,
) -> Result<(), Problem> {
    let key = read_key(guest, "key", key)?;
    match namespace(guest)?.local(&key)? {
        Some(value) => settle(guest, push(&value)).map(drop),
        // What is not on this host was not written here.
        None => Ok(()),
    }
}

fn lock(guest: &mut Guest<'_>, key: u32, mode: Mode) -> Result<(), Problem> {
    let key = read_key(guest, "key", key)?;
    let (namespace, call) = (namespace(guest)?, guest.host().id());
    guest.host_mut().will_lock();
    let granted = namespace.lock(&key, call, mode)?;
    Ok(guest.wait(granted, None)?)
}

fn unlock(guest: &mut Guest<'_>, key: u32, mode: Mode) -> Result<(), Problem> {
    let key = read_key(guest, "key", key)?;
    Ok(namespace(guest)?.unlock(&key, guest.host().id(), mode)?)
}

/// Waits for an operation on state.
fn settle<T: Send + 'static>(guest: &mut Guest<'_>, operation: Op<T>) -> Result<T, Problem> {
    Ok(guest.wait(operation, None)??)
}

/// The value of the key at `key`, made or grown to `size` bytes.
fn value(guest: &Guest<'_>, key: u32, size: u32) -> Result<Value, Problem> {
    let key = read_key(guest, "key", key)?;
    Ok(namespace(guest)?.value(&key, size as usize)?)
}

/// A key is a C string. A byte more than a key may have is looked at, and its NUL, so that one that is too long is told so.
fn read_key(guest: &Guest<'_>, argument: &'static str, ptr: u32) -> Result<Vec<u8>, Problem> {
    let max = u32::try_from(Key::MAX_LEN).unwrap_or(u32::MAX).saturating_add(2);
    let bytes = guest.read_cstr(ptr, max).argument(argument)?;
    Ok(Key::new(&bytes).map(|_| bytes)?)
}

fn namespace(guest: &Guest<'_>) -> Result<Namespace, Problem> {
    guest.host().state().cloned().ok_or(Problem::NotHere { what: "state" })
}

/// Which parts of which values are in the guest's memory, and where.
#[derive(Debug, Default)]
pub(crate) struct Mappings {
    /// Few: each took pages of guest memory.
    all: Vec<Placed>,
}

#[derive(Debug)]
struct Placed {
    /// Guest address of the first page.
    base: u32,
    /// Kept so that the value stays on this host while it is mapped.
    mapping: Mapping,
}

impl Mappings {
    /// Where the bytes that `wanted` begins with are already, if all of its pages are.
    fn find(&self, wanted: &Mapping) -> Option<u32> {
        let covers = |outer: &Range<usize>, inner: &Range<usize>| {
            outer.start <= inner.start && inner.end <= outer.end
        };
        let placed = self.all.iter().find(|placed| {
            placed.mapping.region().same_as(wanted.region())
                && covers(&placed.mapping.pages(), &wanted.pages())
        })?;
        let skipped = wanted.pages().start - placed.mapping.pages().start;
        placed.base.checked_add(u32::try_from(skipped + wanted.within()).ok()?)
    }

    /// Whether something is mapped in a range of guest addresses.
    pub(crate) fn overlap(&self, range: &Range<u64>) -> bool {
        self.all.iter().any(|placed| {
            let (start, len) = (u64::from(placed.base), placed.mapping.pages().len() as u64);
            start < range.end && range.start < start + len
        })
    }

    /// Notes pages that were mapped at `base`; where the bytes are that they were mapped for.
    fn add(&mut self, base: u32, mapping: Mapping) -> u32 {
        let within = u32::try_from(mapping.within()).unwrap_or(0);
        self.all.push(Placed { base, mapping });
        // Whole pages were mapped at `base`, so this is inside memory.
        base.saturating_add(within)
    }
}
