//! What clients did, when, and what they were told.

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use faasm_state::{Address, Combine, Condition, Key, Merge, Number, Token, Version};
use serde::{Deserialize, Serialize};

/// Values are at the first addresses, the list at the last one.
pub(crate) const VALUES: usize = 4;
/// The address of the value that is a set.
pub(crate) const SET: usize = VALUES - 1;
/// The address of the list.
pub(crate) const LIST: usize = VALUES;

/// Nanoseconds of the system's monotonic clock, which all processes share.
pub(crate) type Time = u64;

/// An operation, from its beginning to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    /// Of this operation alone; what it writes follows from it.
    pub(crate) id: u64,
    pub(crate) client: u64,
    pub(crate) address: usize,
    pub(crate) op: Op,
    pub(crate) invoked: Time,
    pub(crate) ended: Time,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Op {
    Set {
        len: usize,
        when: When,
    },
    SetRanges {
        offset: usize,
        len: usize,
        size: usize,
        when: When,
    },
    Merge {
        offset: usize,
        len: usize,
        when: When,
    },
    Union {
        members: usize,
        when: When,
    },
    Delete {
        at: u64,
        under: Option<(u64, u64)>,
    },
    Get,
    Stat,
    Watch {
        seen: u64,
    },
    Append {
        len: usize,
        under: Option<(u64, u64)>,
    },
    Take {
        most: usize,
        waits: bool,
        under: Option<(u64, u64)>,
    },
    Clear {
        under: Option<(u64, u64)>,
    },
    /// Of the list, with its address.
    DeleteList {
        under: Option<(u64, u64)>,
    },
    ReadList,
    Lock {
        lease_ms: u64,
    },
    TryLock {
        lease_ms: u64,
    },
    Renew {
        token: (u64, u64),
        lease_ms: u64,
    },
    Unlock {
        token: (u64, u64),
    },
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct When {
    pub(crate) at: Option<u64>,
    pub(crate) under: Option<(u64, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Written {
        before: u64,
        after: u64,
    },
    Deleted(bool),
    Fetched(Option<Seen>),
    Stat(Option<(u64, usize)>),
    Appended(usize),
    Elements(Vec<u64>),
    Granted {
        epoch: u64,
        nonce: u64,
    },
    Done,
    /// Somebody else has the lock.
    Taken,
    Conflict {
        found: u64,
    },
    /// Refused for another reason: it has not happened.
    Refused(String),
    /// The tier said that it has not happened.
    Unavailable(String),
    /// It may have happened.
    Unknown(String),
    /// The client did not want to wait any longer.
    GaveUp,
    /// It had not ended by the tier's own deadline.
    Late,
}

/// What was read of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) version: u64,
    pub(crate) size: usize,
    pub(crate) digest: u64,
}

impl When {
    pub(crate) fn condition(self) -> Condition {
        Condition::ALWAYS.under(self.under.map(token)).with(self.at)
    }
}

trait With {
    fn with(self, at: Option<u64>) -> Self;
}

impl With for Condition {
    fn with(self, at: Option<u64>) -> Self {
        Self { at: at.map(Version), ..self }
    }
}

pub(crate) fn token((epoch, nonce): (u64, u64)) -> Token {
    Token { epoch, nonce }
}

impl Op {
    /// Its condition, if it is one that writes a value.
    pub(crate) fn when(&self) -> Option<When> {
        match self {
            Self::Set { when, .. }
            | Self::SetRanges { when, .. }
            | Self::Merge { when, .. }
            | Self::Union { when, .. } => Some(*when),
            Self::Delete { at, under } => Some(When { at: Some(*at), under: *under }),
            _ => None,
        }
    }

    /// The token that it is to be done under.
    pub(crate) fn under(&self) -> Option<(u64, u64)> {
        match self {
            Self::Append { under, .. }
            | Self::Take { under, .. }
            | Self::Clear { under }
            | Self::DeleteList { under } => *under,
            _ => self.when()?.under,
        }
    }

    /// Whether it removes all elements.
    pub(crate) fn empties(&self) -> bool {
        matches!(self, Self::Clear { .. } | Self::DeleteList { .. })
    }

    /// The value after it, of `before`: what every tier must do.
    pub(crate) fn apply(&self, id: u64, before: Option<&[u8]>) -> Option<Vec<u8>> {
        let mut value = before.unwrap_or_default().to_vec();
        match self {
            Self::Set { len, .. } => value = fill(id, *len),
            Self::SetRanges { offset, len, size, .. } => {
                let end = (offset + len).max(*size);
                if value.len() < end {
                    value.resize(end, 0);
                }
                value[*offset..offset + len].copy_from_slice(&fill(id, *len));
            }
            Self::Merge { offset, len, .. } => {
                merge(id, *offset, *len).apply(&mut value).ok()?;
            }
            Self::Union { members, .. } => {
                union(id, *members).apply(&mut value).ok()?;
            }
            Self::Delete { .. } => return None,
            _ => {}
        }
        Some(value)
    }
}

/// The numbers that operation `id` adds.
pub(crate) fn merge(id: u64, offset: usize, len: usize) -> Merge {
    let bytes = fill(id, len);
    Merge::Numbers { combine: Combine::Sum, number: Number::I64, offset, bytes }
}

/// The members that operation `id` adds: its number is in the first one, others are those of many.
pub(crate) fn union(id: u64, members: usize) -> Merge {
    let few = |n: usize| fill(id % 16, 8 + n);
    Merge::Union((0..members).map(|n| if n == 0 { fill(id, 8) } else { few(n) }).collect())
}

/// What operation `id` writes: its number first.
pub(crate) fn fill(id: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(id).fill(&mut bytes);
    let number = id.to_le_bytes();
    let head = len.min(8);
    bytes[..head].copy_from_slice(&number[..head]);
    bytes
}

pub(crate) fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

pub(crate) fn address(index: usize) -> Address {
    let keys: [&[u8]; VALUES + 1] = [b"one", b"t{w}o", b"three/\0\xff", b"set", b"list"];
    let key = Key::new(keys[index]).unwrap_or_else(|error| unreachable!("{error}"));
    Address { namespace: Arc::from("faults"), key }
}
