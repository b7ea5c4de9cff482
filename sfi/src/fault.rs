//! The one signal handler: it tells a guest's faults from the host's.

/// Where and why a guest's frames were abandoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Why.
    pub kind: FaultKind,
    /// The instruction (for [`FaultKind::Raised`]: the return address of the call of `raise`).
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
    /// The interrupt was requested. When it was found before the guest ran, `pc` is 0.
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
    pub source: std::io::Error,
}

/// Installs the handler for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGURG, once per process; later calls do nothing.
/// What is not a guest's goes on to the handlers that were there before.
///
/// # Errors
///
/// [`InstallError`].
pub fn install() -> Result<(), InstallError> {
    todo!()
}
