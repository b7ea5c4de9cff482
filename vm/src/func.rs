//! Functions, as handles, and calls into guests.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use faasm_abi::types::{FuncType, ValType};
use faasm_sfi::activation::{self, Activation, Entry, Exit, Prepared as Thread, Suspension};

use crate::backtrace;
use crate::heap;
use crate::run::{self, Run};
use crate::store::core::StoreCore;
use crate::store::{AsStore, Store};
use crate::trap::Trap;
use crate::value::{self, Val, Values};

/// A function of a store; a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Func {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

/// A function whose type was checked once, for fast calls.
#[derive(Debug)]
pub struct TypedFunc<P, R> {
    func: Func,
    target: Target,
    types: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedFunc<P, R> {}

/// The function has another type, or cannot be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypedFuncError {
    /// It has this type.
    #[error("the function has type {0:?}")]
    Type(FuncType),
    /// It cannot be called from the host.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Why a call was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The handle is of another store.
    #[error("the function belongs to another store")]
    OtherStore,
    /// The number or types of the arguments.
    #[error("the arguments do not fit the function's type")]
    Arguments,
    /// A call was interrupted in this store.
    #[error("the store was interrupted: it can only be recycled")]
    Poisoned,
    /// The module has no entry for this type.
    #[error("the module offers no entry from the host for this function's type")]
    NoEntry,
    /// The thread has no signal stack.
    #[error("the thread cannot run guests")]
    Thread,
}

impl From<CallError> for Trap {
    fn from(error: CallError) -> Self {
        Self::host(error)
    }
}

/// Where a call goes; the same in all stores with the same contents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// Address of the entry.
    pub(crate) entry: usize,
    /// Address of the function.
    pub(crate) code: usize,
    /// Offset of its context in the slot.
    pub(crate) context: usize,
}

impl Func {
    /// Its type.
    ///
    /// # Panics
    ///
    /// When it is a handle of another store.
    #[must_use]
    pub fn ty<'a>(&self, store: &'a impl AsStore) -> &'a FuncType {
        let core = store.core_ptr().core();
        assert!(self.store == core.id, "a function of another store");
        let contents = &core.contents;
        contents.types.func(contents.funcs[self.index as usize].ty)
    }

    /// Calls it.
    ///
    /// # Errors
    ///
    /// The [`Trap`] that ended the call; its kind is [`crate::TrapKind::Host`] with a [`CallError`] when the call was
    /// not made.
    pub fn call(&self, store: &mut impl AsStore, args: &[Val]) -> Result<Vec<Val>, Trap> {
        let core = store.core_ptr();
        let mut prepared = self.prepare(core.core(), args)?;
        // SAFETY: the target is this store's, checked by `prepare`, which also made the cells that the entry of this
        // type needs; the store is borrowed mutably, or is the innermost one's caller.
        unsafe { enter(core.as_ptr(), &prepared.target, prepared.cells.as_mut_ptr().cast()) }?;
        Ok(prepared.results(core.core()))
    }

    /// Checks its type once.
    ///
    /// # Errors
    ///
    /// [`TypedFuncError`] when the type is another.
    pub fn typed<P: Values, R: Values>(
        &self,
        store: &impl AsStore,
    ) -> Result<TypedFunc<P, R>, TypedFuncError> {
        let core = store.core_ptr().core();
        let target = self.target(core)?;
        let ty = self.ty(store);
        if *ty.params == *P::TYPES && *ty.results == *R::TYPES {
            Ok(TypedFunc { func: *self, target, types: PhantomData })
        } else {
            Err(TypedFuncError::Type(ty.clone()))
        }
    }

    /// Calls it in such a way that host functions can wait without holding the thread.
    pub fn start<T: 'static>(self, store: Store<T>, args: &[Val]) -> Run<T> {
        match self.prepare(store.core(), args) {
            Ok(prepared) => run::start(store, prepared),
            Err(error) => Run::Done(store, Err(error.into())),
        }
    }

    /// Where a call of it goes.
    pub(crate) fn target(&self, core: &StoreCore) -> Result<Target, CallError> {
        if self.store != core.id {
            return Err(CallError::OtherStore);
        }
        let record = core.contents.func(self.index).ok_or(CallError::OtherStore)?;
        let entry = record.entry.ok_or(CallError::NoEntry)?;
        Ok(Target { entry, code: record.code, context: record.context })
    }

    fn prepare(&self, core: &StoreCore, args: &[Val]) -> Result<Prepared, CallError> {
        let target = self.target(core)?;
        let contents = &core.contents;
        let ty = contents.types.func(contents.funcs[self.index as usize].ty);
        if ty.params.len() != args.len() {
            return Err(CallError::Arguments);
        }
        let mut cells = vec![0; args.len().max(ty.results.len())];
        for (cell, (&ty, &arg)) in cells.iter_mut().zip(ty.params.iter().zip(args)) {
            *cell = value::to_bits(core, ty, arg).ok_or(CallError::Arguments)?;
        }
        Ok(Prepared { target, cells, results: ty.results.clone() })
    }
}

/// A call with its arguments checked and its cells filled.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) target: Target,
    pub(crate) cells: Vec<u128>,
    results: Box<[ValType]>,
}

impl Prepared {
    /// The results, after the entry has returned.
    pub(crate) fn results(&self, core: &StoreCore) -> Vec<Val> {
        self.results.iter().zip(&self.cells).map(|(&ty, &bits)| core.val(ty, bits)).collect()
    }
}

/// Parameters before the call, results after it, in one place.
#[repr(C)]
union Cells<P: Values, R: Values> {
    params: P::Cells,
    results: R::Cells,
}

impl<P: Values, R: Values> TypedFunc<P, R> {
    /// The function.
    #[must_use]
    pub fn func(&self) -> Func {
        self.func
    }

    /// Calls it.
    ///
    /// # Errors
    ///
    /// The [`Trap`] that ended the call, as for [`Func::call`].
    #[inline]
    pub fn call(&self, store: &mut impl AsStore, params: P) -> Result<R, Trap> {
        let core = store.core_ptr();
        if core.core().id != self.func.store {
            return Err(CallError::OtherStore.into());
        }
        let mut cells = Cells::<P, R> { params: params.into_cells() };
        // SAFETY: the target is of the store with this id, whose contents never change what a reference means; the
        // cells are as many as parameters and results of the type that `typed` has compared; the store is borrowed
        // mutably, or is the innermost one's caller.
        unsafe { enter(core.as_ptr(), &self.target, (&raw mut cells).cast()) }?;
        // SAFETY: the entry returned, so it has written all results' low bytes, and any bits are a `u64`.
        Ok(R::from_cells(unsafe { &cells.results }))
    }
}

/// Runs the target to its end.
///
/// # Safety
///
/// `core` is valid, the target is its, no other use of the core is going on but by frames that wait for this call, and
/// `cells` has as many cells as the larger of the function's parameters and results.
#[inline(always)]
pub(crate) unsafe fn enter(
    core: *mut StoreCore,
    target: &Target,
    cells: *mut u8,
) -> Result<(), Trap> {
    // SAFETY: as this function's.
    let entry = unsafe { entry(core, target, cells) };
    let thread = activation::prepare().map_err(|_| CallError::Thread)?;
    // SAFETY: valid by the caller's promise; only shared borrows are made.
    unsafe {
        (*core).known.touch();
        if (*core).poisoned {
            return Err(CallError::Poisoned.into());
        }
    }
    // SAFETY: the core's own record stays where it is as long as the core does, and was made of the core's walls and
    // interrupt, which calls do not change; if this thread is inside no guest nobody else uses the record, as the core is
    // nobody else's; entry, code, context and stack are as `entry` found them in the store's own contents; host code on
    // the guest stack catches its panics (`host`).
    let exit = match unsafe { activation::enter_first(thread, &raw mut (*core).activation, entry) }
    {
        Some(exit) => {
            // SAFETY: as this function's, and the frames that used the core are gone.
            unsafe { (*core).host_context.set(0) };
            if exit == Exit::Returned {
                return Ok(());
            }
            exit
        }
        // SAFETY: as this function's.
        None => unsafe { enter_inside(thread, core, entry) }?,
    };
    match exit {
        Exit::Returned => Ok(()),
        // SAFETY: valid by the caller's promise, and the call has ended.
        exit => Err(unsafe { ended(core, exit) }),
    }
}

/// A call inside another one, from a host function that a guest has called; perhaps on the same stack: then a gap is
/// left between the caller and the guest (see [`backtrace::GAP`]).
///
/// # Safety
///
/// As for [`enter`].
#[cold]
#[inline(never)]
unsafe fn enter_inside(
    thread: Thread,
    core: *mut StoreCore,
    entry: Entry,
) -> Result<Exit, CallError> {
    // SAFETY: valid by the caller's promise.
    let mut activation = unsafe { activate(core, Suspension::Refused) }?;
    // SAFETY: as above.
    let outer = unsafe { heap::leave_frames(&mut *core) };
    // SAFETY: as in `enter`; the activation stays on this frame until the exit.
    let exit = unsafe { enter_with_gap(thread, &raw mut activation, &entry) };
    // SAFETY: as above; the inner frames that used the core are gone.
    unsafe { heap::return_to_frames(&mut *core, outer) };
    Ok(exit)
}

/// [`activation::enter`], leaving [`backtrace::GAP`] between the caller and the guest.
///
/// # Safety
///
/// As there.
#[inline(never)]
unsafe fn enter_with_gap(thread: Thread, activation: *mut Activation, entry: &Entry) -> Exit {
    let gap = MaybeUninit::<[u8; backtrace::GAP]>::uninit();
    std::hint::black_box(&gap);
    // SAFETY: by the caller's promise.
    let exit = unsafe { activation::enter(thread, activation, entry) };
    std::hint::black_box(&gap);
    exit
}

/// The record of a stay in the store.
///
/// # Safety
///
/// `core` is valid, and stays so as long as the activation is used.
#[inline]
pub(crate) unsafe fn activate(
    core: *mut StoreCore,
    suspension: Suspension,
) -> Result<Activation, CallError> {
    // SAFETY: valid by the caller's promise; only shared borrows are made.
    let (walls, interrupt, known) = unsafe { (&(*core).walls, &(*core).interrupt, &(*core).known) };
    known.touch();
    // SAFETY: valid by the caller's promise.
    if unsafe { (*core).poisoned } {
        return Err(CallError::Poisoned);
    }
    Ok(Activation::new(walls, core.cast(), interrupt, suspension))
}

/// What to run for `target`.
///
/// # Safety
///
/// `core` is valid and the target is its.
#[inline]
pub(crate) unsafe fn entry(core: *mut StoreCore, target: &Target, cells: *mut u8) -> Entry {
    // SAFETY: valid by the caller's promise.
    let (slot, stack_top) = unsafe { ((*core).slot.address(), (*core).walls.stack.end) };
    // SAFETY: the address is of an entry in the object's code, which has this signature (`faasm_abi::host`).
    let entry = unsafe {
        std::mem::transmute::<usize, extern "C" fn(*mut u8, *const u8, *mut u8)>(target.entry)
    };
    Entry {
        entry,
        context: (slot + target.context) as *mut u8,
        code: target.code as *const u8,
        values: cells,
        stack_top,
    }
}

/// The trap of a call that did not return.
///
/// # Safety
///
/// `core` is valid and the call has ended.
#[cold]
pub(crate) unsafe fn ended(core: *mut StoreCore, exit: Exit) -> Trap {
    match exit {
        // SAFETY: valid by the caller's promise; the frames that used it are gone.
        Exit::Faulted(fault) => unsafe { (*core).trap_of(&fault) },
        Exit::Returned | Exit::Suspended => unreachable!("neither a trap nor allowed here"),
    }
}
