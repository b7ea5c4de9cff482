//! Calls that can wait: a guest that waits holds memory, not a thread.
//!
//! # Protocol
//!
//! 1. [`crate::Func::start`] takes the store; the record of the call lies in a box whose address stays.
//! 2. When a host function waits for something that is not there, the guest's stack is left as it is and
//!    [`Run::Waiting`] owns the store: nobody can touch it but by resuming.
//! 3. [`Suspended::resume`] goes on with the stack, as often as needed. A stack that holds host frames is never
//!    dropped: a [`Suspended`] that is dropped is cancelled to its end first.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::Instant;

use faasm_sfi::activation::{self, Activation, Exit, Suspension, Wake};

use crate::func::{self, CallError, Prepared};
use crate::store::{AsStore, Interrupt, Store};
use crate::trap::Trap;
use crate::value::Val;

/// Where a call that was begun with [`crate::Func::start`] stands.
#[derive(Debug)]
#[must_use = "a waiting call must be resumed or cancelled"]
pub enum Run<T: 'static> {
    /// It ended.
    Done(Store<T>, Result<Vec<Val>, Trap>),
    /// A host function in it waits.
    Waiting(Suspended<T>),
}

/// A call that waits. It resumes only on the thread that began it, so it is not `Send`.
///
/// Dropping it cancels it.
pub struct Suspended<T: 'static> {
    /// Taken when the call has ended.
    parts: Option<Parts<T>>,
    /// The stack belongs to this thread.
    not_send: PhantomData<*mut ()>,
}

struct Parts<T: 'static> {
    store: Store<T>,
    /// From `Box::into_raw`: the activation must not move, nor its box be reborrowed while the guest uses it.
    fiber: NonNull<Fiber>,
}

struct Fiber {
    activation: Activation,
    prepared: Prepared,
}

/// Begins the call.
pub(crate) fn start<T: 'static>(store: Store<T>, prepared: Prepared) -> Run<T> {
    let core = store.core_ptr().as_ptr();
    // SAFETY: the core is the store's, which outlives the fiber (`Parts`).
    let activation = match unsafe { func::activate(core, Suspension::Allowed) } {
        Ok(activation) => activation,
        Err(error) => return Run::Done(store, Err(error.into())),
    };
    let Ok(thread) = activation::prepare() else {
        return Run::Done(store, Err(CallError::Thread.into()));
    };
    let fiber = Box::into_raw(Box::new(Fiber { activation, prepared }));
    // SAFETY: the box was just made; the cells are as many as the function needs (`Prepared`), and do not move.
    let (entry, activation) = unsafe {
        let prepared = &mut (*fiber).prepared;
        let cells = prepared.cells.as_mut_ptr().cast();
        (func::entry(core, &prepared.target, cells), &raw mut (*fiber).activation)
    };
    // SAFETY: as in `func::enter`; the activation stays in its box until an exit that is not a suspension (`settle`).
    let exit = unsafe { activation::enter(thread, activation, &entry) };
    // SAFETY: not null, it came from a box.
    settle(Parts { store, fiber: unsafe { NonNull::new_unchecked(fiber) } }, exit)
}

/// What an exit makes of the parts.
fn settle<T: 'static>(parts: Parts<T>, exit: Exit) -> Run<T> {
    if exit == Exit::Suspended {
        return Run::Waiting(Suspended { parts: Some(parts), not_send: PhantomData });
    }
    let Parts { store, fiber } = parts;
    store.core().host_context.set(0);
    // SAFETY: it came from a box, and the activation has ended.
    let fiber = unsafe { Box::from_raw(fiber.as_ptr()) };
    let outcome = if exit == Exit::Returned {
        Ok(fiber.prepared.results(store.core()))
    } else {
        // SAFETY: the core is the store's, and the call has ended.
        Err(unsafe { func::ended(store.core_ptr().as_ptr(), exit) })
    };
    Run::Done(store, outcome)
}

impl<T: 'static> Suspended<T> {
    fn parts(&self) -> &Parts<T> {
        self.parts.as_ref().unwrap_or_else(|| unreachable!("taken only when this is consumed"))
    }

    /// Has `hook` called once, on any thread, when the call can go on; at once if it can already.
    pub fn on_ready(&self, hook: Box<dyn FnOnce() + Send>) {
        // SAFETY: the activation is suspended as long as this is borrowed.
        match unsafe { self.parts().fiber.as_ref().activation.waiting() } {
            Some(waiting) => waiting.on_ready(hook),
            None => hook(),
        }
    }

    /// When it should be resumed though nothing is ready.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        // SAFETY: the activation is suspended as long as this is borrowed.
        unsafe { self.parts().fiber.as_ref().activation.waiting() }?.deadline()
    }

    /// A handle that ends the call; it takes effect when the call is resumed.
    #[must_use]
    pub fn interrupt(&self) -> Interrupt {
        self.parts().store.interrupt()
    }

    /// Goes on with the call, ready or not: if its deadline has come, the host function's wait ends so; if nothing
    /// has come, the call waits again.
    pub fn resume(self) -> Run<T> {
        self.wake(Wake::Look)
    }

    /// Ends the wait, and all further ones of this call, with [`crate::WaitError::Cancelled`], until the call is
    /// done.
    pub fn cancel(self) -> Run<T> {
        let mut suspended = self;
        loop {
            match suspended.wake(Wake::Cancel) {
                Run::Waiting(again) => suspended = again,
                done @ Run::Done(..) => return done,
            }
        }
    }

    fn wake(mut self, wake: Wake) -> Run<T> {
        let parts = self.parts.take().unwrap_or_else(|| unreachable!("taken only here"));
        // SAFETY: the fiber is valid until `settle` frees it.
        let activation = unsafe { &raw mut (*parts.fiber.as_ptr()).activation };
        // SAFETY: as in `start`; the slot was owned by this value since the suspension, so nobody has touched it.
        match unsafe { activation::resume(activation, wake) } {
            Ok(exit) => settle(parts, exit),
            Err(error) => {
                unreachable!("a suspended call stays on its thread, as it is not `Send`: {error}")
            }
        }
    }
}

impl<T: 'static> Drop for Suspended<T> {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            drop(Self { parts: Some(parts), not_send: PhantomData }.cancel());
        }
    }
}

impl<T: 'static> fmt::Debug for Suspended<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suspended").field("deadline", &self.deadline()).finish_non_exhaustive()
    }
}
