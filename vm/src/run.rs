//! Calls that can wait: a guest that waits holds memory, not a thread.

use std::marker::PhantomData;
use std::time::Instant;

use crate::store::Store;
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
#[derive(Debug)]
pub struct Suspended<T: 'static> {
    store: PhantomData<(T, *mut ())>,
}

impl<T: 'static> Suspended<T> {
    /// Has `hook` called once, on any thread, when the call can go on.
    pub fn on_ready(&self, hook: Box<dyn FnOnce() + Send>) {
        let _ = (hook, self.store);
        unimplemented!()
    }

    /// When it should be resumed though nothing is ready.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        unimplemented!()
    }

    /// The embedder's data.
    #[must_use]
    pub fn data(&self) -> &T {
        unimplemented!()
    }

    /// Goes on with the call, ready or not: if its deadline has come, the host function's wait ends so; if nothing
    /// has come, the call waits again.
    pub fn resume(self) -> Run<T> {
        unimplemented!()
    }

    /// Ends the wait, and all further ones of this call, with [`crate::WaitError::Cancelled`], until the call is
    /// done.
    pub fn cancel(self) -> Run<T> {
        unimplemented!()
    }
}
