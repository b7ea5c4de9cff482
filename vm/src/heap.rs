//! The garbage-collected heap of a store: its room (see [`faasm_abi::gc`] for what is in it).
//!
//! # Invariants
//!
//! * The heap's first page is never accessible, so that a field of null faults.
//! * What is accessible behind it is counted in the control block, in the slot: a reset knows it as a capture does.

use faasm_abi::gc::{LIMIT, NEXT, NULL_PAGE, OBJECTS};

use crate::store::StoreError;
use crate::store::core::StoreCore;

/// Bytes from the heap's first that are usable at first, the null page included.
const FIRST: u32 = 64 << 10;

/// Offset in the heap of a `u32`: the bytes that are usable, the null page included.
const USABLE: u32 = NULL_PAGE + 8;

const _: () = assert!(USABLE + 4 <= OBJECTS);

/// Makes the heap usable if it was planned and is not yet.
pub(crate) fn open(core: &mut StoreCore) -> Result<(), StoreError> {
    let Some(heap) = core.contents.plan.gc_heap else { return Ok(()) };
    if core.contents.gc_open {
        return Ok(());
    }
    core.slot.commit(heap + NULL_PAGE as usize, (FIRST - NULL_PAGE) as usize)?;
    core.contents_mut()?.gc_open = true;
    core.put(heap + NEXT as usize, OBJECTS);
    core.put(heap + LIMIT as usize, FIRST);
    core.put(heap + USABLE as usize, FIRST);
    Ok(())
}

/// The accessible part: its first byte in the slot and its length.
pub(crate) fn accessible(core: &StoreCore) -> Option<(usize, usize)> {
    let heap = core.contents.plan.gc_heap.filter(|_| core.contents.gc_open)?;
    let usable: u32 = core.get(heap + USABLE as usize);
    Some((heap + NULL_PAGE as usize, (usable - NULL_PAGE) as usize))
}
