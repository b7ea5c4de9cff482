//! The snapshot file, version 0: a store's snapshot as bytes under a seal. It serves tests and is kept nowhere; the
//! format of chunks and manifests replaces it.
//!
//! # Layout
//!
//! Numbers are little-endian.
//!
//! ```text
//!   0   8  magic "FAASMSNP"
//!   8   4  version: 0
//!  12   4  number of sections: 3
//!  16  16  section 0, the description: u64 offset in the file, u64 length
//!  32  16  section 1, the runs: likewise
//!  48  16  section 2, the pages: likewise
//!  64      the sections, in this order, with nothing between them
//!          the seal (faasm_abi::seal): 80 bytes
//! ```
//!
//! * The description is the vm's own ([`StoreSnapshot::describe`]).
//! * A run is 16 bytes: u64 offset of its first page in the slot, u64 number of its pages, not 0. Runs ascend and do
//!   not touch.
//! * The pages are those of all runs, in order, 4096 bytes each. They hold the guests' memories, tables, globals and
//!   contexts; the fields of contexts and descriptors that hold addresses of a process are zero, and whatever they are
//!   they are overwritten. Shared memories are at the offsets where the store's slot shows them.
//!
//! # Invariants
//!
//! * A store has one file: there is no choice of order, of padding or of what a zero page is.
//! * Nothing of a file is looked at before its seal holds: restoring it is running it.

use faasm_vm::{Engine, SNAPSHOT_PAGE, SealError, SealKey, SnapshotError, StoreSnapshot, Trusted};

const MAGIC: &[u8; 8] = b"FAASMSNP";
/// Of the format.
const VERSION: u32 = 0;
const SECTIONS: usize = 3;
const SECTION_BYTES: usize = 16;
const HEADER_BYTES: usize = 16 + SECTIONS * SECTION_BYTES;
const RUN_BYTES: usize = 16;

const _: () = assert!(HEADER_BYTES == 64 && SNAPSHOT_PAGE == 4096, "the page above says so");

/// Why a file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No seal, or not ours, or the file was changed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Something else.
    #[error("this is not a snapshot file")]
    Magic,
    /// Another version of the format.
    #[error(
        "the snapshot file has version {found}, and {VERSION} is read here: take the snapshot again"
    )]
    Version {
        /// In the file.
        found: u32,
    },
    /// The sections do not fit the file or one another.
    #[error("the snapshot file is malformed: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// The sections do not make a snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

const fn malformed(what: &'static str) -> ReadError {
    ReadError::Malformed { what }
}

/// The file of a snapshot, sealed with `key`.
#[must_use]
pub fn write(snapshot: &StoreSnapshot, key: &SealKey) -> Vec<u8> {
    let description = snapshot.describe();
    let runs: Vec<u8> = snapshot
        .runs()
        .iter()
        .flat_map(|run| [run.offset, (run.bytes.len() / SNAPSHOT_PAGE) as u64])
        .flat_map(u64::to_le_bytes)
        .collect();
    let pages: usize = snapshot.runs().iter().map(|run| run.bytes.len()).sum();
    let mut file = Vec::with_capacity(HEADER_BYTES + description.len() + runs.len() + pages + 80);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&VERSION.to_le_bytes());
    file.extend_from_slice(&[3, 0, 0, 0]);
    let mut at = HEADER_BYTES as u64;
    for len in [description.len(), runs.len(), pages] {
        file.extend_from_slice(&at.to_le_bytes());
        file.extend_from_slice(&(len as u64).to_le_bytes());
        at += len as u64;
    }
    file.extend_from_slice(&description);
    file.extend_from_slice(&runs);
    snapshot.runs().iter().for_each(|run| file.extend_from_slice(&run.bytes));
    key.seal(file)
}

/// The snapshot of a file that was sealed with the engine's key.
///
/// # Errors
///
/// [`ReadError`].
pub fn read(engine: &Engine, file: &[u8]) -> Result<StoreSnapshot, ReadError> {
    let file = engine.unseal(file)?;
    let [description, runs, pages] = sections(file)?;
    let (entries, rest) = runs.bytes().as_chunks::<RUN_BYTES>();
    if !rest.is_empty() {
        return Err(malformed("there is a piece of a run"));
    }
    let mut at = 0;
    let runs = entries
        .iter()
        .map(|entry| {
            let (offset, n_pages) = (word(entry, 0), word(entry, 8));
            let bytes = take(pages, &mut at, n_pages)?;
            Some((offset, bytes))
        })
        .collect::<Option<Vec<_>>>()
        .ok_or(malformed("a run has more pages than there are"))?;
    if at != pages.bytes().len() {
        return Err(malformed("there are pages of no run"));
    }
    Ok(StoreSnapshot::from_parts(description, runs)?)
}

/// The next so many pages.
fn take<'a>(pages: Trusted<'a>, at: &mut usize, n_pages: u64) -> Option<Trusted<'a>> {
    let len = usize::try_from(n_pages).ok()?.checked_mul(SNAPSHOT_PAGE)?;
    let end = at.checked_add(len)?;
    let bytes = pages.get(*at..end)?;
    *at = end;
    Some(bytes)
}

/// The sections, which must fill the file behind the header.
fn sections(file: Trusted<'_>) -> Result<[Trusted<'_>; SECTIONS], ReadError> {
    let header = file.bytes().get(..HEADER_BYTES).ok_or(ReadError::Magic)?;
    if !header.starts_with(MAGIC) {
        return Err(ReadError::Magic);
    }
    let half = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if half(8) != VERSION {
        return Err(ReadError::Version { found: half(8) });
    }
    if half(12) as usize != SECTIONS {
        return Err(malformed("it has another number of sections"));
    }
    let mut end = HEADER_BYTES;
    let mut sections = [file; SECTIONS];
    for (index, section) in sections.iter_mut().enumerate() {
        let entry = 16 + index * SECTION_BYTES;
        let misplaced = || malformed("a section is not where it must be");
        let start = usize::try_from(word(header, entry)).map_err(|_| misplaced())?;
        let len = usize::try_from(word(header, entry + 8)).map_err(|_| misplaced())?;
        let next = start.checked_add(len).filter(|_| start == end).ok_or_else(misplaced)?;
        *section = file.get(start..next).ok_or_else(misplaced)?;
        end = next;
    }
    if end == file.bytes().len() { Ok(sections) } else { Err(malformed("there is a rest")) }
}

/// The number at `at`, which is 8 bytes before the end at least.
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests;
