//! How WASI's records lie in guest memory, little-endian (`typenames.witx`).

use super::errno::Errno;
use crate::files::{Entry, Fdstat, Filestat};

/// Bytes of a `subscription`.
pub(crate) const SUBSCRIPTION_BYTES: u32 = 48;

/// What `poll_oneoff` is to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) userdata: u64,
    pub(crate) wanted: Wanted,
}

/// The event of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Clock { id: u32, timeout: u64, absolute: bool },
    Read(u32),
    Write(u32),
}

impl Wanted {
    /// The number of the kind, in subscriptions and events.
    pub(crate) fn kind(self) -> u8 {
        match self {
            Self::Clock { .. } => 0,
            Self::Read(_) => 1,
            Self::Write(_) => 2,
        }
    }
}

impl Subscription {
    /// The record: userdata at 0, kind at 8, then at 16 the descriptor, or the clock with timeout at 24 and flags at 40.
    pub(crate) fn decode(bytes: &[u8; SUBSCRIPTION_BYTES as usize]) -> Result<Self, Errno> {
        let wanted = match bytes[8] {
            0 => Wanted::Clock {
                id: u32_at(bytes, 16),
                timeout: u64_at(bytes, 24),
                absolute: bytes[40] & 1 == 1,
            },
            1 => Wanted::Read(u32_at(bytes, 16)),
            2 => Wanted::Write(u32_at(bytes, 16)),
            _ => return Err(Errno::Inval),
        };
        Ok(Self { userdata: u64_at(bytes, 0), wanted })
    }
}

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) userdata: u64,
    pub(crate) error: Option<Errno>,
    pub(crate) kind: u8,
    pub(crate) bytes: u64,
    /// Whether the peer of a socket has hung up.
    pub(crate) hangup: bool,
}

impl Event {
    /// Bytes of an `event`.
    pub(crate) const BYTES: usize = 32;

    /// Adds the record: userdata at 0, error at 8, kind at 10, bytes at 16, flags at 24.
    pub(crate) fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.userdata.to_le_bytes());
        into.extend_from_slice(&self.error.map_or(0, |error| error as u16).to_le_bytes());
        into.extend_from_slice(&[self.kind, 0, 0, 0, 0, 0]);
        into.extend_from_slice(&self.bytes.to_le_bytes());
        into.extend_from_slice(&u64::from(self.hangup).to_le_bytes());
    }
}

/// Bytes of a `dirent` before its name.
pub(crate) const DIRENT_BYTES: usize = 24;

/// Adds a `dirent`: the cookie of the next one at 0, file number at 8, length of the name at 16, kind at 20; the name.
pub(crate) fn encode_entry(entry: &Entry, next: u64, into: &mut Vec<u8>) {
    let name_len = u32::try_from(entry.name.len()).unwrap_or(u32::MAX);
    into.extend_from_slice(&next.to_le_bytes());
    into.extend_from_slice(&entry.ino.to_le_bytes());
    into.extend_from_slice(&name_len.to_le_bytes());
    into.extend_from_slice(&[entry.file_type as u8, 0, 0, 0]);
    into.extend_from_slice(&entry.name);
}

impl Fdstat {
    /// The record: kind at 0, flags at 2, rights at 8, inheriting rights at 16.
    pub(crate) fn encode(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[0] = self.file_type as u8;
        bytes[2..4].copy_from_slice(&self.flags.bits().to_le_bytes()[..2]);
        bytes[8..16].copy_from_slice(&self.rights.bits().to_le_bytes());
        bytes[16..24].copy_from_slice(&self.inheriting.bits().to_le_bytes());
        bytes
    }
}

impl Filestat {
    /// The record: device at 0, number at 8, kind at 16, links at 24, size at 32, times at 40, 48 and 56.
    pub(crate) fn encode(&self) -> [u8; 64] {
        let kind = u64::from(self.file_type as u8);
        let words = [
            self.dev,
            self.ino,
            kind,
            self.links,
            self.size,
            self.accessed,
            self.modified,
            self.changed,
        ];
        let mut bytes = [0; 64];
        for (field, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *field = word.to_le_bytes();
        }
        bytes
    }
}

fn u32_at(bytes: &[u8; SUBSCRIPTION_BYTES as usize], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn u64_at(bytes: &[u8; SUBSCRIPTION_BYTES as usize], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}
