//! A stay of a thread inside guest code: entry, nesting, raising, suspension.
//!
//! # Protocol
//!
//! 1. The activations of a thread are a list from the innermost outwards; the thread's cell points to the innermost.
//!    [`enter`] puts one in front before guest code runs and takes it off after its frames are gone, so a program
//!    counter in guest code belongs to the innermost activation.
//! 2. The first activation on a guest stack is the *base* of those that nest on the same stack. An entry is nested if
//!    its caller runs on the guest stack of the activation's walls already; it goes on below its caller.
//! 3. A stack is suspended as a whole: `suspend` takes all activations from the innermost to the base off the list,
//!    keeps the innermost in the base, and `enter` or [`resume`] of the base returns. `resume` puts them back in
//!    front of what is then the thread's list.
//! 4. Frames of guest code are abandoned, never unwound, and only down to the innermost activation: by the signal
//!    handler at an instruction of guest code, and by [`raise`] when it is called from guest code. So no frame of the
//!    host is ever jumped over. [`raise`] may abandon only some of them: then a [`Landing`] says where the others go on.
//! 5. The base's interrupt knows the thread while its stack runs. It is looked at here before guest code runs; in
//!    guest code the handler looks; whoever returns from the host into guest code asks [`is_interrupted`].

use std::marker::PhantomData;
use std::mem::offset_of;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{Ordering, compiler_fence};

use crate::fault::{Fault, FaultKind, InstallError};
use crate::interrupt::{self, Interrupt};
use crate::wait::{Waiting, Watched};
use crate::walls::Walls;

mod thread;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(crate) mod x86_64;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(crate) use x86_64 as machine;
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!(
    "faasm-sfi enters guests with its own assembly, which exists for x86-64 Linux only: write \
     src/activation/<architecture>.rs with the functions of x86_64.rs"
);

use machine::StackPointers;
pub use machine::raise;
use thread::THREAD;

/// How a stay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The entry returned.
    Returned,
    /// The guest's frames were abandoned.
    Faulted(Fault),
    /// The stack was suspended and waits for [`resume`].
    Suspended,
}

/// Whether [`crate::wait::wait`] may suspend the stack of an activation; of nested ones, the base decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspension {
    /// A wait suspends: the caller of [`enter`] knows what to do with [`Exit::Suspended`].
    Allowed,
    /// A wait blocks the thread.
    Refused,
}

/// The record of one stay. It lies where its caller puts it (on the stack; if it may suspend, where it stays as long
/// as it is suspended) and does not move between [`enter`] and the exit that is not [`Exit::Suspended`].
#[derive(Debug)]
#[repr(C)]
pub struct Activation {
    /// Written by the assembly; `host` is read by the signal handler.
    stacks: StackPointers,
    walls: *const Walls,
    payload: *mut (),
    interrupt: *const interrupt::Cell,
    /// The next one outwards; written by `enter` and, in a base, by `resume`.
    previous: *mut Activation,
    /// The first activation on the same guest stack; this one itself if it is the first.
    base: *mut Activation,
    /// In a suspended base: the innermost activation on the stack.
    innermost: *mut Activation,
    /// In a suspended base: what the stack waits for, which lies on that stack.
    watched: Option<NonNull<Watched<'static>>>,
    /// Written by the signal handler and by `raise` when they abandon the frames.
    fault: Fault,
    /// The thread that entered.
    thread: u32,
    suspension: Suspension,
    state: State,
    cancelled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Outside,
    Inside,
    Suspended,
}

const _: () = assert!(offset_of!(Activation, stacks) == 0, "the assembly finds them there");

impl Activation {
    /// A stay within `walls`, ended by `interrupt`; `payload` is what [`current_payload`] answers during it.
    #[must_use]
    pub fn new(
        walls: &Walls,
        payload: *mut (),
        interrupt: &Interrupt,
        suspension: Suspension,
    ) -> Self {
        Self {
            stacks: StackPointers { host: 0, guest: 0 },
            walls,
            payload,
            interrupt: Arc::as_ptr(&interrupt.cell),
            previous: ptr::null_mut(),
            base: ptr::null_mut(),
            innermost: ptr::null_mut(),
            watched: None,
            fault: Fault { kind: FaultKind::Interrupted, pc: 0, fp: 0, sp: 0 },
            thread: 0,
            suspension,
            state: State::Outside,
            cancelled: false,
        }
    }

    /// What the suspended activation waits for; `None` when it is not suspended.
    ///
    /// # Safety
    ///
    /// The activation is not resumed while the answer is used, and its stack is as it was left.
    #[must_use]
    pub unsafe fn waiting(&self) -> Option<Waiting<'_>> {
        // SAFETY: `suspend` set the pointer to a value on the suspended stack, which is as it was left.
        self.watched.map(|watched| Waiting::new(unsafe { watched.as_ref() }))
    }
}

/// The code by which the host enters a guest. It may clobber r15.
pub type EntryCode = extern "C" fn(context: *mut u8, code: *const u8, values: *mut u8);

/// What to run, and where.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What is called.
    pub entry: EntryCode,
    /// First argument.
    pub context: *mut u8,
    /// Second argument.
    pub code: *const u8,
    /// Third argument.
    pub values: *mut u8,
    /// End of the guest stack's room, a multiple of 16. Not used by a nested entry, which goes on below the caller.
    pub stack_top: usize,
}

/// The proof that this thread can take faults: the handler is installed and the thread has a signal stack.
#[derive(Clone, Copy, Debug)]
pub struct Prepared {
    thread: u32,
    /// Not `Send`: a proof for this thread only.
    here: PhantomData<*mut ()>,
}

/// Why a thread cannot enter guests.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The handler.
    #[error("the fault handler could not be installed")]
    Install(#[from] InstallError),
    /// The signal stack.
    #[error("{call} failed for the thread's signal stack")]
    SignalStack {
        /// The system call.
        call: &'static str,
        /// Its error.
        #[source]
        source: std::io::Error,
    },
    /// The thread is ending and has given its signal stack back.
    #[error("the thread is ending")]
    Ending,
}

/// Prepares the calling thread; costs a load when that is done already. Not valid in a child made by `fork`, if the
/// forking thread was prepared.
///
/// # Errors
///
/// [`PrepareError`].
#[inline]
pub fn prepare() -> Result<Prepared, PrepareError> {
    let thread = match THREAD.with(|thread| thread.number.get()) {
        0 => thread::prepare()?,
        number => number,
    };
    Ok(Prepared { thread, here: PhantomData })
}

/// Runs `entry` on the guest stack of the activation's walls, or, if the caller is on that stack already, below the
/// caller, until it returns, faults, raises or suspends.
///
/// An entry that is not nested begins a call for the interrupt: an earlier request is forgotten. A nested one inside
/// an interrupted activation returns [`FaultKind::Interrupted`] at once.
///
/// # Safety
///
/// * `activation` is valid, in no other use, and stays in its place until an exit that is not [`Exit::Suspended`]; so
///   do the walls and the interrupt it was made of, unchanged.
/// * `entry.entry` and all it calls is sound to run with these arguments, keeps the callee-saved registers but r15, and
///   its frames may be abandoned at any instruction in the walls' code.
/// * `entry.stack_top` is a multiple of 16, the end of writable space in `walls.stack`, and no live frame is there.
/// * Host code called from there never unwinds into guest code.
/// * A suspended activation is resumed until it exits otherwise, or nothing of it (record, stack, walls) is ever
///   freed or used again.
#[inline]
pub unsafe fn enter(prepared: Prepared, activation: *mut Activation, entry: &Entry) -> Exit {
    debug_assert!(entry.stack_top.is_multiple_of(16));
    let previous = current();
    // SAFETY: `activation` and its walls and interrupt are valid (precondition); `previous` is on the thread's list,
    // so it is valid. The entry's preconditions are the caller's.
    unsafe {
        let nested =
            !previous.is_null() && (*(*activation).walls).stack.contains(&machine::stack_pointer());
        (*activation).previous = previous;
        (*activation).base = if nested { (*previous).base } else { activation };
        (*activation).thread = prepared.thread;
        (*activation).state = State::Inside;
        let mut asked = false;
        if !nested {
            (*activation).cancelled = false;
            asked = (*(*activation).interrupt).begin(prepared.thread);
        }
        set_current(activation);
        if asked || (!previous.is_null() && list_is_interrupted(activation)) {
            return interrupted_before(activation, previous);
        }
        let top = if nested { 0 } else { entry.stack_top };
        let code = machine::enter(&raw mut (*activation).stacks, top, entry);
        exit(activation, previous, code)
    }
}

/// [`enter`] for a thread that is inside no guest, which is what most calls find: fewer questions, one answer more.
/// `None`: the thread is inside a guest, and nothing was done.
///
/// # Safety
///
/// As for [`enter`].
#[inline(always)]
pub unsafe fn enter_first(
    prepared: Prepared,
    activation: *mut Activation,
    entry: Entry,
) -> Option<Exit> {
    if !current().is_null() {
        return None;
    }
    // SAFETY: as in `enter`, with an empty list.
    unsafe {
        (*activation).previous = ptr::null_mut();
        (*activation).base = activation;
        (*activation).thread = prepared.thread;
        (*activation).state = State::Inside;
        (*activation).cancelled = false;
        let interrupt = (*activation).interrupt;
        let asked = (*interrupt).begin(prepared.thread);
        set_current(activation);
        if asked {
            return Some(interrupted_before(activation, ptr::null_mut()));
        }
        let code = machine::enter(&raw mut (*activation).stacks, entry.stack_top, &entry);
        if code != machine::EXIT_RETURNED {
            return Some(exit(activation, ptr::null_mut(), code));
        }
        set_current(ptr::null_mut());
        (*interrupt).leave();
        (*activation).state = State::Outside;
    }
    Some(Exit::Returned)
}

/// The exit of an activation that is asked to end before it has begun.
///
/// # Safety
///
/// As for [`exit`].
#[cold]
unsafe fn interrupted_before(activation: *mut Activation, previous: *mut Activation) -> Exit {
    // SAFETY: as this function's.
    unsafe {
        (*activation).fault = Fault { kind: FaultKind::Interrupted, pc: 0, fp: 0, sp: 0 };
        exit(activation, previous, machine::EXIT_FAULTED)
    }
}

/// Takes the activation off the thread's list and tells how the stay ended.
///
/// # Safety
///
/// `activation` is valid and no guest frame of it runs.
unsafe fn exit(activation: *mut Activation, previous: *mut Activation, code: u64) -> Exit {
    set_current(previous);
    // SAFETY: as this function's.
    unsafe {
        if (*activation).base == activation {
            (*(*activation).interrupt).leave();
        }
        (*activation).state = State::Outside;
        match code {
            machine::EXIT_RETURNED => Exit::Returned,
            machine::EXIT_FAULTED => Exit::Faulted((*activation).fault),
            _ => {
                (*activation).state = State::Suspended;
                Exit::Suspended
            }
        }
    }
}

/// Why an activation was not resumed; it is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// Another thread suspended it.
    #[error("a suspended guest resumes only on the thread that suspended it")]
    OtherThread,
    /// It is not suspended.
    #[error("the activation is not suspended")]
    NotSuspended,
}

/// With what a suspended activation is resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Look again: what it waits for may be ready, or the deadline may have passed. If neither, it suspends again.
    Look,
    /// The wait ends with [`crate::wait::WaitError::Cancelled`], and so do later waits of the same stay.
    Cancel,
}

/// Goes on with a suspended activation.
///
/// # Errors
///
/// [`ResumeError`].
///
/// # Safety
///
/// As for [`enter`], and its slot and stack are as they were left.
pub unsafe fn resume(activation: *mut Activation, wake: Wake) -> Result<Exit, ResumeError> {
    let here = THREAD.with(|thread| thread.number.get());
    // SAFETY: `activation` is valid (precondition). If it is suspended, `suspend` left its stack pointer and its
    // innermost activation, which is on that stack.
    unsafe {
        if (*activation).state != State::Suspended {
            return Err(ResumeError::NotSuspended);
        }
        if (*activation).thread != here {
            return Err(ResumeError::OtherThread);
        }
        let previous = current();
        (*activation).state = State::Inside;
        (*activation).previous = previous;
        (*activation).watched = None;
        (*activation).cancelled |= wake == Wake::Cancel;
        (*(*activation).interrupt).resume(here);
        set_current((*activation).innermost);
        let code = machine::resume(&raw mut (*activation).stacks);
        Ok(exit(activation, previous, code))
    }
}

/// A stack that may suspend, and the caller is on it.
#[derive(Clone, Copy)]
pub(crate) struct Suspendable(NonNull<Activation>);

impl Suspendable {
    /// The stack on which the caller runs, if it may suspend now.
    pub(crate) fn here() -> Option<Self> {
        let innermost = NonNull::new(current())?;
        // SAFETY: what is on the thread's list is valid, and so are its base and walls.
        let (base, allowed) = unsafe {
            let base = (*innermost.as_ptr()).base;
            let on_stack = (*(*base).walls).stack.contains(&machine::stack_pointer());
            (base, on_stack && (*base).suspension == Suspension::Allowed)
        };
        // A thread counts its panics: suspending in the middle of one would count it for others.
        (allowed && !std::thread::panicking()).then(|| NonNull::new(base).map(Self)).flatten()
    }

    pub(crate) fn is_cancelled(self) -> bool {
        // SAFETY: the caller runs on the activation's stack, so it is valid.
        unsafe { (*self.0.as_ptr()).cancelled }
    }

    /// The interrupt of the stack's base.
    pub(crate) fn interrupt(&self) -> &interrupt::Cell {
        // SAFETY: the caller runs on the activation's stack, so it and its interrupt are valid.
        unsafe { &*(*self.0.as_ptr()).interrupt }
    }

    /// Suspends the stack: `enter` or `resume` of the base returns, and this returns when it is resumed.
    pub(crate) fn suspend(self, watched: &Watched<'_>) {
        let base = self.0.as_ptr();
        // SAFETY: the caller runs on the stack of `base`, so the activations from the innermost to the base are those
        // on this stack (protocol, 2), and all are valid; `watched` outlives the suspension, as this frame does.
        unsafe {
            (*base).innermost = current();
            (*base).watched = Some(NonNull::from(watched).cast());
            machine::suspend(&raw mut (*base).stacks);
        }
    }
}

/// Where guest code goes on when frames below it were abandoned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Landing {
    /// The instruction.
    pub pc: usize,
    /// The frame pointer there.
    pub fp: usize,
    /// The stack pointer there.
    pub sp: usize,
    /// What the first payload register holds (x86-64 `rax`); other registers may hold anything.
    pub value: u64,
}

/// Answers where guest code goes on, from the frame with this frame pointer outwards; null: nowhere. The landing must be
/// valid until the caller has read it.
pub type FindLanding = extern "C" fn(context: *mut u8, fp: usize) -> *const Landing;

/// Records a raise; returns the stack pointer with which to land.
extern "C" fn record_raise(pc: usize, fp: usize, sp: usize) -> usize {
    let activation = current();
    if activation.is_null() {
        std::process::abort();
    }
    // SAFETY: what is on the thread's list is valid.
    unsafe {
        (*activation).fault = Fault { kind: FaultKind::Raised, pc, fp, sp };
        (*activation).stacks.host
    }
}

/// The payload of the innermost activation; null outside.
#[inline]
#[must_use]
pub fn current_payload() -> *mut () {
    match NonNull::new(current()) {
        // SAFETY: what is on the thread's list is valid.
        Some(activation) => unsafe { (*activation.as_ptr()).payload },
        None => ptr::null_mut(),
    }
}

/// Whether the caller is inside an activation.
#[must_use]
pub(crate) fn is_inside() -> bool {
    !current().is_null()
}

/// Whether this thread's innermost activation, or one around it, was resumed with [`Wake::Cancel`]: its waits end, also
/// those that block.
#[must_use]
pub(crate) fn is_cancelled() -> bool {
    let mut activation = current().cast_const();
    while !activation.is_null() {
        // SAFETY: what is on the thread's list is valid.
        unsafe {
            if (*activation).cancelled {
                return true;
            }
            activation = (*activation).previous;
        }
    }
    false
}

/// Whether this thread's innermost activation, or one around it, is asked to end.
#[inline]
#[must_use]
pub fn is_interrupted() -> bool {
    // SAFETY: what is on the thread's list is valid.
    unsafe { list_is_interrupted(current()) }
}

/// # Safety
///
/// `activation` is null, or it and all outwards of it are valid.
#[inline]
unsafe fn list_is_interrupted(mut activation: *const Activation) -> bool {
    while !activation.is_null() {
        // SAFETY: as this function's.
        unsafe {
            if (*(*activation).interrupt).is_requested() {
                return true;
            }
            activation = (*activation).previous;
        }
    }
    false
}

/// What the signal handler may do with the innermost activation.
pub(crate) struct Innermost(NonNull<Activation>);

impl Innermost {
    /// The innermost activation of this thread. Safe in a signal handler: a load of a thread-local without destructor.
    pub(crate) fn of_this_thread() -> Option<Self> {
        NonNull::new(current()).map(Self)
    }

    pub(crate) fn walls(&self) -> &Walls {
        // SAFETY: what is on the thread's list is valid, and its walls do not change.
        unsafe { &*(*self.0.as_ptr()).walls }
    }

    /// Records the fault; returns the stack pointer with which to land.
    ///
    /// # Safety
    ///
    /// The thread was in guest code of this activation and goes on at the landing, nowhere else.
    pub(crate) unsafe fn abandon(&self, fault: Fault) -> usize {
        let activation = self.0.as_ptr();
        // SAFETY: what is on the thread's list is valid; while guest code runs nobody else reads or writes it.
        unsafe {
            (*activation).fault = fault;
            (*activation).stacks.host
        }
    }
}

#[inline]
fn current() -> *mut Activation {
    THREAD.with(|thread| thread.current.get())
}

/// The signal handler may come at any instruction and follows the list, so what was written to it before is written
/// before, and what follows comes after. The handler is of the same thread: it is the compiler alone that is held.
#[inline]
fn set_current(activation: *mut Activation) {
    compiler_fence(Ordering::SeqCst);
    THREAD.with(|thread| thread.current.set(activation));
    compiler_fence(Ordering::SeqCst);
}

#[cfg(test)]
mod tests;
