//! What can go wrong with state, whose fault it is, and whether to try again.

use faasm_sfi::shared::RegionError;

use crate::{Consistency, GlobalError, Key, LockError, MergeError};

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The function's code asked for something that no configuration allows.
    Guest,
    /// The tenant has used up what it was given.
    Tenant,
    /// This machine or this program.
    Host,
    /// Something on the other end of a connection.
    Peer,
}

/// Whether doing the same again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same request fails the same way.
    Never,
    /// Another host may do it.
    Elsewhere,
    /// The same host may do it later.
    Later,
}

/// Why an operation on state failed.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A key has at least one byte.
    #[error("the state key is empty")]
    EmptyKey,
    /// A key has at most [`Key::MAX_LEN`] bytes.
    #[error("a state key of {len} bytes is longer than {}", Key::MAX_LEN)]
    KeyTooLong {
        /// The length given, in bytes.
        len: usize,
    },
    /// The value, the list element or what another host pushed is over the limit for one value.
    #[error("{asked} bytes for state value {key} are over the limit of {max}")]
    TooLarge {
        /// The value.
        key: Key,
        /// The size asked for or found, in bytes.
        asked: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// The namespace has as many values here as it may, all of them in use or dirty.
    #[error("no room for state value {key}: the namespace has {max} values in use")]
    TooManyValues {
        /// The value that was to be made.
        key: Key,
        /// The limit.
        max: usize,
    },
    /// The bytes asked for are not all inside the value.
    #[error("{len} bytes at offset {offset} are not inside state value {key} of {size} bytes")]
    OutOfBounds {
        /// The value.
        key: Key,
        /// First byte asked for.
        offset: usize,
        /// How many bytes.
        len: usize,
        /// The value's size at that moment, in bytes.
        size: usize,
    },
    /// A pointer to nothing was asked for.
    #[error("no bytes of state value {key} were asked for, and no page can be mapped for that")]
    NothingToMap {
        /// The value.
        key: Key,
    },
    /// A mask must be as large as the value it masks.
    #[error("mask {mask} has {mask_size} bytes, but state value {key} has {size}")]
    MaskSize {
        /// The value to push.
        key: Key,
        /// Its size, in bytes.
        size: usize,
        /// The mask.
        mask: Key,
        /// The mask's size, in bytes.
        mask_size: usize,
    },
    /// The value was deleted while this handle to it was kept.
    #[error("state value {key} was deleted")]
    Gone {
        /// The value.
        key: Key,
    },
    /// A lock was misused.
    #[error("lock on state value {key}")]
    Lock {
        /// The value.
        key: Key,
        /// How.
        #[source]
        source: LockError,
    },
    /// The call had the value's global lock, and its lease ended before it was renewed: others may have it by now. What
    /// the call pushed while it had it was kept; what it pushes now would not be under the lock.
    #[error(
        "the global lock on state value {key} was lost: its lease ended before it could be renewed"
    )]
    LockLost {
        /// The value.
        key: Key,
    },
    /// The value's consistency wants a lock for this.
    #[error("state value {key} is kept `strong`: {what} needs its global {lock} lock")]
    NeedsLock {
        /// The value.
        key: Key,
        /// What was asked for.
        what: &'static str,
        /// Which lock.
        lock: &'static str,
    },
    /// The value's consistency does not allow this.
    #[error("state value {key} is kept `{consistency}`, which does not go together with {what}")]
    NotUnder {
        /// The value.
        key: Key,
        /// What was asked for.
        what: &'static str,
        /// The consistency.
        consistency: Consistency,
    },
    /// The bytes of the value on this host are not what its kind of merge is made for.
    #[error("state value {key} cannot be merged as it is on this host")]
    Unmergeable {
        /// The value.
        key: Key,
        /// Why not.
        #[source]
        source: MergeError,
    },
    /// The namespace has as many bytes here as it may, all of them mapped or dirty.
    #[error(
        "no room for {asked} more bytes of state value {key}: of {max} for the namespace, all are mapped or not pushed"
    )]
    OverBudget {
        /// The value.
        key: Key,
        /// How many bytes more were needed.
        asked: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// This host has no memory, descriptors or address space for the value.
    #[error("memory of state value {key}")]
    Memory {
        /// The value.
        key: Key,
        /// What the system said.
        #[source]
        source: RegionError,
    },
    /// The global tier could not say what it has.
    #[error("global tier, for a list of keys")]
    Listing(#[source] GlobalError),
    /// The global tier failed.
    #[error("global tier, for state value {key}")]
    Global {
        /// The value.
        key: Key,
        /// How.
        #[source]
        source: GlobalError,
    },
}

impl StateError {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::EmptyKey
            | Self::KeyTooLong { .. }
            | Self::OutOfBounds { .. }
            | Self::NothingToMap { .. }
            | Self::MaskSize { .. }
            | Self::Gone { .. }
            | Self::Lock { .. }
            | Self::NeedsLock { .. }
            | Self::NotUnder { .. }
            | Self::Unmergeable { .. } => Blame::Guest,
            Self::TooLarge { .. } | Self::TooManyValues { .. } | Self::OverBudget { .. } => {
                Blame::Tenant
            }
            Self::LockLost { .. } => Blame::Peer,
            Self::Memory { .. } => Blame::Host,
            Self::Global { source, .. } | Self::Listing(source) => source.blame(),
        }
    }

    /// Whether to try again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::TooManyValues { .. } | Self::OverBudget { .. } | Self::LockLost { .. } => {
                Retry::Later
            }
            Self::Memory { .. } => Retry::Elsewhere,
            Self::Global { source, .. } | Self::Listing(source) => source.retry(),
            _ => Retry::Never,
        }
    }
}
