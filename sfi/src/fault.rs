//! The one signal handler: it tells a guest's faults from the host's.
//!
//! # Protocol
//!
//! 1. A fault is the guest's if the program counter is in code of the innermost activation's walls, the kernel made
//!    the signal, and either the address is in the guard of the activation's stack (overflow: any instruction may
//!    touch it), or the instruction is a listed site and the address is inside the slot (SIGSEGV, SIGBUS) or is the
//!    instruction itself (SIGILL, SIGFPE).
//! 2. SIGURG is the guest's if an activation of this thread is asked to end and the program counter is in guest code.
//!    In host code it does nothing: the request is sticky, and whoever goes back to guest code looks.
//! 3. For a guest's fault the handler writes the [`Fault`] and returns to the landing pad instead of the guest.
//! 4. Everything else goes to the handler that was there before, as it came. Without one, a fault happens again under
//!    the default action, so that the process dies at the instruction that is to blame.
//! 5. The handler takes no lock and reads no table but the activation's walls and the saved handlers, which are
//!    written before it is installed.

use std::io;
use std::mem;
use std::ptr;
use std::sync::OnceLock;

use libc::{c_int, c_void, siginfo_t, ucontext_t};

use crate::activation::{self, Innermost, machine};

/// Where and why a guest's frames were abandoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Why.
    pub kind: FaultKind,
    /// The instruction; for [`FaultKind::Raised`] the return address of the call of `raise`; 0 if the guest did not
    /// get to run.
    pub pc: usize,
    /// The frame pointer there.
    pub fp: usize,
    /// The stack pointer there.
    pub sp: usize,
}

/// Why a guest's frames were abandoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The instruction is a listed site with this code.
    Site(u8),
    /// Guest code touched the guard below its stack.
    StackOverflow,
    /// The interrupt was requested.
    Interrupted,
    /// [`crate::activation::raise`] was called.
    Raised,
}

/// Why the handler could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("sigaction failed for signal {signal}")]
pub struct InstallError {
    /// The signal.
    pub signal: i32,
    /// The system's error.
    #[source]
    pub source: io::Error,
}

/// The signal that interrupts a thread: ignored by default, so that one that comes late does no harm.
pub(crate) const INTERRUPT: c_int = libc::SIGURG;

/// What the handler handles.
const SIGNALS: [c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, INTERRUPT];

/// The handlers that were there before, in the order of [`SIGNALS`]. The one global of this crate: handlers are the
/// process's.
static BEFORE: OnceLock<[libc::sigaction; SIGNALS.len()]> = OnceLock::new();

/// Whether installing succeeded, or with which signal and error it did not.
static INSTALLED: OnceLock<Result<(), (c_int, i32)>> = OnceLock::new();

/// Installs the handler for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGURG, once per process; later calls do nothing.
/// What is not a guest's goes on to the handlers that were there before.
///
/// # Errors
///
/// [`InstallError`].
pub fn install() -> Result<(), InstallError> {
    let installed = *INSTALLED.get_or_init(|| {
        let mut before = [no_action(); SIGNALS.len()];
        for (signal, before) in SIGNALS.into_iter().zip(&mut before) {
            change(signal, None, Some(before))?;
        }
        BEFORE.get_or_init(|| before);
        SIGNALS.into_iter().try_for_each(|signal| change(signal, Some(&our_action(signal)), None))
    });
    installed.map_err(|(signal, error)| InstallError {
        signal,
        source: io::Error::from_raw_os_error(error),
    })
}

/// Lets the handler's signals through to the calling thread.
pub(crate) fn unblock() {
    mask(libc::SIG_UNBLOCK, &set_of(&SIGNALS));
}

/// Keeps all signals but the handler's from the calling thread: for threads that run guests, so that no other handler
/// ever runs on a guest's stack.
pub fn block_other_signals() {
    let mut others = empty_set();
    // SAFETY: the set is valid, and so are the signals' numbers.
    unsafe {
        libc::sigfillset(&raw mut others);
        for signal in SIGNALS {
            libc::sigdelset(&raw mut others, signal);
        }
    }
    mask(libc::SIG_SETMASK, &others);
}

/// Keeps all signals from the calling thread.
pub(crate) fn block_all() {
    let mut all = empty_set();
    // SAFETY: the set is valid.
    unsafe { libc::sigfillset(&raw mut all) };
    mask(libc::SIG_SETMASK, &all);
}

fn mask(how: c_int, set: &libc::sigset_t) {
    // SAFETY: the set is valid; the old one is not asked for.
    let done = unsafe { libc::pthread_sigmask(how, set, ptr::null_mut()) };
    debug_assert_eq!(done, 0, "pthread_sigmask");
}

fn empty_set() -> libc::sigset_t {
    // SAFETY: a signal set is plain words, for which zero is a value.
    let mut set = unsafe { mem::zeroed() };
    // SAFETY: the set is valid.
    unsafe { libc::sigemptyset(&raw mut set) };
    set
}

fn set_of(signals: &[c_int]) -> libc::sigset_t {
    let mut set = empty_set();
    for &signal in signals {
        // SAFETY: the set is valid, and so is the signal's number.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    set
}

fn no_action() -> libc::sigaction {
    libc::sigaction {
        sa_sigaction: libc::SIG_DFL,
        sa_mask: empty_set(),
        sa_flags: 0,
        sa_restorer: None,
    }
}

/// Interrupted system calls of the host go on by themselves; our signals do not nest.
fn our_action(signal: c_int) -> libc::sigaction {
    let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
        if signal == INTERRUPT { on_interrupt } else { on_fault };
    libc::sigaction {
        sa_sigaction: handler as usize,
        sa_mask: set_of(&SIGNALS),
        sa_flags: libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART,
        sa_restorer: None,
    }
}

fn change(
    signal: c_int,
    action: Option<&libc::sigaction>,
    before: Option<&mut libc::sigaction>,
) -> Result<(), (c_int, i32)> {
    let action = action.map_or(ptr::null(), ptr::from_ref);
    let before = before.map_or(ptr::null_mut(), ptr::from_mut);
    // SAFETY: both are null or valid; our handlers follow the rules for signal handlers (protocol, 5).
    match unsafe { libc::sigaction(signal, action, before) } {
        0 => Ok(()),
        _ => Err((signal, io::Error::last_os_error().raw_os_error().unwrap_or(0))),
    }
}

extern "C" fn on_fault(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives a handler with SA_SIGINFO valid pointers, which are this frame's own.
    let (cause, interrupted) = unsafe { (&*info, &mut *context.cast::<ucontext_t>()) };
    let (pc, ..) = machine::registers(interrupted);
    if let Some(activation) = Innermost::of_this_thread()
        && let Some(kind) = guest_fault(&activation, signal, cause, pc)
    {
        // SAFETY: `pc` is in guest code of the innermost activation.
        unsafe { land(&activation, kind, interrupted) };
    } else {
        forward(signal, info, context);
    }
}

extern "C" fn on_interrupt(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives a handler with SA_SIGINFO valid pointers, which are this frame's own.
    let interrupted = unsafe { &mut *context.cast::<ucontext_t>() };
    let (pc, ..) = machine::registers(interrupted);
    if let Some(activation) = Innermost::of_this_thread()
        && activation::is_interrupted()
    {
        if activation.walls().span(pc).is_some() {
            // SAFETY: `pc` is in guest code of the innermost activation.
            unsafe { land(&activation, FaultKind::Interrupted, interrupted) };
        }
    } else if previous(signal).sa_sigaction != libc::SIG_DFL {
        forward(signal, info, context);
    }
}

/// Why the fault is the guest's, if it is (protocol, 1).
fn guest_fault(
    activation: &Innermost,
    signal: c_int,
    cause: &siginfo_t,
    pc: usize,
) -> Option<FaultKind> {
    let walls = activation.walls();
    let span = walls.span(pc)?;
    // Zero and negative codes are those of signals that a process sent.
    if cause.si_code <= 0 {
        return None;
    }
    // SAFETY: the kernel made the signal, and for the four signals of faults it fills in the address.
    let address = unsafe { cause.si_addr() } as usize;
    match signal {
        libc::SIGSEGV if walls.stack_guard.contains(&address) => Some(FaultKind::StackOverflow),
        libc::SIGSEGV | libc::SIGBUS if !walls.slot.contains(&address) => None,
        libc::SIGILL | libc::SIGFPE if address != pc => None,
        _ => span.site(pc).map(FaultKind::Site),
    }
}

/// Abandons the guest's frames.
///
/// # Safety
///
/// `interrupted` was in guest code of `activation`, the thread's innermost.
unsafe fn land(activation: &Innermost, kind: FaultKind, interrupted: &mut ucontext_t) {
    let (pc, fp, sp) = machine::registers(interrupted);
    // SAFETY: this function's precondition, and the next line.
    let host_sp = unsafe { activation.abandon(Fault { kind, pc, fp, sp }) };
    machine::redirect(interrupted, host_sp);
}

fn previous(signal: c_int) -> libc::sigaction {
    let place = SIGNALS.iter().position(|&ours| ours == signal);
    match (BEFORE.get(), place) {
        (Some(before), Some(place)) => before[place],
        _ => no_action(),
    }
}

/// Hands a signal that is not ours to the handler that was there before.
fn forward(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let before = previous(signal);
    match before.sa_sigaction {
        libc::SIG_DFL => die(signal, info),
        // The kernel does not ignore a fault either.
        // SAFETY: `info` is valid, as it came from the kernel.
        libc::SIG_IGN if unsafe { (*info).si_code } > 0 => die(signal, info),
        libc::SIG_IGN => {}
        handler if before.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: with SA_SIGINFO the field holds a function of this type.
            let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
                unsafe { mem::transmute(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: without SA_SIGINFO, and neither default nor ignored, the field holds a function of this type.
            let handler: extern "C" fn(c_int) = unsafe { mem::transmute(handler) };
            handler(signal);
        }
    }
}

/// Restores the default action. A fault then happens again, with its registers as evidence; a signal that was sent is
/// sent again, and comes when the handler returns.
fn die(signal: c_int, info: *mut siginfo_t) {
    let restored = change(signal, Some(&no_action()), None);
    // SAFETY: `info` is valid, as it came from the kernel.
    let sent = unsafe { (*info).si_code } <= 0;
    if restored.is_err() || sent {
        // SAFETY: sending a signal to oneself has no precondition.
        unsafe { libc::raise(signal) };
    }
}
