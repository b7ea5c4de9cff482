//! What can go wrong with state, whose fault it is, and whether to try again.

use faasm_sfi::shared::RegionError;

use crate::{GlobalError, Key, LockError};

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
    /// This host has no memory, descriptors or address space for the value.
    #[error("memory of state value {key}")]
    Memory {
        /// The value.
        key: Key,
        /// What the system said.
        #[source]
        source: RegionError,
    },
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
            | Self::Lock { .. } => Blame::Guest,
            Self::TooLarge { .. } | Self::TooManyValues { .. } => Blame::Tenant,
            Self::Memory { .. } => Blame::Host,
            Self::Global { source, .. } => source.blame(),
        }
    }

    /// Whether to try again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::TooManyValues { .. } => Retry::Later,
            Self::Memory { .. } => Retry::Elsewhere,
            Self::Global { source, .. } => source.retry(),
            _ => Retry::Never,
        }
    }
}
