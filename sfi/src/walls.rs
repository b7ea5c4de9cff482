//! What is a guest's own: the code, the addresses and the stack by which the signal handler knows its faults.

use std::fmt;
use std::ops::{Deref, Range};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::code::CodeSpan;

/// The walls of a store. The signal handler reads them, so they stay as they are while an activation uses them, but for
/// code that is added.
#[derive(Clone, Debug)]
pub struct Walls {
    /// The code that may run in an activation: a fault anywhere else is the host's.
    pub code: Spans,
    /// The whole reservation: a fault at an address outside it is the host's.
    pub slot: Range<usize>,
    /// The guest stack, without its guard.
    pub stack: Range<usize>,
    /// The guard below the stack: a fault of guest code in it is a stack overflow.
    pub stack_guard: Range<usize>,
}

impl Walls {
    /// The span that holds `pc`.
    #[must_use]
    pub fn span(&self, pc: usize) -> Option<&CodeSpan> {
        self.code.iter().map(|span| &**span).find(|span| span.contains(pc))
    }
}

/// A list of code to which more can be added while the signal handler may read it.
///
/// # Protocol
///
/// The handler runs on the thread that it interrupts, so to that thread it comes before or after the one store that
/// replaces the list, and has ended when the thread goes on: the old list is freed then. Other threads do not read the
/// walls of a store that runs here, and [`Self::push`] asks for the list alone.
pub struct Spans {
    /// From a box; null is the empty list.
    list: AtomicPtr<Vec<Arc<CodeSpan>>>,
}

impl Spans {
    /// Adds a span.
    pub fn push(&mut self, span: Arc<CodeSpan>) {
        let mut list = self.to_vec();
        list.push(span);
        self.replace(Box::into_raw(Box::new(list)));
    }

    fn replace(&mut self, list: *mut Vec<Arc<CodeSpan>>) {
        let old = self.list.swap(list, Ordering::AcqRel);
        if !old.is_null() {
            // SAFETY: it came from a box (`push`, `from`), was taken out once, and nobody reads it: borrows of the list
            // have ended, as this one is unique, and a handler of this thread has (see the type's page).
            drop(unsafe { Box::from_raw(old) });
        }
    }
}

impl Deref for Spans {
    type Target = [Arc<CodeSpan>];

    fn deref(&self) -> &Self::Target {
        // SAFETY: null, or from a box that lives until the list is replaced, for which this borrow must have ended.
        unsafe { self.list.load(Ordering::Acquire).as_ref() }.map_or(&[], Vec::as_slice)
    }
}

impl From<Vec<Arc<CodeSpan>>> for Spans {
    fn from(list: Vec<Arc<CodeSpan>>) -> Self {
        Self { list: AtomicPtr::new(Box::into_raw(Box::new(list))) }
    }
}

impl Default for Spans {
    fn default() -> Self {
        Self { list: AtomicPtr::new(ptr::null_mut()) }
    }
}

impl Clone for Spans {
    fn clone(&self) -> Self {
        self.to_vec().into()
    }
}

impl Drop for Spans {
    fn drop(&mut self) {
        self.replace(ptr::null_mut());
    }
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
