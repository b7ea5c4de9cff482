//! What a guest can leave behind that a snapshot of it does not hold.
//!
//! A [`crate::HostState`] is dropped with its call, and a newborn has another one. Arguments, variables and directories
//! are the host's and there again; random bytes and times are asked for anew. What is left here is what the guest would
//! look for in vain.

/// Something that a guest has of its host, and that would not be there after a restore.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Leftover {
    /// The guest has a file or directory open.
    #[error(
        "descriptor {fd} is open on `{path}`: close it before the initialisation ends, and open it again in the call"
    )]
    Open {
        /// Its number.
        fd: usize,
        /// The path, as the guest named it.
        path: String,
    },
    /// A standard stream, or a directory that was open from the beginning, is closed, or has another number or other
    /// rights.
    #[error(
        "descriptor {fd} was open when the initialisation began and has been closed, moved or restricted: leave it as it is, since every call begins with it again"
    )]
    Changed {
        /// Its number.
        fd: usize,
    },
    /// The guest has locked state.
    #[error("the initialisation has locked state: a lock is given up when its call ends")]
    Locks,
    /// The guest has chained calls.
    #[error("the initialisation has chained {count} calls, which nobody else can await")]
    Chained {
        /// How many.
        count: usize,
    },
}
