//! State: copies, pointers into shared memory, lists, the two tiers, locks.

use std::ops::Range;

use faasm_state::{Access, Extent, Key, Mapping, Mode, Namespace, Op, View};

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
        let size = view(guest)?.size(&key);
        let size = settle(guest, size)?.unwrap_or(0);
        return Ok(u32::try_from(size).unwrap_or(u32::MAX));
    }
    guest.check(buffer).argument("buffer")?;
    let read = view(guest)?.read_whole(&key, buffer.len as usize);
    let Some(bytes) = settle(guest, read)? else { return Ok(0) };
    guest.write(buffer.ptr, &bytes).argument("buffer")?;
    Ok(u32::try_from(bytes.len()).unwrap_or(u32::MAX))
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
    let key = read_key(guest, "key", key)?;
    guest.check(buffer).argument("buffer")?;
    let (offset, len) = (offset as usize, buffer.len as usize);
    let read = view(guest)?.read(&key, total_len as usize, offset, len);
    let bytes = settle(guest, read)?;
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
    map_part(guest, key, total_len, (offset, len), Access::Write)
}

/// Maps `len` bytes from `offset` on of a value; the address of the first of them.
pub(super) fn map_part(
    guest: &mut Guest<'_>,
    key: u32,
    total_len: u32,
    (offset, len): (u32, u32),
    access: Access,
) -> Result<u32, Problem> {
    let key = read_key(guest, "key", key)?;
    let part = (offset as usize, len as usize);
    let mapping = view(guest)?.map(&key, total_len as usize, part, access);
    let mapping = settle(guest, mapping)?;
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
    let key = read_key(guest, "key", key)?;
    let max = guest.host().limits().state_bytes;
    let data = bytes(guest, "data", data, max)?;
    let written = view(guest)?.set(&key, data);
    settle(guest, written)
}

/// `__faasm_write_state_offset`: writes a part of the value, here.
pub(crate) fn write_state_offset(
    guest: &mut Guest<'_>,
    key: u32,
    total_len: u32,
    offset: u32,
    data: Slice,
) -> Result<(), Problem> {
    let key = read_key(guest, "key", key)?;
    let max = guest.host().limits().state_bytes;
    let data = bytes(guest, "data", data, max)?;
    let written = view(guest)?.write(&key, total_len as usize, offset as usize, data);
    settle(guest, written)
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
    let key = read_key(guest, "key", key)?;
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let written = view(guest)?.set(&key, bytes);
    settle(guest, written)?;
    Ok(len)
}

/// `__faasm_append_state`: adds an element to the key's list.
pub(crate) fn append_state(guest: &mut Guest<'_>, key: u32, data: Slice) -> Result<(), Problem> {
    let key = read_key(guest, "key", key)?;
    let max = guest.host().limits().state_bytes;
    let data = bytes(guest, "data", data, max)?;
    let appended = view(guest)?.append(&key, &data);
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
    let read = view(guest)?.read_appended(&key, elements as usize, data.len as usize);
    let bytes = settle(guest, read)?.concat();
    guest.write(data.ptr, &bytes).argument("data")
}

/// `__faasm_clear_appended_state`: empties the key's list.
pub(crate) fn clear_appended_state(guest: &mut Guest<'_>, key: u32) -> Result<(), Problem> {
    let key = read_key(guest, "key", key)?;
    let cleared = view(guest)?.clear_appended(&key);
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
    let key = read_key(guest, "key", key)?;
    let flagged = view(guest)?.flag(&key, total_len as usize, offset as usize, len as usize);
    settle(guest, flagged)
}

/// `__faasm_push_state`: sends the whole value to the global tier, if anything of it was written.
pub(crate) fn push_state(guest: &mut Guest<'_>, key: u32) -> Result<(), Problem> {
    push(guest, key, Extent::Full)
}

/// `__faasm_push_state_partial`: sends what was written.
pub(crate) fn push_state_partial(guest: &mut Guest<'_>, key: u32) -> Result<(), Problem> {
    push(guest, key, Extent::Dirty)
}

/// `__faasm_push_state_partial_mask`: sends the bytes at which the mask, another value, is not zero.
pub(crate) fn push_state_partial_mask(
    guest: &mut Guest<'_>,
    key: u32,
    mask_key: u32,
) -> Result<(), Problem> {
    let mask_key = read_key(guest, "mask_key", mask_key)?;
    let key = read_key(guest, "key", key)?;
    let pushed = view(guest)?.push_masked(&key, &mask_key);
    settle(guest, pushed).map(drop)
}

/// `__faasm_pull_state`: fetches the whole value from the global tier.
pub(crate) fn pull_state(guest: &mut Guest<'_>, key: u32, len: u32) -> Result<(), Problem> {
    let key = read_key(guest, "key", key)?;
    let pulled = view(guest)?.pull(&key, len as usize);
    settle(guest, pulled).map(drop)
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

/// `__faasm_lock_state_global`: waits for the key's global lock, alone.
pub(crate) fn lock_state_global(guest: &mut Guest<'_>, key: u32) -> Result<(), Problem> {
    let key = read_key(guest, "key", key)?;
    let view = view(guest)?;
    guest.host_mut().will_lock();
    settle(guest, view.lock_global(&key, Mode::Write, None))
}

/// `__faasm_unlock_state_global`.
pub(crate) fn unlock_state_global(guest: &mut Guest<'_>, key: u32) -> Result<(), Problem> {
    let key = read_key(guest, "key", key)?;
    let unlocked = view(guest)?.unlock_global(&key);
    settle(guest, unlocked)
}

fn push(guest: &mut Guest<'_>, key: u32, extent: Extent) -> Result<(), Problem> {
    let key = read_key(guest, "key", key)?;
    let pushed = view(guest)?.push(&key, extent);
    settle(guest, pushed).map(drop)
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
pub(super) fn settle<T: Send + 'static>(
    guest: &mut Guest<'_>,
    operation: Op<T>,
) -> Result<T, Problem> {
    Ok(guest.wait(operation, None)??)
}

/// A key is a C string. A byte more than a key may have is looked at, and its NUL, so that one that is too long is told so.
pub(super) fn read_key(
    guest: &Guest<'_>,
    argument: &'static str,
    ptr: u32,
) -> Result<Vec<u8>, Problem> {
    let max = u32::try_from(Key::MAX_LEN).unwrap_or(u32::MAX).saturating_add(2);
    let bytes = guest.read_cstr(ptr, max).argument(argument)?;
    Ok(Key::new(&bytes).map(|_| bytes)?)
}

/// The tenant's state as the call sees it.
pub(super) fn view(guest: &mut Guest<'_>) -> Result<View, Problem> {
    guest.host_mut().view().ok_or(Problem::NotHere { what: "state" })
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
