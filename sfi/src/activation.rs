//! A stay of a thread inside guest code: entry, nesting, raising, suspension.

use std::marker::PhantomData;

use crate::fault::{Fault, InstallError};
use crate::interrupt::Interrupt;
use crate::wait::Waiting;
use crate::walls::Walls;

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

/// Whether [`crate::wait::wait`] may suspend the stack of an activation; of nested ones, the outermost on the stack
/// decides.
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
    walls: *const Walls,
    payload: *mut (),
    interrupt: *const Interrupt,
    suspension: Suspension,
}

impl Activation {
    /// A stay within `walls`, ended by `interrupt`; `payload` is what [`current_payload`] answers during it.
    #[must_use]
    pub fn new(
        walls: &Walls,
        payload: *mut (),
        interrupt: &Interrupt,
        suspension: Suspension,
    ) -> Self {
        Self { walls, payload, interrupt, suspension }
    }

    /// What the suspended activation waits for; `None` when it is not suspended or was by something else than a wait.
    ///
    /// # Safety
    ///
    /// The activation is not resumed while the answer is used, and its stack is as it was left.
    #[must_use]
    pub unsafe fn waiting(&self) -> Option<Waiting<'_>> {
        todo!()
    }
}

/// What to run, and where.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The system's C convention; it may clobber r15.
    pub entry: extern "C" fn(context: *mut u8, code: *const u8, values: *mut u8),
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
pub struct Prepared(PhantomData<*mut ()>);

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
}

/// Prepares the calling thread; costs a load when that is done already.
///
/// # Errors
///
/// [`PrepareError`].
pub fn prepare() -> Result<Prepared, PrepareError> {
    todo!()
}

/// Runs `entry` on the guest stack of the activation's walls, or, if the caller is on that stack already, below the
/// caller, until it returns, faults, raises or suspends.
///
/// An outermost entry (one that is not on the stack already) clears the interrupt's request first.
///
/// # Safety
///
/// * `activation` is valid, in no other use, and stays in its place until an exit that is not [`Exit::Suspended`]; so
///   do the walls and the interrupt it was made of, unchanged.
/// * `entry.entry` and all it calls is sound to run with these arguments, keeps the callee-saved registers but r15, and
///   its frames may be abandoned at any instruction in the walls' code.
/// * `entry.stack_top` is a multiple of 16, the end of writable space in `walls.stack`, and nothing else lives there.
/// * Host code called from there never unwinds into guest code.
pub unsafe fn enter(thread: Prepared, activation: *mut Activation, entry: &Entry) -> Exit {
    let _ = (thread, activation, entry);
    todo!()
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
    let _ = (activation, wake);
    todo!()
}

/// Abandons the frames up to the innermost entry, which returns [`Exit::Faulted`] with [`FaultKind::Raised`].
///
/// Its address goes into the table of builtins; compiled stubs call it.
///
/// [`FaultKind::Raised`]: crate::fault::FaultKind::Raised
///
/// # Safety
///
/// Called from guest code of the innermost activation, with no host frame between.
pub unsafe extern "C" fn raise() -> ! {
    todo!()
}

/// The payload of the innermost activation; null outside.
#[must_use]
pub fn current_payload() -> *mut () {
    todo!()
}

/// Whether this thread's innermost activation, or one around it, is asked to end.
#[must_use]
pub fn is_interrupted() -> bool {
    todo!()
}
