//! The port to the global tier: the authoritative copy of every value, wherever it is kept.
//!
//! # Invariants
//!
//! 1. Each operation is atomic: it is seen whole or not at all, and all ranges of one read are of one version.
//! 2. Every write gives the value a version that it never had before, also after deletion, and larger than those.
//! 3. An operation that may wait returns a [`Pending`] and holds no reference to the caller's memory. One that can be
//!    done at once returns a ready one.
//! 4. The value and the list under one address are apart: a write to one does not change the other; deletion ends both.

use std::error::Error;
use std::ops::Range;

use faasm_sfi::pending::Pending;

use crate::{Address, Blame, Retry};

/// What an operation of the global tier gives, now or later.
pub type GlobalOp<T> = Pending<Result<T, GlobalError>>;

/// The state of a value between two writes; larger is later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// The version of a value that does not exist.
    pub const ABSENT: Self = Self(0);
}

/// When a write may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Whatever is there.
    Always,
    /// Only over this version; over [`Version::ABSENT`], only where nothing is.
    At(Version),
}

/// What is known of a value without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its version.
    pub version: Version,
    /// Its size in bytes.
    pub size: usize,
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The version that it was written over.
    pub before: Version,
    /// The version that it made.
    pub after: Version,
}

/// What a read found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The version that was read.
    pub version: Version,
    /// The bytes asked for, as far as the value has them, and its size.
    pub patch: Patch,
}

/// Some runs of bytes of a value, in one buffer, and the value's size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    size: usize,
    /// Where the runs lie in the value: in ascending order, apart from one another, not empty.
    runs: Vec<Range<usize>>,
    /// The bytes of the runs, one after the other.
    bytes: Vec<u8>,
}

impl Patch {
    /// No bytes yet, of a value of `size` bytes.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { size, ..Self::default() }
    }

    /// Has `read` write the bytes of each of `runs`, clipped to the value's size, into the patch.
    ///
    /// # Errors
    ///
    /// What `read` says.
    pub fn gather<E>(
        size: usize,
        runs: &[Range<usize>],
        mut read: impl FnMut(usize, &mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut patch = Self::new(size);
        let clipped =
            runs.iter().map(|run| run.start..run.end.min(size)).filter(|run| !run.is_empty());
        patch.runs = clipped.collect();
        patch.bytes = vec![0; patch.runs.iter().map(Range::len).sum()];
        let mut rest = patch.bytes.as_mut_slice();
        for run in &patch.runs {
            let (bytes, after) = rest.split_at_mut(run.len());
            read(run.start, bytes)?;
            rest = after;
        }
        Ok(patch)
    }

    /// The size of the whole value, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many bytes the runs have together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Where the runs lie in the value.
    #[must_use]
    pub fn runs(&self) -> &[Range<usize>] {
        &self.runs
    }

    /// Each run: its offset in the value, and its bytes.
    pub fn chunks(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.runs.iter().scan(self.bytes.as_slice(), |rest, run| {
            let (bytes, after) = rest.split_at(run.len());
            *rest = after;
            Some((run.start, bytes))
        })
    }

    /// The buffer: the runs' bytes one after the other.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Where pushed values live. See the module's page for what every implementation keeps.
pub trait GlobalTier: Send + Sync {
    /// Version and size, or `None` if the value does not exist.
    fn stat(&self, at: &Address) -> GlobalOp<Option<Stat>>;

    /// The bytes of `ranges` (ascending, apart), as far as the value has them; `0..usize::MAX` is all of it.
    fn get(&self, at: &Address, ranges: &[Range<usize>]) -> GlobalOp<Option<Fetched>>;

    /// Makes `bytes` the whole value, with their length as its size.
    fn set(&self, at: &Address, bytes: Vec<u8>, when: Condition) -> GlobalOp<Written>;

    /// Writes the runs of `patch` into the value. It becomes at least `patch.size()` bytes long, zero where nothing was
    /// written, and never shorter than it was.
    fn set_ranges(&self, at: &Address, patch: Patch, when: Condition) -> GlobalOp<Written>;

    /// Removes the value and its list; `false` if neither was there.
    fn delete(&self, at: &Address, when: Condition) -> GlobalOp<bool>;

    /// Adds an element to the end of the list; the list's new length.
    fn append(&self, at: &Address, element: Vec<u8>) -> GlobalOp<usize>;

    /// The first elements of the list: at most `most` of them, and only whole ones that have at most `max_bytes` bytes
    /// together.
    fn read_appended(&self, at: &Address, most: usize, max_bytes: usize) -> GlobalOp<Vec<Vec<u8>>>;

    /// Empties the list.
    fn clear_appended(&self, at: &Address) -> GlobalOp<()>;
}

/// Why the global tier failed.
#[derive(Debug, thiserror::Error)]
pub enum GlobalError {
    /// The condition of a write did not hold; nothing was written.
    #[error("the value is at version {}, not {}", .found.0, .wanted.0)]
    Conflict {
        /// The version that the condition names.
        wanted: Version,
        /// The version that is there.
        found: Version,
    },
    /// The store has no room; nothing was written.
    #[error("no room for {asked} more bytes in a store that holds at most {capacity}")]
    Full {
        /// How many bytes more were needed.
        asked: usize,
        /// What the store may hold, in bytes.
        capacity: usize,
    },
    /// The store was not reached or refused; nothing was written.
    #[error("the store could not do it")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The answer was lost: a write may have happened or not.
    #[error("the store's answer was lost")]
    Unknown(#[source] Box<dyn Error + Send + Sync>),
}

impl GlobalError {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Conflict { .. } => Blame::Guest,
            Self::Full { .. } => Blame::Tenant,
            Self::Unavailable(_) | Self::Unknown(_) => Blame::Peer,
        }
    }

    /// Whether to try again. After [`GlobalError::Unknown`] only what may happen twice should be.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Conflict { .. } => Retry::Never,
            Self::Full { .. } | Self::Unavailable(_) | Self::Unknown(_) => Retry::Later,
        }
    }
}
