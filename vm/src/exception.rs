//! Exceptions: from who throws to the frame that catches (compiled code's part is in `faasm_abi::handler`).
//!
//! # Protocol
//!
//! 1. `throw` in compiled code, and a host function whose error is an exception, leave the exception's reference in
//!    [`StoreCore::thrown`] and their stub raises.
//! 2. The raise asks [`catch`], which walks the frames of the innermost activation outwards and looks each return
//!    address up in its module's table of handlers. The first one that is listed is where the guest goes on: code there
//!    decides whether a clause matches, and throws again from there if none does.
//! 3. If none is listed the exception becomes a [`Trap`], which ends the activation. A host function that returns that
//!    trap as its error throws the exception in the frames outside of it, by 1.
//!
//! # Invariants
//!
//! * No frame of the host is abandoned: the walk ends at the first return address that is not in the guest's code, which
//!   is the entry's at the latest.
//! * Nothing is allocated in the heap between a throw and its landing, so the reference stays good.
//! * Traps and interrupts are not exceptions: nobody is asked.

use std::ptr;

use faasm_abi::gc::EXCEPTION;
use faasm_abi::trap::TrapCode;
use faasm_abi::types::StorageType;
use faasm_sfi::activation::{self, Landing};

use crate::backtrace::saved_pair;
use crate::externs::Tag;
use crate::gc_ref::{GcError, GcRef, values_with_room};
use crate::heap::{self, ObjectLayout, OnFull};
use crate::module::Module;
use crate::store::AsStore;
use crate::store::core::StoreCore;
use crate::trap::Trap;
use crate::value::Val;

impl GcRef {
    /// An exception with this tag and payload, not thrown yet; see [`Trap::throw`].
    ///
    /// # Errors
    ///
    /// [`GcError::Stale`] (of another store), [`GcError::WrongType`] (also for a wrong number of values),
    /// [`GcError::Exhausted`].
    pub fn new_exception(
        store: &mut impl AsStore,
        tag: Tag,
        payload: &[Val],
    ) -> Result<Self, GcError> {
        let core = store.core_ptr().core_mut();
        if tag.store != core.id {
            return Err(GcError::Stale);
        }
        let word = EXCEPTION | tag.index;
        let (fields, size) = fields(core, word);
        let storages: Vec<_> = fields.iter().map(|field| field.1).collect();
        let values = values_with_room(core, size.into(), &storages, payload)?;
        let made = heap::allocate(core, word, size.into(), OnFull::Grow)?;
        let object = heap::object(core, made).ok_or(GcError::Exhausted)?;
        for (&(offset, storage), bits) in fields.iter().zip(values) {
            heap::store(core, object + offset as usize, storage, bits);
        }
        Ok(Self::root(core, made))
    }

    /// The tag of an exception.
    ///
    /// # Errors
    ///
    /// [`GcError::Stale`], [`GcError::Kind`].
    pub fn tag(&self, store: &impl AsStore) -> Result<Tag, GcError> {
        let core = store.core_ptr().core();
        let word = heap::type_word(core, self.object(core)?);
        let index = word ^ EXCEPTION;
        if index & EXCEPTION == 0 { Ok(Tag { store: core.id, index }) } else { Err(GcError::Kind) }
    }

    /// What an exception carries.
    ///
    /// # Errors
    ///
    /// [`GcError::Stale`], [`GcError::Kind`].
    pub fn payload(&self, store: &mut impl AsStore) -> Result<Vec<Val>, GcError> {
        self.tag(store)?;
        (0..self.len(store)?).map(|index| self.get(store, index)).collect()
    }
}

/// Where the fields of an exception with this type word lie and how they are stored, and its bytes.
fn fields(core: &StoreCore, word: u32) -> (Vec<(u32, StorageType)>, u32) {
    match heap::layout_of(&core.contents, word) {
        ObjectLayout::Fields { fields, size, .. } => (fields.to_vec(), *size),
        ObjectLayout::Elements { .. } => unreachable!("the type of a tag is a function's"),
    }
}

/// The reference of the exception that a trap is, if it can be caught in this store.
pub(crate) fn thrown_by(core: &StoreCore, trap: &Trap) -> Option<u32> {
    let exception = trap.exception()?;
    let bits = exception.bits(core)?;
    if trap.owns_exception() {
        exception.give_back(core);
    }
    Some(bits)
}

/// Where the guest goes on when something was recorded: protocol, 2. `frame` is the frame pointer of the stub that
/// raises.
pub(crate) extern "C" fn catch(_context: *mut u8, frame: usize) -> *const Landing {
    // SAFETY: `raise` calls this for compiled code, after the builtin or host function has returned.
    let core = unsafe { StoreCore::current() };
    let Some(exception) = core.thrown.take() else { return ptr::null() };
    let trap = core.trap.take();
    if activation::is_interrupted() {
        core.trap = Some(Trap::code(TrapCode::Interrupted));
        return ptr::null();
    }
    if let Some(landing) = landing_from(core, frame) {
        core.landing = Landing { value: exception.into(), ..landing };
        return &raw const core.landing;
    }
    core.trap = Some(Trap::uncaught(GcRef::root(core, exception), trap));
    ptr::null()
}

/// The landing of the innermost frame, from that of a stub outwards, whose call has one.
fn landing_from(core: &StoreCore, stub: usize) -> Option<Landing> {
    let mut frame = stub;
    // Callers are mostly of the callee's module.
    let mut module: Option<&Module> = None;
    while let Some((caller, ret)) = saved_pair(frame, &core.walls.stack) {
        let same = module.filter(|module| module.inner.span.contains(ret));
        let found = same.or_else(|| core.contents.module_at(ret))?;
        if let Some((pc, bytes)) = found.inner.landing_of(ret) {
            let sp = caller - bytes;
            debug_assert!(frame < sp && sp <= caller && core.walls.stack.contains(&caller));
            return Some(Landing { pc, fp: caller, sp, value: 0 });
        }
        module = Some(found);
        frame = caller;
    }
    None
}
