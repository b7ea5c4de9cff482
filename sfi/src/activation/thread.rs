//! What a thread needs to enter guests: its innermost activation, its number, its signal stack.
//!
//! The cell that the signal handler reads is initialised by a constant and has no destructor, so reading it is a load
//! at any time of the thread's life. The signal stack has a destructor; after it the thread is unprepared for ever.

use std::cell::{Cell, RefCell};
use std::io;
use std::ptr;

use super::{Activation, PrepareError};
use crate::HOST_PAGE;
use crate::fault;

/// Room for handlers on the signal stack, beyond the largest signal frame.
const HANDLER_ROOM: usize = 64 * 1024;

pub(super) struct Thread {
    /// The innermost activation of this thread; written by `enter`, `resume`, `suspend` and their exits, read by the
    /// handler.
    pub(super) current: Cell<*mut Activation>,
    /// The kernel's number of this thread once it is prepared, else 0.
    pub(super) number: Cell<u32>,
}

thread_local! {
    pub(super) static THREAD: Thread =
        const { Thread { current: Cell::new(ptr::null_mut()), number: Cell::new(0) } };

    /// Unmapped when the thread ends.
    static SIGNAL_STACK: RefCell<Option<SignalStack>> = const { RefCell::new(None) };
}

/// Installs the handler and the signal stack; returns the thread's number.
#[cold]
pub(super) fn prepare() -> Result<u32, PrepareError> {
    fault::install()?;
    fault::unblock();
    let needed = HANDLER_ROOM + smallest_signal_stack();
    if present_signal_stack() < needed {
        let stack = SignalStack::install(needed)?;
        let kept = SIGNAL_STACK.try_with(|cell| {
            // Taken out of the thread-local only by its destructor, so the borrow is free.
            *cell.borrow_mut() = Some(stack);
        });
        if kept.is_err() {
            return Err(PrepareError::Ending);
        }
    }
    // SAFETY: the call has no precondition.
    let number = unsafe { libc::gettid() }.unsigned_abs();
    THREAD.with(|thread| thread.number.set(number));
    Ok(number)
}

/// Bytes that the kernel needs for a signal frame on this processor.
fn smallest_signal_stack() -> usize {
    // SAFETY: the call has no precondition.
    let smallest = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) };
    usize::try_from(smallest).unwrap_or(0).max(libc::MINSIGSTKSZ)
}

/// Bytes of the signal stack that the thread has already, 0 if none.
fn present_signal_stack() -> usize {
    present().map_or(0, |stack| stack.ss_size)
}

fn present() -> Option<libc::stack_t> {
    let mut stack = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: 0, ss_size: 0 };
    // SAFETY: a null new stack asks only; `stack` is writable.
    let done = unsafe { libc::sigaltstack(ptr::null(), &raw mut stack) };
    (done == 0 && stack.ss_flags & libc::SS_DISABLE == 0).then_some(stack)
}

/// A mapped signal stack with a guard page below.
struct SignalStack {
    base: *mut libc::c_void,
    len: usize,
}

impl SignalStack {
    fn install(room: usize) -> Result<Self, PrepareError> {
        let len = room.next_multiple_of(HOST_PAGE) + HOST_PAGE;
        let (access, flags) = (libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address of the kernel's choice replaces nothing.
        let base = unsafe { libc::mmap(ptr::null_mut(), len, access, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(failed("mmap"));
        }
        let mapped = Self { base, len };
        // SAFETY: all but the first page of the mapping made above.
        let room = unsafe { base.byte_add(HOST_PAGE) };
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the range is inside the mapping made above, which nobody else knows.
        if unsafe { libc::mprotect(room, len - HOST_PAGE, access) } != 0 {
            return Err(failed("mprotect"));
        }
        let stack = libc::stack_t { ss_sp: room, ss_flags: 0, ss_size: len - HOST_PAGE };
        // SAFETY: the memory stays mapped until `drop`, which takes the stack away first.
        if unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) } != 0 {
            return Err(failed("sigaltstack"));
        }
        Ok(mapped)
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        THREAD.with(|thread| thread.number.set(0));
        // The standard library may have taken it away already, at the end of its own thread.
        if present().is_some_and(|stack| stack.ss_sp == self.base.wrapping_byte_add(HOST_PAGE)) {
            let none =
                libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
            // SAFETY: disabling needs no memory; no handler runs, as this is ordinary code of the same thread.
            unsafe { libc::sigaltstack(&raw const none, ptr::null_mut()) };
        }
        // SAFETY: the mapping is this value's own, and no longer the thread's signal stack.
        unsafe { libc::munmap(self.base, self.len) };
    }
}

fn failed(call: &'static str) -> PrepareError {
    PrepareError::SignalStack { call, source: io::Error::last_os_error() }
}
