//! The manifest: the part of a snapshot that is sealed, and that vouches for the rest.
//!
//! # Layout
//!
//! Numbers are little-endian. `docs/snapshot-format.md` has every field with its invariant.
//!
//! ```text
//!   0   8  magic "FAASMSNP"
//!   8   4  version: 1
//!  12   4  format of the objects whose contexts are in the pages (faasm_abi::object::FORMAT)
//!  16   4  number of sections: 3
//!  20   4  pages of a window: 64
//!  24  16  section 0, the description: u64 offset in the file, u64 length
//!  40  16  section 1, the chunks: likewise
//!  56  16  section 2, about: likewise
//!  72      the sections, in this order, with nothing between them
//!          the seal (faasm_abi::seal): 80 bytes
//! ```
//!
//! # Invariants
//!
//! * A store has one manifest: there is no choice of order, of padding or of what a zero page is.
//! * Nothing of it is looked at before its seal holds: restoring it is running it.

use faasm_abi::object::FORMAT;
use faasm_vm::{
    Digest, Engine, SNAPSHOT_PAGE, SealError, SealKey, SnapshotError, StoreSnapshot, Trusted,
};
use serde::{Deserialize, Serialize};

use crate::chunk::{self, MOST_STORED, WINDOW_BYTES, WINDOW_PAGES};

const MAGIC: &[u8; 8] = b"FAASMSNP";
/// Of the format.
pub const VERSION: u32 = 1;
const SECTIONS: usize = 3;
const SECTION_BYTES: usize = 16;
const FIRST_SECTION: usize = 24;
const HEADER_BYTES: usize = FIRST_SECTION + SECTIONS * SECTION_BYTES;
/// Of a chunk.
const ROW_BYTES: usize = 56;
const ROW_DIGEST: usize = 24;

const _: () = assert!(HEADER_BYTES == 72 && SNAPSHOT_PAGE == 4096, "the page above says so");
const _: () = assert!(ROW_DIGEST + 32 == ROW_BYTES && WINDOW_PAGES == 64, "as the format says");
const _: () = assert!(WINDOW_BYTES == 256 << 10 && chunk::HEADER == 8, "as the format says");
// The description has layouts in it: another format of objects has others. Then the golden files must be new.
const _: () = assert!(FORMAT == 4, "snapshots are of contexts of this format");

/// Why a manifest is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// No seal, or not ours, or the file was changed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Something else.
    #[error("this is not a snapshot")]
    Magic,
    /// Another version of the format.
    #[error("the snapshot has version {found}, and {VERSION} is read here: take it again")]
    Version {
        /// In the file.
        found: u32,
    },
    /// Objects of another format.
    #[error(
        "the snapshot is of objects of format {found}, and they have {FORMAT} here: take it again"
    )]
    Format {
        /// In the file.
        found: u32,
    },
    /// The sections do not fit the file or one another.
    #[error("the snapshot's manifest is malformed: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// The description is none.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

const fn malformed(what: &'static str) -> ManifestError {
    ManifestError::Malformed { what }
}

/// A chunk of a snapshot: the pages of one window that are not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRow {
    /// Offset of the window in the slot: whole windows.
    pub offset: u64,
    /// Which pages are there, the first in the lowest bit; at least one.
    pub pages: u64,
    /// How many bytes it had where it was stored first. For people: nothing depends on it.
    pub stored: u32,
    /// Of the pages.
    pub digest: Digest,
}

impl ChunkRow {
    /// Bytes of its pages.
    #[must_use]
    pub fn raw_bytes(&self) -> usize {
        self.pages.count_ones() as usize * SNAPSHOT_PAGE
    }

    /// The runs of its pages: offset in the slot, where in the raw bytes they begin, how many bytes they are.
    pub fn runs(&self) -> impl Iterator<Item = (u64, usize, usize)> + use<> {
        let (offset, mut left) = (self.offset, self.pages);
        let mut at = 0;
        std::iter::from_fn(move || {
            let first = left.trailing_zeros();
            if left == 0 {
                return None;
            }
            let count = (left >> first).trailing_ones();
            let run = if count == 64 { u64::MAX } else { ((1 << count) - 1) << first };
            left &= !run;
            let len = count as usize * SNAPSHOT_PAGE;
            let item = (offset + u64::from(first) * SNAPSHOT_PAGE as u64, at, len);
            at += len;
            Some(item)
        })
    }

    fn encode(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.offset.to_le_bytes());
        to.extend_from_slice(&self.pages.to_le_bytes());
        to.extend_from_slice(&self.stored.to_le_bytes());
        to.extend_from_slice(&[0; 4]);
        to.extend_from_slice(self.digest.as_bytes());
    }

    fn decode(row: &[u8; ROW_BYTES]) -> Result<Self, ManifestError> {
        let digest = row.last_chunk().map_or([0; 32], |digest| *digest);
        let (offset, pages) = (word(row, 0), word(row, 8));
        let (stored, rest) = (half(row, 16), half(row, 20));
        let row = Self { offset, pages, stored, digest: Digest::from_bytes(digest) };
        let window = WINDOW_BYTES as u64;
        let inside = offset.is_multiple_of(window) && offset.checked_add(window).is_some();
        let plausible = (chunk::HEADER..=MOST_STORED).contains(&(stored as usize));
        if !inside || pages == 0 || !plausible || rest != 0 {
            return Err(malformed("a chunk that cannot be"));
        }
        Ok(row)
    }
}

/// What a snapshot says for people, and for who makes a Proto of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What it was taken of: a function or a file.
    pub source: String,
    /// The names of the modules, as far as they have one, in the order of the description's.
    pub modules: Vec<Option<String>>,
    /// The host functions that the modules import.
    pub hosts: Vec<HostImport>,
    /// What ran before it was taken.
    pub initialised: Vec<String>,
    /// Of a Proto: the number of the instance whose function it is.
    pub instance: Option<u32>,
    /// The exports of that instance that can be called as the function.
    pub entries: Vec<String>,
}

/// A host function that a module imports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostImport {
    /// The import's module.
    pub module: String,
    /// The import's name.
    pub name: String,
    /// Its type, as in the specification's text format.
    pub signature: String,
}

/// A manifest whose seal held.
#[derive(Clone, Debug)]
pub struct Manifest<'a> {
    digest: Digest,
    description: Trusted<'a>,
    rows: Trusted<'a>,
    chunks: Vec<ChunkRow>,
    about: About,
    store: StoreSnapshot,
}

impl<'a> Manifest<'a> {
    /// Opens a manifest that was sealed with the engine's key.
    ///
    /// # Errors
    ///
    /// [`ManifestError`].
    pub fn open(engine: &Engine, file: &'a [u8]) -> Result<Self, ManifestError> {
        let bytes = engine.unseal(file)?;
        let digest = engine.seal().digest(file)?;
        let sections = sections(bytes.bytes())?;
        let section = |index: usize| {
            bytes.get(sections[index].clone()).ok_or(malformed("a section is not where it must be"))
        };
        let (description, rows, about) = (section(0)?, section(1)?, section(2)?);
        let chunks = read_rows(rows.bytes())?;
        let store = StoreSnapshot::from_parts(description, [])?;
        let about = read_about(about.bytes())?;
        let unlike = about.modules.len() != store.modules().len()
            || about.instance.is_some_and(|at| u64::from(at) >= store.summary().instances);
        if unlike {
            return Err(malformed("what it is about is not what it describes"));
        }
        Ok(Self { digest, description, rows, chunks, about, store })
    }

    /// What names the snapshot: the digest of the manifest, without its seal.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The description of the store.
    #[must_use]
    pub fn description(&self) -> Trusted<'a> {
        self.description
    }

    /// The store without its pages.
    #[must_use]
    pub fn store(&self) -> &StoreSnapshot {
        &self.store
    }

    /// The chunks, ascending by offset.
    #[must_use]
    pub fn chunks(&self) -> &[ChunkRow] {
        &self.chunks
    }

    /// What it is about.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.about
    }

    /// The raw bytes of chunk `index`, if they are what the manifest says.
    #[must_use]
    pub fn vouch<'b>(&self, index: usize, raw: &'b [u8]) -> Option<Trusted<'b>> {
        let digest = index * ROW_BYTES + ROW_DIGEST..(index + 1) * ROW_BYTES;
        self.rows.get(digest)?.vouch(raw)
    }
}

/// The manifest of a store without its pages, which are in `chunks`.
#[must_use]
pub fn write(store: &StoreSnapshot, chunks: &[ChunkRow], about: &About, key: &SealKey) -> Vec<u8> {
    let mut rows = Vec::with_capacity(chunks.len() * ROW_BYTES);
    chunks.iter().for_each(|chunk| chunk.encode(&mut rows));
    // Writing to a vector fails only for types that postcard cannot encode, and these it can.
    let about = postcard::to_stdvec(about).unwrap_or_default();
    let sections = [store.describe(), rows, about];
    let mut file = MAGIC.to_vec();
    for half in [VERSION, FORMAT, 3, 64] {
        file.extend_from_slice(&half.to_le_bytes());
    }
    let mut at = HEADER_BYTES as u64;
    for section in &sections {
        file.extend_from_slice(&at.to_le_bytes());
        file.extend_from_slice(&(section.len() as u64).to_le_bytes());
        at += section.len() as u64;
    }
    sections.iter().for_each(|section| file.extend_from_slice(section));
    key.seal(file)
}

/// The digests of the chunks and of the objects that a manifest names, without a look at its seal: for who keeps them.
/// Nothing if it is none.
#[must_use]
pub fn named(file: &[u8]) -> (Vec<Digest>, Vec<Digest>) {
    let named = || {
        let bytes = &file[..file.len().checked_sub(faasm_abi::object::SEAL_BYTES)?];
        let sections = sections(bytes).ok()?;
        let chunks = read_rows(bytes.get(sections[1].clone())?).ok()?;
        let objects = StoreSnapshot::objects_of(bytes.get(sections[0].clone())?).ok()?;
        Some((chunks.iter().map(|chunk| chunk.digest).collect(), objects))
    };
    named().unwrap_or_default()
}

/// Where the sections are, which must fill the file behind the header.
fn sections(file: &[u8]) -> Result<[std::ops::Range<usize>; SECTIONS], ManifestError> {
    let header = file.get(..HEADER_BYTES).ok_or(ManifestError::Magic)?;
    if !header.starts_with(MAGIC) {
        return Err(ManifestError::Magic);
    }
    if half(header, 8) != VERSION {
        return Err(ManifestError::Version { found: half(header, 8) });
    }
    if half(header, 12) != FORMAT {
        return Err(ManifestError::Format { found: half(header, 12) });
    }
    if half(header, 16) as usize != SECTIONS || half(header, 20) as usize != WINDOW_PAGES {
        return Err(malformed("it has other sections or windows"));
    }
    let mut end = HEADER_BYTES;
    let mut sections = [0..0, 0..0, 0..0];
    for (index, section) in sections.iter_mut().enumerate() {
        let entry = FIRST_SECTION + index * SECTION_BYTES;
        let misplaced = || malformed("a section is not where it must be");
        let start = usize::try_from(word(header, entry)).map_err(|_| misplaced())?;
        let len = usize::try_from(word(header, entry + 8)).map_err(|_| misplaced())?;
        let next = start.checked_add(len).filter(|&next| start == end && next <= file.len());
        end = next.ok_or_else(misplaced)?;
        *section = start..end;
    }
    if end == file.len() { Ok(sections) } else { Err(malformed("there is a rest")) }
}

fn read_rows(bytes: &[u8]) -> Result<Vec<ChunkRow>, ManifestError> {
    let (rows, rest) = bytes.as_chunks::<ROW_BYTES>();
    if !rest.is_empty() {
        return Err(malformed("there is a piece of a chunk"));
    }
    let rows = rows.iter().map(ChunkRow::decode).collect::<Result<Vec<_>, _>>()?;
    if rows.is_sorted_by(|a, b| a.offset < b.offset) {
        Ok(rows)
    } else {
        Err(malformed("its chunks do not ascend"))
    }
}

fn read_about(bytes: &[u8]) -> Result<About, ManifestError> {
    let about: About =
        postcard::from_bytes(bytes).map_err(|_| malformed("what it is about cannot be read"))?;
    // Numbers can be written in several ways, and bytes may follow.
    if postcard::to_stdvec(&about).is_ok_and(|again| again == bytes) {
        Ok(about)
    } else {
        Err(malformed("what it is about is not written as it must be"))
    }
}

/// The number at `at`, which is 8 bytes before the end at least.
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The number at `at`, which is 4 bytes before the end at least.
fn half(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests;
