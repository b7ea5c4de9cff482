//! The garbage-collected heap of a store: its room, and what is in it (see [`faasm_abi::gc`]).
//!
//! * [`layout`]: what objects of each type look like.
//! * [`collect`]: the collector.
//! * [`roots`]: from where it starts.
//! * [`check`]: whether what comes from a file is a heap.
//!
//! # Invariants
//!
//! * The heap's first page is never accessible, so that a field of null faults.
//! * What is accessible behind it is counted in the control block, in the slot: a reset knows it as a capture does.
//! * Objects lie one behind the other from [`OBJECTS`] to the next free byte, so they can be walked.

pub(crate) mod arrays;
mod check;
mod collect;
mod layout;
mod roots;

use std::sync::Arc;

use faasm_abi::gc::{
    self, ALIGN, ARRAY, ARRAY_LENGTH, EXCEPTION, LIMIT, MARK, NEXT, NULL_PAGE, OBJECTS, TYPE,
};
use faasm_abi::trap::TrapCode;
use faasm_abi::types::{HeapType, StorageType};

pub(crate) use check::is_sound;
pub(crate) use collect::{collect, collect_for_guest, refers_to_host};
pub(crate) use layout::ObjectLayout;
pub(crate) use roots::{Roots, leave_frames, return_to_frames};

use crate::store::StoreError;
use crate::store::contents::Contents;
use crate::store::core::StoreCore;

/// Bytes from the heap's first that are usable at first, the null page included.
const FIRST: u32 = 64 << 10;

/// Offset in the heap of a `u32`: the bytes that are usable, the null page included.
const USABLE: u32 = NULL_PAGE + 8;

/// The most bytes that can be usable.
const MOST: u32 = u32::MAX - (64 << 10) + 1;

const _: () = assert!(USABLE + 4 <= OBJECTS && MOST.is_multiple_of(NULL_PAGE));

/// Makes the heap usable if it was planned and is not yet.
pub(crate) fn open(core: &mut StoreCore) -> Result<(), StoreError> {
    let Some(heap) = core.contents.plan.gc_heap else { return Ok(()) };
    if core.contents.gc_open {
        return Ok(());
    }
    if core.limits.gc_heap_bytes < FIRST.into() {
        return Err(StoreError::Limit { what: "garbage-collected heap" });
    }
    core.slot.commit(heap + NULL_PAGE as usize, (FIRST - NULL_PAGE) as usize)?;
    core.contents_mut()?.gc_open = true;
    core.put(heap + NEXT as usize, OBJECTS);
    set_usable(core, heap, FIRST);
    Ok(())
}

/// The accessible part: its first byte in the slot and its length.
pub(crate) fn accessible(core: &StoreCore) -> Option<(usize, usize)> {
    let heap = base(core)?;
    let usable: u32 = core.get(heap + USABLE as usize);
    Some((heap + NULL_PAGE as usize, usable.saturating_sub(NULL_PAGE) as usize))
}

/// Bytes that objects take.
pub(crate) fn taken(core: &StoreCore) -> u64 {
    base(core).map_or(0, |heap| u64::from(core.get::<u32>(heap + NEXT as usize) - OBJECTS))
}

/// The heap's first byte in the slot, if there is a heap.
pub(crate) fn base(core: &StoreCore) -> Option<usize> {
    core.contents.plan.gc_heap.filter(|_| core.contents.gc_open)
}

fn set_usable(core: &mut StoreCore, heap: usize, usable: u32) {
    // Compiled code asks for each object if each is to be preceded by a collection.
    let limit = if core.contents.engine.inner.config.collect_always { 0 } else { usable };
    core.put(heap + USABLE as usize, usable);
    core.put(heap + LIMIT as usize, limit);
}

/// When there is no room for an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFull {
    /// Collect first. All references that are in use must be roots.
    Collect,
    /// Only grow: some references are known to the caller alone.
    Grow,
}

/// Makes an object of `bytes` bytes with this type in its header; the rest is to be initialised before the next one is
/// made. A reference that is not a root may be good for nothing after this.
pub(crate) fn allocate(
    core: &mut StoreCore,
    type_word: u32,
    bytes: u64,
    on_full: OnFull,
) -> Result<u32, TrapCode> {
    let heap = base(core).ok_or(TrapCode::GcHeapExhausted)?;
    match on_full {
        OnFull::Collect => reserve(core, bytes)?,
        OnFull::Grow => grow_for(core, heap, bytes)?,
    }
    let at: u32 = core.get(heap + NEXT as usize);
    let bytes = u32::try_from(bytes).map_err(|_| TrapCode::GcHeapExhausted)?;
    core.put(heap + NEXT as usize, at + bytes.next_multiple_of(ALIGN));
    core.put(heap + (at + TYPE) as usize, type_word);
    core.put(heap + (at + MARK) as usize, 0_u32);
    Ok(at)
}

/// Makes room for `bytes` bytes, by a collection if there is none. References that are no roots are good for nothing
/// after this.
pub(crate) fn reserve(core: &mut StoreCore, bytes: u64) -> Result<(), TrapCode> {
    let heap = base(core).ok_or(TrapCode::GcHeapExhausted)?;
    if core.contents.engine.inner.config.collect_always || room(core, heap) < bytes {
        collect_for_guest(core)?;
    }
    grow_for(core, heap, bytes)
}

/// Bytes that are free at the heap's end.
fn room(core: &StoreCore, heap: usize) -> u64 {
    let (next, usable): (u32, u32) =
        (core.get(heap + NEXT as usize), core.get(heap + USABLE as usize));
    (usable - next).into()
}

/// Sees to room for `bytes` bytes, and for as much again as is in use, so that collections stay rare.
fn grow_for(core: &mut StoreCore, heap: usize, bytes: u64) -> Result<(), TrapCode> {
    let (next, usable): (u32, u32) =
        (core.get(heap + NEXT as usize), core.get(heap + USABLE as usize));
    let most = u64::from(MOST).min(core.limits.gc_heap_bytes) / u64::from(NULL_PAGE);
    let most = most * u64::from(NULL_PAGE);
    let needed = u64::from(next) + bytes;
    if needed > most {
        return Err(TrapCode::GcHeapExhausted);
    }
    if needed <= usable.into() {
        return Ok(());
    }
    let wanted = (needed + u64::from(next)).next_multiple_of(FIRST.into()).min(most);
    let new = u32::try_from(wanted).map_err(|_| TrapCode::GcHeapExhausted)?;
    core.commit_more(heap + usable as usize, (new - usable) as usize)
        .map_err(|_| TrapCode::GcHeapExhausted)?;
    set_usable(core, heap, new);
    Ok(())
}

/// The offset in the slot of the object that a reference refers to; `None` for null and what is no object.
pub(crate) fn object(core: &StoreCore, reference: u32) -> Option<usize> {
    let is_object = reference != 0 && reference & (gc::TAG_BITS | gc::I31_BIT) == 0;
    base(core).filter(|_| is_object).map(|heap| heap + reference as usize)
}

/// The type word of an object.
pub(crate) fn type_word(core: &StoreCore, object: usize) -> u32 {
    core.get(object + TYPE as usize)
}

/// The layout of an object with this type word.
pub(crate) fn layout_of(contents: &Contents, word: u32) -> &ObjectLayout {
    if word & EXCEPTION == 0 {
        contents.types.layout(word & !ARRAY)
    } else {
        contents.types.layout(contents.tags[(word & !EXCEPTION) as usize].ty)
    }
}

/// How many elements an array has.
pub(crate) fn array_length(core: &StoreCore, object: usize) -> u32 {
    core.get(object + ARRAY_LENGTH as usize)
}

/// Makes a structure of a type by the store's number, its fields' bits given in order.
pub(crate) fn new_struct(
    core: &mut StoreCore,
    number: u32,
    values: &[u128],
    on_full: OnFull,
) -> Result<u32, TrapCode> {
    let contents = Arc::clone(&core.contents);
    let ObjectLayout::Fields { fields, size, .. } = contents.types.layout(number) else {
        unreachable!("a structure's type")
    };
    let made = allocate(core, number, (*size).into(), on_full)?;
    if let Some(object) = object(core, made) {
        for (&(offset, storage), &bits) in fields.iter().zip(values) {
            store(core, object + offset as usize, storage, bits);
        }
    }
    Ok(made)
}

/// Elements of a new array between two looks at the deadline.
const PIECE: usize = 1 << 16;

/// Makes an array of a type by the store's number, its elements' bits given in order.
pub(crate) fn new_array(
    core: &mut StoreCore,
    number: u32,
    (length, values): (u32, impl Iterator<Item = u128>),
    on_full: OnFull,
) -> Result<u32, TrapCode> {
    let ObjectLayout::Elements { storage, .. } = *core.contents.types.layout(number) else {
        unreachable!("an array's type")
    };
    let bytes = storage.bytes();
    let made = allocate(core, number | ARRAY, gc::array_bytes(bytes, length), on_full)?;
    if let Some(object) = object(core, made) {
        core.put(object + ARRAY_LENGTH as usize, length);
        let first = object + gc::array_elements(bytes) as usize;
        for (at, bits) in (0..length as usize).zip(values) {
            // An initial value's array is made before any guest code runs that could be interrupted.
            if at % PIECE == PIECE - 1 && core.is_over() {
                return Err(TrapCode::Interrupted);
            }
            store(core, first + at * bytes as usize, storage, bits);
        }
    }
    Ok(made)
}

/// The bits of a field or element at an offset in the slot, zero-extended.
pub(crate) fn load(core: &StoreCore, at: usize, storage: StorageType) -> u128 {
    match storage.bytes() {
        1 => core.get::<u8>(at).into(),
        2 => core.get::<u16>(at).into(),
        4 => core.get::<u32>(at).into(),
        8 => core.get::<u64>(at).into(),
        _ => core.get(at),
    }
}

/// Writes the low bits to a field or element at an offset in the slot.
#[expect(clippy::cast_possible_truncation, reason = "the low bits are stored")]
pub(crate) fn store(core: &mut StoreCore, at: usize, storage: StorageType, bits: u128) {
    match storage.bytes() {
        1 => core.put(at, bits as u8),
        2 => core.put(at, bits as u16),
        4 => core.put(at, bits as u32),
        8 => core.put(at, bits as u64),
        _ => core.put(at, bits),
    }
}

/// What a reference that is not null refers to.
pub(crate) fn heap_type(core: &StoreCore, reference: u32) -> HeapType {
    if reference & gc::I31_BIT != 0 {
        return HeapType::I31;
    }
    match object(core, reference).map(|object| type_word(core, object)) {
        Some(word) if word & EXCEPTION != 0 => HeapType::Exn,
        Some(word) => HeapType::Concrete(word & !ARRAY),
        None => HeapType::Extern,
    }
}

/// Makes so many bytes accessible, as a heap of a snapshot had; 0 without one.
pub(crate) fn grow_to(core: &mut StoreCore, wanted: u64) -> Result<(), StoreError> {
    let full = StoreError::Limit { what: "heap" };
    let Some((base, len)) = accessible(core) else {
        return if wanted == 0 { Ok(()) } else { Err(full) };
    };
    let usable = u32::try_from(wanted).ok().and_then(|wanted| wanted.checked_add(NULL_PAGE));
    let more = usize::try_from(wanted).ok().and_then(|wanted| wanted.checked_sub(len));
    let (Some(usable), Some(more)) = (usable, more) else { return Err(full) };
    core.slot.commit(base + len, more)?;
    set_usable(core, base - NULL_PAGE as usize, usable);
    Ok(())
}
