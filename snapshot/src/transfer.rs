//! Snapshots to chunks, and back: to a store's pages or to an image.
//!
//! # Protocol
//!
//! 1. Publishing stores the chunks that are not there as they must be, flushes them, and answers the manifest: who keeps it, keeps it
//!    last.
//! 2. Reading opens the manifest first. Each chunk is looked for near, then far; its bytes are believed when they have
//!    the digest that the manifest says. One that came from far is kept near then; one that is damaged is not there.

use faasm_vm::{
    CacheError, Check, Digest, Engine, ImageCache, SNAPSHOT_PAGE, SealKey, SnapshotError,
    StoreSnapshot, StoredImage, Trusted,
};

use crate::chunk::{self, WINDOW_BYTES};
use crate::chunks::{Chunks, ChunksError};
use crate::manifest::{self, About, ChunkRow, Manifest};

/// A snapshot whose chunks are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The manifest, sealed.
    pub manifest: Vec<u8>,
    /// How many chunks were not there, or not as they must be.
    pub new_chunks: usize,
}

/// Why a snapshot cannot be had from chunks.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A chunk is nowhere, or damaged wherever it is.
    #[error("chunk {0} of the snapshot is missing or damaged")]
    Missing(Digest),
    /// The chunks cannot be read.
    #[error(transparent)]
    Chunks(#[from] ChunksError),
    /// The pages make no snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The image cannot be kept.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Where chunks come from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Looked at first, and given what came from elsewhere.
    pub near: &'a dyn Chunks,
    /// Looked at for what is not there.
    pub far: Option<&'a dyn Chunks>,
}

impl<'a> Source<'a> {
    /// Chunks that are all here, or nowhere.
    #[must_use]
    pub fn here(near: &'a dyn Chunks) -> Self {
        Self { near, far: None }
    }

    /// Gives `each` the pages of a chunk, if they are anywhere.
    fn read<E: From<FetchError>>(
        self,
        manifest: &Manifest<'_>,
        index: usize,
        each: &mut impl FnMut(u64, Trusted<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let row = &manifest.chunks()[index];
        let failed = |error: ChunksError| E::from(error.into());
        let raw = |stored: Option<Vec<u8>>| chunk::open(&stored?, row.raw_bytes()).ok();
        if let Some(raw) = raw(self.near.get(row.digest).map_err(failed)?)
            && let Some(raw) = manifest.vouch(index, &raw)
        {
            return give(row, raw, each);
        }
        let stored = self.far.map(|far| far.get(row.digest)).transpose().map_err(failed)?.flatten();
        if let Some(bytes) = raw(stored.clone())
            && let Some(raw) = manifest.vouch(index, &bytes)
        {
            self.near.put(row.digest, &stored.unwrap_or_default()).map_err(failed)?;
            return give(row, raw, each);
        }
        Err(FetchError::Missing(row.digest).into())
    }
}

impl std::fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("far", &self.far.is_some()).finish_non_exhaustive()
    }
}

fn give<E: From<FetchError>>(
    row: &ChunkRow,
    raw: Trusted<'_>,
    each: &mut impl FnMut(u64, Trusted<'_>) -> Result<(), E>,
) -> Result<(), E> {
    for (offset, at, len) in row.runs() {
        // The raw bytes are as many as the row says.
        let run = raw.get(at..at + len).ok_or(FetchError::Missing(row.digest))?;
        each(offset, run)?;
    }
    Ok(())
}

/// Keeps a snapshot's chunks; what keeps its manifest is the caller's matter.
///
/// # Errors
///
/// [`ChunksError`].
pub fn publish(
    snapshot: &StoreSnapshot,
    about: &About,
    chunks: &dyn Chunks,
    key: &SealKey,
) -> Result<Published, ChunksError> {
    let mut rows = Vec::new();
    let mut new_chunks = 0;
    for (offset, pages, raw) in windows(snapshot) {
        let (digest, stored) = (Digest::of(&raw), chunk::store(&raw));
        // One that is there may be damaged, and this is who can mend it.
        if chunks.get(digest)?.as_ref() != Some(&stored) {
            chunks.put(digest, &stored)?;
            new_chunks += 1;
        }
        let stored = u32::try_from(stored.len()).unwrap_or(u32::MAX);
        rows.push(ChunkRow { offset, pages, stored, digest });
    }
    chunks.flush()?;
    Ok(Published { manifest: manifest::write(snapshot, &rows, about, key), new_chunks })
}

/// The windows of the slot that are not all zero: offset, which pages are not zero, and these.
fn windows(snapshot: &StoreSnapshot) -> Vec<(u64, u64, Vec<u8>)> {
    let mut windows: Vec<(u64, u64, Vec<u8>)> = Vec::new();
    for run in snapshot.runs() {
        let offsets = (run.offset..).step_by(SNAPSHOT_PAGE);
        for (at, page) in offsets.zip(run.bytes.chunks_exact(SNAPSHOT_PAGE)) {
            let window = at / WINDOW_BYTES as u64 * WINDOW_BYTES as u64;
            if windows.last().is_none_or(|(last, ..)| *last != window) {
                windows.push((window, 0, Vec::new()));
            }
            if let Some((_, pages, raw)) = windows.last_mut() {
                *pages |= 1 << ((at - window) / SNAPSHOT_PAGE as u64);
                raw.extend_from_slice(page);
            }
        }
    }
    windows
}

/// The store of a manifest with its pages.
///
/// # Errors
///
/// [`FetchError`].
pub fn read(manifest: &Manifest<'_>, source: Source<'_>) -> Result<StoreSnapshot, FetchError> {
    let mut store = manifest.store().clone();
    for index in 0..manifest.chunks().len() {
        source.read(manifest, index, &mut |offset, pages| {
            store.append(offset, pages).map_err(FetchError::from)
        })?;
    }
    Ok(store)
}

/// Sees to it that all chunks are near; how many came from far.
///
/// # Errors
///
/// [`FetchError`].
pub fn fetch(manifest: &Manifest<'_>, source: Source<'_>) -> Result<usize, FetchError> {
    let mut fetched = 0;
    for index in 0..manifest.chunks().len() {
        let there = source.near.has(manifest.chunks()[index].digest)?;
        source.read(manifest, index, &mut |_, _| Ok::<_, FetchError>(()))?;
        fetched += usize::from(!there);
    }
    source.near.flush()?;
    Ok(fetched)
}

/// The image of a snapshot in a cache, assembled from its chunks if it is not there or damaged; and what a restoration
/// from it is to check: everything when it was assembled now.
///
/// # Errors
///
/// [`FetchError`].
pub fn image(
    cache: &ImageCache,
    engine: &Engine,
    manifest: &Manifest<'_>,
    source: Source<'_>,
    check: Check,
) -> Result<(StoredImage, Check), FetchError> {
    match cache.load(engine, manifest.digest(), manifest.description()) {
        Ok(Some(image)) if check == Check::Seal || is_of(&image, manifest) => {
            return Ok((image, check));
        }
        // One that is refused is made again.
        Ok(_) | Err(CacheError::Image { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let mut writer = cache.begin(engine, manifest.description())?;
    for index in 0..manifest.chunks().len() {
        source.read(manifest, index, &mut |offset, pages| {
            writer.write(offset, pages).map_err(FetchError::from)
        })?;
    }
    Ok((writer.commit(manifest.digest())?, Check::Bytes))
}

/// Whether every byte of an image is what the manifest says.
fn is_of(image: &StoredImage, manifest: &Manifest<'_>) -> bool {
    let pages: u32 = manifest.chunks().iter().map(|row| row.pages.count_ones()).sum();
    let mut raw = Vec::with_capacity(WINDOW_BYTES);
    let same = manifest.chunks().iter().enumerate().all(|(index, row)| {
        raw.clear();
        let offsets = row
            .runs()
            .flat_map(|(offset, _, len)| (offset..offset + len as u64).step_by(SNAPSHOT_PAGE));
        for offset in offsets {
            raw.extend_from_slice(image.page(offset).unwrap_or_default());
        }
        manifest.vouch(index, &raw).is_some()
    });
    same && image.n_pages() == pages as usize && image.holes_are_zero()
}

#[cfg(test)]
mod tests;
