//! WASI preview 1 (`wasi_snapshot_preview1.witx`): what programs of clang, rustc and others expect of a system.
//!
//! Every pointer and length is checked on a copy before anything is done with it. What is wrong is told by a number; a
//! guest is ended only by `proc_exit`, or when its time is up.

pub(crate) mod errno;
pub(crate) mod rights;

pub(crate) mod clock;
pub(crate) mod fd;
pub(crate) mod io;
pub(crate) mod layout;
pub(crate) mod path;
pub(crate) mod poll;
pub(crate) mod process;
pub(crate) mod socket;

use faasm_vm::{GuestMemoryError, Trap};

use self::errno::Errno;

/// A WASI call that was not done.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The guest is told why.
    Errno(Errno),
    /// The guest ends.
    Trap(Trap),
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<GuestMemoryError> for Refusal {
    fn from(_: GuestMemoryError) -> Self {
        Self::Errno(Errno::Fault)
    }
}

impl From<Trap> for Refusal {
    fn from(trap: Trap) -> Self {
        Self::Trap(trap)
    }
}

/// What compiled code gets: the error's number, 0 for none.
pub(crate) fn answer(_function: &'static str, result: Result<(), Refusal>) -> Result<u32, Trap> {
    match result {
        Ok(()) => Ok(0),
        Err(Refusal::Errno(errno)) => Ok(u32::from(errno as u16)),
        Err(Refusal::Trap(trap)) => Err(trap),
    }
}
