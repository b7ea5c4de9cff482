//! The functions that compiled code calls for what is too large to be inline (see [`faasm_abi::builtin`]).
//!
//! # Invariants
//!
//! * Bounds are checked before anything is written.
//! * Long copies and fills go in pieces, between which the interrupt is read.

use std::time::{Duration, Instant};

use faasm_abi::builtin::Builtin;
use faasm_abi::host::HostReturn;
use faasm_abi::layout::header;
use faasm_abi::trap::TrapCode;
use faasm_sfi::parking::Parked;
use faasm_sfi::racing;

use crate::exception;
use crate::heap::{self, OnFull, arrays};
use crate::host::record;
use crate::segments;
use crate::shared_memory::Expected;
use crate::store::contents::{InstanceRecord, MemoryRecord, TableRecord};
use crate::store::core::StoreCore;
use crate::trap::Trap;

/// Addresses of the builtins, by their indices.
#[repr(transparent)]
struct Table([*const (); Builtin::ALL.len()]);

// SAFETY: the pointers are of functions and never change.
unsafe impl Sync for Table {}

static TABLE: Table = Table([
    faasm_sfi::activation::raise as *const (),
    memory_grow as *const (),
    memory_copy as *const (),
    memory_fill as *const (),
    memory_init as *const (),
    data_drop as *const (),
    table_grow as *const (),
    table_fill as *const (),
    table_copy as *const (),
    table_init as *const (),
    elem_drop as *const (),
    is_subtype as *const (),
    gc_allocate as *const (),
    array_fill as *const (),
    array_copy as *const (),
    array_new_data as *const (),
    array_new_elem as *const (),
    array_init_data as *const (),
    array_init_elem as *const (),
    atomic_wait32 as *const (),
    atomic_wait64 as *const (),
    atomic_notify as *const (),
    throw as *const (),
    exception::catch as *const (),
]);

/// Address of the table of builtins, for contexts.
pub(crate) fn table_address() -> usize {
    (&raw const TABLE) as usize
}

/// Bytes or elements between two looks at the interrupt.
const PIECE: u64 = 1 << 20;

/// The core and the instance that called.
struct Guest {
    core: &'static mut StoreCore,
    instance: u32,
}

impl Guest {
    /// # Safety
    ///
    /// Called by compiled code, through a stub, with its own context; the answer is gone before the builtin returns.
    unsafe fn new(context: *mut u8) -> Self {
        // SAFETY: by the caller's promise nothing else uses the core: the builtin is its only host frame.
        let core = unsafe { StoreCore::current() };
        core.host_context.set(context.addr());
        // SAFETY: the context is an instance's, whose header is accessible.
        let instance =
            unsafe { context.offset(header::INSTANCE as isize).cast::<u32>().read_unaligned() };
        Self { core, instance }
    }

    fn record(&self) -> &InstanceRecord {
        &self.core.contents.instances[self.instance as usize]
    }

    fn memory(&self, index: u64) -> MemoryRecord {
        let at = self.record().memories[small(index)];
        self.core.contents.memories[at as usize].clone()
    }

    fn table(&self, index: u64) -> TableRecord {
        let at = self.record().tables[small(index)];
        self.core.contents.tables[at as usize].clone()
    }
}

/// An index that the compiler put into code.
fn small(index: u64) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

fn answer(value: u64) -> HostReturn {
    HostReturn { status: 0, value }
}

fn outcome(result: Result<(), TrapCode>) -> HostReturn {
    match result {
        Ok(()) => answer(0),
        Err(code) => record(Trap::code(code)),
    }
}

fn made(object: Result<u32, TrapCode>) -> HostReturn {
    match object {
        Ok(object) => answer(object.into()),
        Err(code) => record(Trap::code(code)),
    }
}

/// Runs `body` over pieces of `0..len`, from the end if `backwards`.
pub(crate) fn in_pieces(
    len: u64,
    backwards: bool,
    mut body: impl FnMut(u64, u64),
) -> Result<(), TrapCode> {
    let mut done = 0;
    while done < len {
        let piece = PIECE.min(len - done);
        body(if backwards { len - done - piece } else { done }, piece);
        done += piece;
        if done < len && faasm_sfi::activation::is_interrupted() {
            return Err(TrapCode::Interrupted);
        }
    }
    Ok(())
}

/// Whether `len` units at `at` lie in something of `size` units.
pub(crate) fn fits(at: u64, len: u64, size: u64) -> bool {
    at.checked_add(len).is_some_and(|end| end <= size)
}

macro_rules! builtin {
    ($(fn $name:ident($guest:ident $(, $arg:ident)*) -> HostReturn $body:block)*) => {
        $(
            extern "C" fn $name(context: *mut u8 $(, $arg: u64)*) -> HostReturn {
                // SAFETY: only compiled code has the address of this function (`TABLE`), and its stubs pass their
                // context.
                #[allow(unused_mut, clippy::allow_attributes, reason = "some builtins only read")]
                let mut $guest = unsafe { Guest::new(context) };
                $body
            }
        )*
    };
}

builtin! {
    fn memory_grow(guest, memory, delta) -> HostReturn {
        let index = guest.record().memories[small(memory)];
        answer(guest.core.grow_memory(index, delta).unwrap_or(u64::MAX))
    }

    fn memory_copy(guest, memory_to, memory_from, to, from, bytes) -> HostReturn {
        let (target, source) = (guest.memory(memory_to), guest.memory(memory_from));
        outcome(copy_memory(guest.core, (&target, to), (&source, from), bytes))
    }

    fn memory_fill(guest, memory, to, byte, bytes) -> HostReturn {
        let target = guest.memory(memory);
        outcome(fill_memory(guest.core, (&target, to), byte, bytes))
    }

    fn memory_init(guest, memory, segment, to, from, bytes) -> HostReturn {
        let target = guest.memory(memory);
        outcome(segments::init_memory(guest.core, guest.instance, &target, segment, [to, from, bytes]))
    }

    fn data_drop(guest, segment) -> HostReturn {
        segments::drop_data(guest.core, guest.instance, small(segment));
        answer(0)
    }

    fn table_grow(guest, table, element, delta) -> HostReturn {
        let index = guest.record().tables[small(table)];
        answer(guest.core.grow_table(index, reference(element), delta).unwrap_or(u64::MAX))
    }

    fn table_fill(guest, table, to, element, length) -> HostReturn {
        let target = guest.table(table);
        outcome(fill_table(guest.core, (&target, to), reference(element), length))
    }

    fn table_copy(guest, table_to, table_from, to, from, length) -> HostReturn {
        let (target, source) = (guest.table(table_to), guest.table(table_from));
        outcome(copy_table(guest.core, (&target, to), (&source, from), length))
    }

    fn table_init(guest, table, segment, to, from, length) -> HostReturn {
        let target = guest.table(table);
        outcome(segments::init_table(guest.core, guest.instance, &target, segment, [to, from, length]))
    }

    fn elem_drop(guest, segment) -> HostReturn {
        segments::drop_elements(guest.core, guest.instance, small(segment));
        answer(0)
    }

    fn throw(guest, exception) -> HostReturn {
        guest.core.thrown = Some(reference(exception));
        HostReturn { status: 1, value: 0 }
    }

    fn is_subtype(guest, actual, expected) -> HostReturn {
        let is = guest.core.contents.types.is_subtype(reference(actual), reference(expected));
        answer(is.into())
    }

    fn gc_allocate(guest, ty, bytes) -> HostReturn {
        made(heap::allocate(guest.core, reference(ty), bytes, OnFull::Collect))
    }

    fn array_fill(guest, array, from, low, high, length, bytes) -> HostReturn {
        let bits = u128::from(low) | u128::from(high) << 64;
        outcome(arrays::fill(guest.core, (reference(array), from), (bits, bytes), length))
    }

    fn array_copy(guest, array_to, to, array_from, from, length, bytes) -> HostReturn {
        let (target, source) = ((reference(array_to), to), (reference(array_from), from));
        outcome(arrays::copy(guest.core, target, source, (length, bytes)))
    }

    fn array_new_data(guest, ty, segment, from, length) -> HostReturn {
        let source = arrays::Source::Data(small(segment), from);
        made(arrays::new(guest.core, guest.instance, ty, source, length))
    }

    fn array_new_elem(guest, ty, segment, from, length) -> HostReturn {
        let source = arrays::Source::Elements(small(segment), from);
        made(arrays::new(guest.core, guest.instance, ty, source, length))
    }

    fn array_init_data(guest, ty, segment, array, to, from, length) -> HostReturn {
        let (target, source) = ((reference(array), to), arrays::Source::Data(small(segment), from));
        outcome(arrays::init(guest.core, (guest.instance, ty), target, source, length))
    }

    fn array_init_elem(guest, ty, segment, array, to, from, length) -> HostReturn {
        let source = arrays::Source::Elements(small(segment), from);
        outcome(arrays::init(guest.core, (guest.instance, ty), (reference(array), to), source, length))
    }

    fn atomic_wait32(guest, memory, address, expected, timeout) -> HostReturn {
        wait(guest, (memory, address), Expected::Word(word(expected)), timeout.cast_signed())
    }

    fn atomic_wait64(guest, memory, address, expected, timeout) -> HostReturn {
        wait(guest, (memory, address), Expected::Long(expected), timeout.cast_signed())
    }

    fn atomic_notify(guest, memory, address, count) -> HostReturn {
        let index = guest.record().memories[small(memory)];
        match check_atomic(guest.core, &guest.memory(memory), address, 4) {
            Ok(()) => {
                let shared = guest.core.shared_memory(index);
                answer(shared.map_or(0, |memory| memory.notify(address, word(count)).into()))
            }
            Err(code) => record(Trap::code(code)),
        }
    }
}

/// A reference in the low bits of a word.
fn reference(bits: u64) -> u32 {
    word(bits)
}

/// 32 bits that were extended.
#[expect(clippy::cast_possible_truncation, reason = "words are zero-extended")]
fn word(bits: u64) -> u32 {
    bits as u32
}

/// Checks an atomic access: first that it is aligned, then that it is in bounds.
fn check_atomic(
    core: &StoreCore,
    target: &MemoryRecord,
    address: u64,
    bytes: u64,
) -> Result<(), TrapCode> {
    if !address.is_multiple_of(bytes) {
        return Err(TrapCode::UnalignedAtomic);
    }
    if fits(address, bytes, core.memory_len(target)) {
        Ok(())
    } else {
        Err(TrapCode::MemoryOutOfBounds)
    }
}

/// `memory.atomic.wait`; a negative `timeout`, in nanoseconds, has no end.
fn wait(
    guest: Guest,
    (memory, address): (u64, u64),
    expected: Expected,
    timeout: i64,
) -> HostReturn {
    let index = guest.record().memories[small(memory)];
    let target = guest.memory(memory);
    if let Err(code) = check_atomic(guest.core, &target, address, expected.bytes()) {
        return record(Trap::code(code));
    }
    // From here on the core is let go: while this call waits, its store may be looked at.
    let Some(shared) = guest.core.shared_memory(index).cloned() else {
        return record(Trap::code(TrapCode::ExpectedSharedMemory));
    };
    let time = u64::try_from(timeout).map(Duration::from_nanos);
    let deadline = time.ok().and_then(|time| Instant::now().checked_add(time));
    match shared.wait(address, expected, deadline) {
        Parked::Woken => answer(0),
        Parked::Unexpected => answer(1),
        Parked::TimedOut => answer(2),
        Parked::Cancelled => record(Trap::code(TrapCode::Interrupted)),
    }
}

fn copy_memory(
    core: &StoreCore,
    (target, to): (&MemoryRecord, u64),
    (source, from): (&MemoryRecord, u64),
    bytes: u64,
) -> Result<(), TrapCode> {
    if !fits(to, bytes, core.memory_len(target)) || !fits(from, bytes, core.memory_len(source)) {
        return Err(TrapCode::MemoryOutOfBounds);
    }
    let backwards = target.base == source.base && to > from;
    in_pieces(bytes, backwards, |at, len| {
        let to = core.address(target.base + small(to + at));
        let from = core.address(source.base + small(from + at));
        // SAFETY: both ranges were checked against the memories' lengths, below which they are accessible. Other
        // threads can write them only if a memory is shared.
        unsafe {
            if target.ty.shared || source.ty.shared {
                racing::copy(from, to, small(len));
            } else {
                std::ptr::copy(from, to, small(len));
            }
        }
    })
}

#[expect(clippy::cast_possible_truncation, reason = "memory.fill writes the low byte")]
fn fill_memory(
    core: &StoreCore,
    (target, to): (&MemoryRecord, u64),
    byte: u64,
    bytes: u64,
) -> Result<(), TrapCode> {
    if !fits(to, bytes, core.memory_len(target)) {
        return Err(TrapCode::MemoryOutOfBounds);
    }
    in_pieces(bytes, false, |at, len| {
        let to = core.address(target.base + small(to + at));
        // SAFETY: the range was checked against the memory's length, below which it is accessible. Other threads can
        // write it only if the memory is shared.
        unsafe {
            if target.ty.shared {
                racing::fill(to, small(len), byte as u8);
            } else {
                to.write_bytes(byte as u8, small(len));
            }
        }
    })
}

fn fill_table(
    core: &mut StoreCore,
    (target, to): (&TableRecord, u64),
    element: u32,
    length: u64,
) -> Result<(), TrapCode> {
    if !fits(to, length, core.table_len(target)) {
        return Err(TrapCode::TableOutOfBounds);
    }
    in_pieces(length, false, |at, len| {
        (at..at + len).for_each(|at| core.put_element(target, to + at, element));
    })
}

fn copy_table(
    core: &mut StoreCore,
    (target, to): (&TableRecord, u64),
    (source, from): (&TableRecord, u64),
    length: u64,
) -> Result<(), TrapCode> {
    if !fits(to, length, core.table_len(target)) || !fits(from, length, core.table_len(source)) {
        return Err(TrapCode::TableOutOfBounds);
    }
    let backwards = target.base == source.base && to > from;
    let copy = |core: &mut StoreCore, at| {
        let element = core.element(source, from + at);
        core.put_element(target, to + at, element);
    };
    in_pieces(length, backwards, |at, len| {
        if backwards {
            (at..at + len).rev().for_each(|at| copy(core, at));
        } else {
            (at..at + len).for_each(|at| copy(core, at));
        }
    })
}
