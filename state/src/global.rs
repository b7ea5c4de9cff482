//! The port to the global tier: the authoritative copy of every value, wherever it is kept.
//!
//! # Invariants
//!
//! 1. Each operation is atomic: it is seen whole or not at all, and all ranges of one read are of one version.
//! 2. Every write gives the value a version that it never had before, also after deletion, and larger than those.
//! 3. An operation that may wait returns a [`Pending`] and holds no reference to the caller's memory. One that can be
//!    done at once returns a ready one.
//! 4. The value and the list under one address are apart: a write to one does not change the other; deletion ends both.
//! 5. An operation ends by a deadline of the tier's own, but for those that wait for others by their nature
//!    ([`GlobalTier::lock`], [`GlobalTier::watch`], [`GlobalTier::take_appended`] that waits): these end when they are
//!    dropped, and leave nothing behind. Elements that were taken for an answer that nobody takes go back to the front of
//!    their list, also those of a take that does not wait.
//! 6. A lock at an address has a writer or any number of readers, each with a [`Token`]. It is a lease: it ends when it
//!    is given up, or when the time that was asked for has passed at the tier since it was last renewed. From then on its
//!    token is good for nothing, whoever has the lock then: a write under it is refused. No two tokens are ever equal, and
//!    those of one address grow. Locks hold off only those who ask for them, and are not touched by deletion.
//! 7. An operation that fails says whether it happened: it did not, but for [`GlobalError::Unknown`].

mod flow;
mod patch;

use std::error::Error;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use faasm_sfi::pending::Pending;

use crate::{Address, Blame, Key, Merge, MergeError, Mode, Retry};

pub use flow::{Copied, Gathered, Outgoing, Sink, Source};
pub use patch::Patch;

/// What an operation of the global tier gives, now or later.
pub type GlobalOp<T> = Pending<Result<T, GlobalError>>;

/// The state of a value between two writes; larger is later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// The version of a value that does not exist.
    pub const ABSENT: Self = Self(0);
}

/// When a write may happen: if all that is asked holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Only over this version; over [`Version::ABSENT`], only where nothing is. `None`: whatever is there.
    pub at: Option<Version>,
    /// Only while this token's holder has the address' lock as its writer.
    pub under: Option<Token>,
}

impl Condition {
    /// Whatever is there.
    pub const ALWAYS: Self = Self { at: None, under: None };

    /// Only over this version; over [`Version::ABSENT`], only where nothing is.
    #[must_use]
    pub const fn at(version: Version) -> Self {
        Self { at: Some(version), under: None }
    }

    /// The same, and under this token.
    #[must_use]
    pub const fn under(self, token: Option<Token>) -> Self {
        Self { under: token, ..self }
    }
}

/// What a holder of a lock shows with each write under it (a *fencing token*).
///
/// The epoch grows with each time that the lock is given, so that a resource outside the tier can tell a late holder from
/// the present one. The nonce is random: should a tier that lost its latest writes in a failover give an epoch twice, the
/// two holders are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    /// Larger than that of every earlier holder.
    pub epoch: u64,
    /// Random.
    pub nonce: u64,
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

/// What a merge did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The versions.
    pub written: Written,
    /// If they were asked for: what the numbers that were merged are now, or the whole set.
    pub result: Option<Vec<u8>>,
}

/// What is at an address, in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: Key,
    /// The value, if there is one.
    pub stat: Option<Stat>,
    /// How many elements its list has.
    pub appended: usize,
}

/// Whether an operation waits until there is something for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It answers with what there is.
    Not,
    /// It waits for something.
    UntilThere,
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

    /// The same as [`GlobalTier::get`], into `into`. Version and size, or `None` if the value does not exist: then `into`
    /// was told nothing. If it fails, `into` may have been told some of it.
    fn pull(
        &self,
        at: &Address,
        ranges: &[Range<usize>],
        into: Arc<dyn Sink>,
    ) -> GlobalOp<Option<Stat>> {
        self.get(at, ranges).map(move |fetched| {
            let Some(Fetched { version, patch }) = fetched? else { return Ok(None) };
            let stat = Stat { version, size: patch.size() };
            into.begin(stat)
                .and_then(|()| {
                    patch.chunks().try_for_each(|(offset, bytes)| into.write(offset, bytes))
                })
                .map_err(|error| GlobalError::Unavailable(error.into()))?;
            Ok(Some(stat))
        })
    }

    /// The same as [`GlobalTier::set`] and [`GlobalTier::set_ranges`], of bytes that are read when they are sent.
    fn push(&self, at: &Address, outgoing: Outgoing, when: Condition) -> GlobalOp<Written> {
        match outgoing.gather() {
            Ok(patch) if outgoing.replaces => self.set(at, patch.into_bytes(), when),
            Ok(patch) => self.set_ranges(at, patch, when),
            Err(error) => Pending::ready(Err(GlobalError::Unavailable(error.into()))),
        }
    }

    /// Removes the value and its list; `false` if neither was there.
    fn delete(&self, at: &Address, when: Condition) -> GlobalOp<bool>;

    /// Merges `change` into the value as [`Merge`] says; with the merged numbers or set, if they are `wanted`.
    fn merge(&self, at: &Address, change: Merge, when: Condition, wanted: bool)
    -> GlobalOp<Merged>;

    /// Adds an element to the end of the list; the list's new length.
    fn append(&self, at: &Address, element: Vec<u8>, under: Option<Token>) -> GlobalOp<usize>;

    /// The first elements of the list: at most `most` of them, and only whole ones that have at most `max_bytes` bytes
    /// together.
    fn read_appended(&self, at: &Address, most: usize, max_bytes: usize) -> GlobalOp<Vec<Vec<u8>>>;

    /// Takes those elements out of the list, in one step with reading them. With [`Wait::UntilThere`] it waits for the
    /// first element; one that is over `max_bytes` alone stays, and none are given.
    fn take_appended(
        &self,
        at: &Address,
        most: usize,
        max_bytes: usize,
        wait: Wait,
        under: Option<Token>,
    ) -> GlobalOp<Vec<Vec<u8>>>;

    /// Empties the list.
    fn clear_appended(&self, at: &Address, under: Option<Token>) -> GlobalOp<()>;

    /// Version and size as soon as the version is another than `seen`; `None` if the value does not exist then.
    fn watch(&self, at: &Address, seen: Version) -> GlobalOp<Option<Stat>>;

    /// What there is in `namespace` with keys that begin with `prefix` and come after `after`, in the order of their
    /// bytes: at most `most`.
    fn list(
        &self,
        namespace: &str,
        prefix: &[u8],
        after: Option<&Key>,
        most: usize,
    ) -> GlobalOp<Vec<Entry>>;

    /// Takes the lock at this address, now or when its turn comes, for `lease` at a time. `None` if its turn does not come
    /// within `patience` (of zero: if it can't be had now); without a `patience` it waits for as long as it takes. Who is
    /// answered `None` has left the queue: what is asked behind the answer, by anybody, finds nothing of it.
    ///
    /// Who drops the operation leaves the queue too, soon after. If the lock is given in that moment, it is given up then,
    /// and ends with its lease at the latest.
    fn lock(
        &self,
        at: &Address,
        mode: Mode,
        lease: Duration,
        patience: Option<Duration>,
    ) -> GlobalOp<Option<Token>>;

    /// Has the lock last for `lease` from now on, if it has not ended.
    fn renew(&self, at: &Address, token: Token, lease: Duration) -> GlobalOp<()>;

    /// Gives the lock up.
    fn unlock(&self, at: &Address, token: Token) -> GlobalOp<()>;
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
    /// The lock that the operation was to be done under has ended, or was never had as its writer; nothing was written.
    #[error("the lock is not held any more: its lease ended before it was renewed")]
    Fenced,
    /// The value is not what the merge is made for; nothing was written.
    #[error("the value cannot be merged: {0}")]
    Unmergeable(#[from] MergeError),
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
            Self::Conflict { .. } | Self::Unmergeable(_) => Blame::Guest,
            Self::Full { .. } => Blame::Tenant,
            Self::Fenced | Self::Unavailable(_) | Self::Unknown(_) => Blame::Peer,
        }
    }

    /// Whether to try again. After [`GlobalError::Unknown`] only what may happen twice should be.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Conflict { .. } | Self::Fenced | Self::Unmergeable(_) => Retry::Never,
            Self::Full { .. } | Self::Unavailable(_) | Self::Unknown(_) => Retry::Later,
        }
    }
}
