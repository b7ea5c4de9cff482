//! The tables of a durable tier's file, and reading them.
//!
//! # Layout
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | name | number: `format`, `version` (the last that was given), `epochs` (all of the tokens that were given are below), `used` (bytes), `commits` |
//! | `addresses` | namespace, key | [`Record`] |
//! | `chunks` | id, index | up to [`CHUNK`] bytes of a value |
//! | `elements` | id, number | an element of a list |
//!
//! An address' id is given once. A chunk that is missing, or shorter than its value goes on, is zero there.

use std::ops::{Bound, Range};

use faasm_state::{Address, Entry, Fetched, Key, Patch, Stat, Version};
use redb::{ReadableTable, StorageError, TableDefinition};

/// What this program writes; it reads no other yet.
pub(super) const FORMAT: u64 = 1;

/// Bytes of a chunk. With the store's own bytes it just fits a page of 64 KiB, of which the store only makes powers of
/// two.
pub(super) const CHUNK: usize = (64 << 10) - 128;

/// What an address or a list element costs beside its bytes.
const OVERHEAD: usize = 128;

pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
pub(super) const ADDRESSES: TableDefinition<'_, (&str, &[u8]), Fields> =
    TableDefinition::new("addresses");
pub(super) const CHUNKS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("chunks");
pub(super) const ELEMENTS: TableDefinition<'_, (u64, u64), &[u8]> =
    TableDefinition::new("elements");

/// A [`Record`] as it is stored.
pub(super) type Fields = (u64, u64, u64, u64, u64);

/// What is known of an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// The address' own number; 0 is none yet.
    pub(super) id: u64,
    /// The value's version; 0 if there is no value.
    pub(super) version: u64,
    /// The value's bytes.
    pub(super) size: u64,
    /// The number of the list's first element.
    pub(super) first: u64,
    /// The number that the list's next element will have.
    pub(super) next: u64,
}

impl Record {
    pub(super) fn fields(self) -> Fields {
        (self.id, self.version, self.size, self.first, self.next)
    }

    pub(super) fn of((id, version, size, first, next): Fields) -> Self {
        Self { id, version, size, first, next }
    }

    pub(super) fn stat(&self) -> Option<Stat> {
        let version = Version(self.version);
        (version != Version::ABSENT).then(|| Stat { version, size: self.size() })
    }

    /// Sizes came from this machine's `usize`.
    pub(super) fn size(&self) -> usize {
        usize::try_from(self.size).unwrap_or(usize::MAX)
    }

    pub(super) fn appended(&self) -> usize {
        usize::try_from(self.next - self.first).unwrap_or(usize::MAX)
    }
}

/// What an address costs beside the bytes of its value.
pub(super) fn overhead(at: &Address) -> usize {
    OVERHEAD + at.namespace.len() + at.key.as_bytes().len()
}

/// What an element costs.
pub(super) fn element_cost(element: &[u8]) -> usize {
    element.len().saturating_add(OVERHEAD)
}

pub(super) fn name(at: &Address) -> (&str, &[u8]) {
    (&at.namespace, at.key.as_bytes())
}

pub(super) fn find(
    addresses: &impl ReadableTable<(&'static str, &'static [u8]), Fields>,
    at: &Address,
) -> Result<Option<Record>, StorageError> {
    Ok(addresses.get(name(at))?.map(|found| Record::of(found.value())))
}

/// Reads the bytes from `offset` on into `into`, which is zero.
pub(super) fn read(
    chunks: &impl ReadableTable<(u64, u64), &'static [u8]>,
    id: u64,
    offset: usize,
    into: &mut [u8],
) -> Result<(), StorageError> {
    if into.is_empty() {
        return Ok(());
    }
    let asked = offset..offset + into.len();
    let [first, last] = [offset, asked.end - 1].map(|byte| (byte / CHUNK) as u64);
    for entry in chunks.range((id, first)..=(id, last))? {
        let (place, chunk) = entry?;
        let start = usize::try_from(place.value().1).unwrap_or(usize::MAX).saturating_mul(CHUNK);
        let chunk = chunk.value();
        let both = start.max(asked.start)..start.saturating_add(chunk.len()).min(asked.end);
        if !both.is_empty() {
            let bytes = &chunk[both.start - start..both.end - start];
            into[both.start - offset..both.end - offset].copy_from_slice(bytes);
        }
    }
    Ok(())
}

pub(super) fn fetch(
    chunks: &impl ReadableTable<(u64, u64), &'static [u8]>,
    record: &Record,
    ranges: &[Range<usize>],
) -> Result<Fetched, StorageError> {
    let read = |offset: usize, into: &mut [u8]| read(chunks, record.id, offset, into);
    let patch = Patch::gather(record.size(), ranges, read)?;
    Ok(Fetched { version: Version(record.version), patch })
}

/// The first elements: at most `most`, and only whole ones with at most `max_bytes` together.
pub(super) fn elements(
    elements: &impl ReadableTable<(u64, u64), &'static [u8]>,
    record: &Record,
    most: usize,
    max_bytes: usize,
) -> Result<Vec<Vec<u8>>, StorageError> {
    let (mut fitting, mut left) = (Vec::new(), max_bytes);
    for entry in elements.range((record.id, record.first)..(record.id, record.next))?.take(most) {
        let element = entry?.1;
        let Some(less) = left.checked_sub(element.value().len()) else { break };
        left = less;
        fitting.push(element.value().to_vec());
    }
    Ok(fitting)
}

pub(super) fn list(
    addresses: &impl ReadableTable<(&'static str, &'static [u8]), Fields>,
    namespace: &str,
    prefix: &[u8],
    after: Option<&Key>,
    most: usize,
) -> Result<Vec<Entry>, StorageError> {
    let start = match after {
        Some(after) if after.as_bytes() >= prefix => Bound::Excluded((namespace, after.as_bytes())),
        _ => Bound::Included((namespace, prefix)),
    };
    let mut listed = Vec::new();
    for entry in addresses.range::<(&str, &[u8])>((start, Bound::Unbounded))?.take(most) {
        let (place, record) = entry?;
        let (inside, key) = place.value();
        if inside != namespace || !key.starts_with(prefix) {
            break;
        }
        let record = Record::of(record.value());
        // What is stored was a key.
        let Ok(key) = Key::new(key) else { continue };
        listed.push(Entry { key, stat: record.stat(), appended: record.appended() });
    }
    Ok(listed)
}
