//! Why a call into a guest ended without results.

use std::error::Error;
use std::fmt;

use faasm_abi::trap::TrapCode;

use crate::backtrace::Backtrace;
use crate::gc_ref::GcRef;

/// A call ended without results; `Display` says why, [`Trap::backtrace`] says where.
///
/// A trap is an outcome of the guest, not an error of the VM's.
pub struct Trap(Box<Inner>);

struct Inner {
    kind: TrapKind,
    backtrace: Backtrace,
    /// Whether the kind is an exception whose handle is this trap's alone.
    owns_exception: bool,
}

/// The reason of a [`Trap`].
#[derive(Debug)]
pub enum TrapKind {
    /// Compiled code trapped.
    Code(TrapCode),
    /// The guest ended itself with this exit code.
    Exit(i32),
    /// A host function failed, or the call could not be made.
    Host(Box<dyn Error + Send + Sync>),
    /// An exception that nobody has caught yet. As a host function's error it is thrown in the frames that called it.
    Exception(GcRef),
}

impl Trap {
    /// A trap for this reason; its backtrace is filled in when it leaves the guest.
    #[must_use]
    pub fn new(kind: TrapKind) -> Self {
        Self(Box::new(Inner { kind, backtrace: Backtrace::default(), owns_exception: false }))
    }

    /// What compiled code would raise for `code`.
    #[must_use]
    pub fn code(code: TrapCode) -> Self {
        Self::new(TrapKind::Code(code))
    }

    /// The guest ends itself with exit code `code`.
    #[must_use]
    pub fn exit(code: i32) -> Self {
        Self::new(TrapKind::Exit(code))
    }

    /// A host function failed with `error`.
    #[must_use]
    pub fn host(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(TrapKind::Host(error.into()))
    }

    /// A host function throws this exception, again or for the first time (see [`GcRef::new_exception`]).
    #[must_use]
    pub fn throw(exception: GcRef) -> Self {
        Self::new(TrapKind::Exception(exception))
    }

    /// An exception that is thrown on, in a trap that goes on from an earlier one, with a handle of its own.
    pub(crate) fn uncaught(exception: GcRef, earlier: Option<Self>) -> Self {
        let mut trap = earlier.unwrap_or_else(|| Self::throw(exception));
        trap.0.kind = TrapKind::Exception(exception);
        trap.0.owns_exception = true;
        trap
    }

    pub(crate) fn owns_exception(&self) -> bool {
        self.0.owns_exception
    }

    /// Why.
    #[must_use]
    pub fn kind(&self) -> &TrapKind {
        &self.0.kind
    }

    /// Why, by value.
    #[must_use]
    pub fn into_kind(self) -> TrapKind {
        self.0.kind
    }

    /// The code, if compiled code trapped.
    #[must_use]
    pub fn trap_code(&self) -> Option<TrapCode> {
        match self.0.kind {
            TrapKind::Code(code) => Some(code),
            _ => None,
        }
    }

    /// The exit code, if the guest ended itself.
    #[must_use]
    pub fn exit_code(&self) -> Option<i32> {
        match self.0.kind {
            TrapKind::Exit(code) => Some(code),
            _ => None,
        }
    }

    /// The exception, if nobody has caught it; its tag and payload can be read from the handle as long as that is good.
    #[must_use]
    pub fn exception(&self) -> Option<GcRef> {
        match self.0.kind {
            TrapKind::Exception(exception) => Some(exception),
            _ => None,
        }
    }

    /// The guest's functions that were active, innermost first.
    #[must_use]
    pub fn backtrace(&self) -> &Backtrace {
        &self.0.backtrace
    }

    pub(crate) fn backtrace_mut(&mut self) -> &mut Backtrace {
        &mut self.0.backtrace
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.kind {
            TrapKind::Code(code) => code.fmt(f),
            TrapKind::Exit(code) => write!(f, "the guest exited with code {code}"),
            TrapKind::Host(error) => error.fmt(f),
            TrapKind::Exception(_) => f.write_str("uncaught exception"),
        }
    }
}

impl fmt::Debug for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trap")
            .field("kind", &self.0.kind)
            .field("backtrace", &self.0.backtrace)
            .finish()
    }
}

impl Error for Trap {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0.kind {
            TrapKind::Host(error) => error.source(),
            _ => None,
        }
    }
}

impl From<TrapCode> for Trap {
    fn from(code: TrapCode) -> Self {
        Self::code(code)
    }
}
