//! Bulk operations on arrays (WebAssembly specification, section 4.6.2, `array.fill` to `array.init_elem`).
//!
//! Bounds are checked before anything is written; nothing here makes a collection between a check and a write.

use faasm_abi::gc;
use faasm_abi::trap::TrapCode;
use faasm_abi::types::StorageType;

use super::{ObjectLayout, OnFull, allocate, array_length, layout_of, object};
use crate::builtins::{fits, in_pieces};
use crate::segments;
use crate::store::core::StoreCore;

/// Where elements come from: a data segment by bytes, an element segment by elements; its index, and the first.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    Data(usize, u64),
    Elements(usize, u64),
}

/// The place of element `index` of an array of elements of so many bytes, if `length` of them are there.
fn place(
    core: &StoreCore,
    (array, index): (u32, u64),
    bytes: u64,
    length: u64,
) -> Result<usize, TrapCode> {
    let object = object(core, array).ok_or(TrapCode::NullArray)?;
    if !fits(index, length, array_length(core, object).into()) {
        return Err(TrapCode::ArrayOutOfBounds);
    }
    let element = u32::try_from(bytes).unwrap_or(u32::MAX);
    // Both are less than the heap.
    let distance = usize::try_from(index * bytes).unwrap_or(usize::MAX);
    Ok(object + gc::array_elements(element) as usize + distance)
}

/// `array.fill`: the value's bits and the bytes of an element.
#[expect(clippy::cast_possible_truncation, reason = "the low bits are stored")]
pub(crate) fn fill(
    core: &mut StoreCore,
    target: (u32, u64),
    (bits, bytes): (u128, u64),
    length: u64,
) -> Result<(), TrapCode> {
    let first = place(core, target, bytes, length)?;
    in_pieces(length, false, |at, count| {
        for at in at..at + count {
            let to = first + (at * bytes) as usize;
            match bytes {
                1 => core.put(to, bits as u8),
                2 => core.put(to, bits as u16),
                4 => core.put(to, bits as u32),
                8 => core.put(to, bits as u64),
                _ => core.put(to, bits),
            }
        }
    })
}

/// `array.copy`: the length in elements, and the bytes of one.
pub(crate) fn copy(
    core: &mut StoreCore,
    target: (u32, u64),
    source: (u32, u64),
    (length, bytes): (u64, u64),
) -> Result<(), TrapCode> {
    let to = place(core, target, bytes, length)?;
    let from = place(core, source, bytes, length)?;
    let size = |count: u64| usize::try_from(count * bytes).unwrap_or(usize::MAX);
    in_pieces(length, to > from, |at, count| core.copy(from + size(at), to + size(at), size(count)))
}

/// `array.new_data` and `array.new_elem`; `ty` is the module's index.
pub(crate) fn new(
    core: &mut StoreCore,
    instance: u32,
    ty: u64,
    source: Source,
    length: u64,
) -> Result<u32, TrapCode> {
    let (number, storage) = array_type(core, instance, ty);
    check_source(core, instance, source, length, storage)?;
    let count = u32::try_from(length).map_err(|_| TrapCode::GcHeapExhausted)?;
    let size = gc::array_bytes(storage.bytes(), count);
    let array = allocate(core, number | gc::ARRAY, size, OnFull::Collect)?;
    if let Some(object) = object(core, array) {
        core.put(object + gc::ARRAY_LENGTH as usize, count);
    }
    put(core, instance, (array, 0), source, (length, storage))?;
    Ok(array)
}

/// `array.init_data` and `array.init_elem`; `ty` is the module's index.
pub(crate) fn init(
    core: &mut StoreCore,
    (instance, ty): (u32, u64),
    target: (u32, u64),
    source: Source,
    length: u64,
) -> Result<(), TrapCode> {
    let (_, storage) = array_type(core, instance, ty);
    place(core, target, storage.bytes().into(), length)?;
    check_source(core, instance, source, length, storage)?;
    put(core, instance, target, source, (length, storage))
}

/// The store's number of an array type of the module, and what its elements are.
fn array_type(core: &StoreCore, instance: u32, ty: u64) -> (u32, StorageType) {
    let record = &core.contents.instances[instance as usize];
    let number = record.types[usize::try_from(ty).unwrap_or(usize::MAX)];
    match layout_of(&core.contents, number) {
        ObjectLayout::Elements { storage, .. } => (number, *storage),
        ObjectLayout::Fields { .. } => unreachable!("validated: the type is an array's"),
    }
}

fn check_source(
    core: &StoreCore,
    instance: u32,
    source: Source,
    length: u64,
    storage: StorageType,
) -> Result<(), TrapCode> {
    match source {
        Source::Data(segment, from) => {
            let bytes = length * u64::from(storage.bytes());
            let there = fits(from, bytes, segments::data_length(core, instance, segment));
            if there { Ok(()) } else { Err(TrapCode::MemoryOutOfBounds) }
        }
        Source::Elements(segment, from) => {
            let there = fits(from, length, segments::element_length(core, instance, segment));
            if there { Ok(()) } else { Err(TrapCode::TableOutOfBounds) }
        }
    }
}

/// Writes elements that were checked to be there.
fn put(
    core: &mut StoreCore,
    instance: u32,
    target: (u32, u64),
    source: Source,
    (length, storage): (u64, StorageType),
) -> Result<(), TrapCode> {
    let first = place(core, target, storage.bytes().into(), length)?;
    match source {
        Source::Data(segment, from) => {
            let bytes = length * u64::from(storage.bytes());
            segments::copy_data(core, instance, segment, first, from..from + bytes);
            Ok(())
        }
        Source::Elements(segment, from) => {
            for at in 0..length {
                let element = segments::element(core, instance, segment, from + at)?;
                core.put(first + usize::try_from(at * 4).unwrap_or(usize::MAX), element);
            }
            Ok(())
        }
    }
}
