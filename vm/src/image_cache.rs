//! A folder of images of captured stores, which are mapped in place.
//!
//! # Layout of a file
//!
//! Numbers are little-endian. `docs/snapshot-format.md` has the page.
//!
//! ```text
//! the ranges of the slot that the snapshot keeps, one behind the other: whole pages; what is zero is a hole
//! the index:  0   8  magic "FAASMIMG"
//!             8   4  version: 1
//!            12   4  number of runs
//!            16  32  name of the snapshot: its manifest's digest
//!            48 16n  runs of pages that are not zero: u64 first page in this file, u64 pages; they ascend
//! the seal of the index (faasm_abi::seal): 80 bytes
//! ```
//!
//! # Protocol
//!
//! 1. The folder is private ([`crate::private_folder`]): nobody else can write to it, and its files are never written
//!    again.
//! 2. A file comes in through an [`ImageWriter`] only, which takes pages that a sealed manifest vouches for.
//! 3. [`ImageCache::load`] checks the seal of the index, that the index is of this snapshot, and the file's length. The
//!    pages it believes, as a code cache believes an object's text; who wants to look at them compares their digests
//!    ([`StoredImage::bytes`]) and calls [`StoredImage::holes_are_zero`].

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::path::Path;

use faasm_abi::object::{Digest, SEAL_BYTES};
use faasm_sfi::HOST_PAGE;
use faasm_sfi::file::{MappedFile, data_after};
use faasm_sfi::image::{Image, ImageError};

use crate::engine::{Engine, Trusted};
use crate::private_folder::{CacheError, NewFile, PrivateFolder};
use crate::snapshot::Description;

const MAGIC: &[u8; 8] = b"FAASMIMG";
const VERSION: u32 = 1;
const HEADER: usize = 48;
const RUN: usize = 16;

const _: () = assert!(HEADER == 8 + 4 + 4 + 32 && HOST_PAGE == 4096, "the page above says so");

/// A folder of images; see the module's page.
#[derive(Debug)]
pub struct ImageCache {
    folder: PrivateFolder,
}

/// The image of a snapshot, where it lies in its file.
#[derive(Debug)]
pub struct StoredImage {
    description: Description,
    extents: Extents,
    /// By page of the file.
    present: Vec<bool>,
    file: File,
    mapped: MappedFile,
}

/// An image that is being written; nothing is there before it is committed.
#[derive(Debug)]
pub struct ImageWriter<'a> {
    cache: &'a ImageCache,
    engine: Engine,
    description: Description,
    extents: Extents,
    present: Vec<bool>,
    file: NewFile<'a>,
}

/// The kept ranges of a slot, one behind the other in a file.
#[derive(Clone, Debug)]
struct Extents(Vec<Range<usize>>);

impl Extents {
    /// Those of a description; `None` if they cannot be a store's.
    fn of(description: &Description) -> Option<Self> {
        let mut extents: Vec<Range<usize>> = Vec::new();
        let mut len = 0_usize;
        for &(start, end) in &description.outline.kept {
            let range = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
            let whole =
                range.start.is_multiple_of(HOST_PAGE) && range.end.is_multiple_of(HOST_PAGE);
            let ascends = extents.last().is_none_or(|last| last.end <= range.start);
            if !whole || range.is_empty() || !ascends {
                return None;
            }
            // What a process can map.
            len = len.checked_add(range.len()).filter(|&len| len <= 1 << 46)?;
            extents.push(range);
        }
        Some(Self(extents))
    }

    /// Bytes of them all.
    fn len(&self) -> usize {
        self.0.iter().map(Range::len).sum()
    }

    /// Where in the file a range of the slot is, if it is in one of the extents.
    fn place(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let mut before = 0;
        for extent in &self.0 {
            if extent.start <= range.start && range.start <= range.end && range.end <= extent.end {
                let at = before + (range.start - extent.start);
                return Some(at..at + range.len());
            }
            before += extent.len();
        }
        None
    }
}

impl ImageCache {
    /// A cache in `folder`, which is made for this user alone if it is not there.
    ///
    /// # Errors
    ///
    /// [`CacheError`].
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        Ok(Self { folder: PrivateFolder::open(folder)? })
    }

    /// Begins the image of a snapshot with this description.
    ///
    /// # Errors
    ///
    /// [`CacheError`].
    pub fn begin(
        &self,
        engine: &Engine,
        description: Trusted<'_>,
    ) -> Result<ImageWriter<'_>, CacheError> {
        let refused = |what| CacheError::Image { path: self.folder.root().to_owned(), what };
        let description =
            Description::decode(description.bytes()).map_err(|error| refused(error.what))?;
        let extents = Extents::of(&description).ok_or(refused(MISPLACED))?;
        let present = vec![false; extents.len() / HOST_PAGE];
        let file = self.folder.create()?;
        Ok(ImageWriter { cache: self, engine: engine.clone(), description, extents, present, file })
    }

    /// The image of the snapshot with this name and description, if it is there.
    ///
    /// # Errors
    ///
    /// [`CacheError`].
    pub fn load(
        &self,
        engine: &Engine,
        name: Digest,
        description: Trusted<'_>,
    ) -> Result<Option<StoredImage>, CacheError> {
        let path = self.folder.path(&name.to_string())?;
        let refused = |what| CacheError::Image { path: path.clone(), what };
        let file = match self.folder.open_file(&path) {
            Err(CacheError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            file => file?,
        };
        let description =
            Description::decode(description.bytes()).map_err(|error| refused(error.what))?;
        let extents = Extents::of(&description).ok_or(refused(MISPLACED))?;
        // SAFETY: files come into the folder complete and are not written again (its protocol, 2 and 3); that nobody
        // else can was checked when it was opened.
        let mapped =
            unsafe { MappedFile::map(&file) }.map_err(|_| refused("it cannot be mapped"))?;
        let index = mapped.bytes().get(extents.len()..).ok_or(refused("it is too short"))?;
        let index =
            engine.unseal(index).map_err(|_| refused("the seal of its index does not hold"))?;
        let present =
            read_index(index.bytes(), name, extents.len() / HOST_PAGE).map_err(refused)?;
        Ok(Some(StoredImage { description, extents, present, file, mapped }))
    }

    /// Removes the image with this name, if it is there. What is mapped of it stays.
    ///
    /// # Errors
    ///
    /// [`CacheError`].
    pub fn remove(&self, name: Digest) -> Result<(), CacheError> {
        self.folder.remove(&self.folder.path(&name.to_string())?)
    }
}

const MISPLACED: &str = "its ranges are misplaced";

impl ImageWriter<'_> {
    /// Writes whole pages at `offset` of the slot.
    ///
    /// # Errors
    ///
    /// [`CacheError::Image`] where the snapshot keeps no pages; [`CacheError::Io`].
    pub fn write(&mut self, offset: u64, pages: Trusted<'_>) -> Result<(), CacheError> {
        let refused = || CacheError::Image {
            path: self.cache.folder.root().to_owned(),
            what: "a page is not in the store",
        };
        let (bytes, start) = (pages.bytes(), usize::try_from(offset).map_err(|_| refused())?);
        let end = start.checked_add(bytes.len()).ok_or_else(refused)?;
        let place = self.extents.place(&(start..end)).ok_or_else(refused)?;
        if !place.start.is_multiple_of(HOST_PAGE) || !place.end.is_multiple_of(HOST_PAGE) {
            return Err(refused());
        }
        self.present[place.start / HOST_PAGE..place.end / HOST_PAGE].fill(true);
        self.file.write_at(place.start as u64, bytes)
    }

    /// Gives the image its name, in place of what had it.
    ///
    /// # Errors
    ///
    /// [`CacheError`].
    pub fn commit(self, name: Digest) -> Result<StoredImage, CacheError> {
        let Self { cache, engine, description, extents, present, mut file } = self;
        let index = engine.seal().seal(write_index(name, &present));
        file.write_at(extents.len() as u64, &index)?;
        let path = cache.folder.path(&name.to_string())?;
        file.commit(&path)?;
        let file = cache.folder.open_file(&path)?;
        // SAFETY: as in `load`.
        let mapped = unsafe { MappedFile::map(&file) }
            .map_err(|_| CacheError::Image { path: path.clone(), what: "it cannot be mapped" })?;
        if mapped.bytes().len() != extents.len() + index.len() {
            return Err(CacheError::Image { path, what: "it has another length" });
        }
        Ok(StoredImage { description, extents, present, file, mapped })
    }
}

impl StoredImage {
    pub(crate) fn description(&self) -> &Description {
        &self.description
    }

    /// The ranges of the slot that it covers, ascending.
    pub(crate) fn extents(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.extents.0.iter().cloned()
    }

    /// Bytes of pages in a range of the slot that may hold anything but zeros.
    pub(crate) fn data_in(&self, range: Range<usize>) -> usize {
        let present = self.pages_of(&range).map_or(&[][..], |pages| &self.present[pages]);
        present.iter().filter(|&&present| present).count() * HOST_PAGE
    }

    /// A range of the slot, which is in one of the extents, as an image.
    pub(crate) fn part(&self, range: Range<usize>) -> Result<Image, ImageError> {
        let place = self.extents.place(&range).unwrap_or_default();
        let pages = place.start / HOST_PAGE..place.end / HOST_PAGE;
        // SAFETY: as in `ImageCache::load`.
        unsafe { Image::of_file(&self.file, place.start, place.len(), self.present[pages].into()) }
    }

    /// The runs of pages in a range of the slot that may hold anything but zeros: offset in the slot, bytes.
    pub(crate) fn runs_in(&self, range: Range<usize>) -> Vec<(usize, &[u8])> {
        let Some(pages) = self.pages_of(&range) else { return Vec::new() };
        let first = pages.start;
        runs(&self.present[pages])
            .map(|run| {
                let file = (first + run.start) * HOST_PAGE..(first + run.end) * HOST_PAGE;
                (range.start + run.start * HOST_PAGE, &self.mapped.bytes()[file])
            })
            .collect()
    }

    fn pages_of(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let place = self.extents.place(range)?;
        Some(place.start / HOST_PAGE..place.end / HOST_PAGE)
    }

    /// The page at this offset of the slot, if it may hold anything but zeros.
    #[must_use]
    pub fn page(&self, offset: u64) -> Option<&[u8]> {
        let start = usize::try_from(offset).ok()?;
        let place = self.extents.place(&(start..start.checked_add(HOST_PAGE)?))?;
        let there = place.start.is_multiple_of(HOST_PAGE) && self.present[place.start / HOST_PAGE];
        there.then(|| &self.mapped.bytes()[place])
    }

    /// How many pages may hold anything but zeros.
    #[must_use]
    pub fn n_pages(&self) -> usize {
        self.present.iter().filter(|&&present| present).count()
    }

    /// Whether all other pages are zero, as far as the file has bytes for them.
    #[must_use]
    pub fn holes_are_zero(&self) -> bool {
        let end = self.extents.len();
        let mut from = 0;
        while let Ok(Some(data)) = data_after(self.file.as_fd(), from)
            && data.start < end
        {
            let (first, last) = (data.start / HOST_PAGE, data.end.min(end).div_ceil(HOST_PAGE));
            let mut holes = (first..last).filter(|&page| !self.present[page]);
            let bytes = self.mapped.bytes();
            if !holes.all(|page| is_zero(&bytes[page * HOST_PAGE..(page + 1) * HOST_PAGE])) {
                return false;
            }
            from = data.end;
        }
        true
    }
}

fn is_zero(page: &[u8]) -> bool {
    page.iter().all(|&byte| byte == 0)
}

/// Maximal runs of pages that are there.
fn runs(present: &[bool]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + present.get(at..)?.iter().position(|&present| present)?;
        let len = present[start..].iter().position(|&present| !present);
        at = len.map_or(present.len(), |len| start + len);
        Some(start..at)
    })
}

fn write_index(name: Digest, present: &[bool]) -> Vec<u8> {
    let runs: Vec<Range<usize>> = runs(present).collect();
    let mut index = Vec::with_capacity(HEADER + runs.len() * RUN + SEAL_BYTES);
    index.extend_from_slice(MAGIC);
    index.extend_from_slice(&VERSION.to_le_bytes());
    index.extend_from_slice(&u32::try_from(runs.len()).unwrap_or(u32::MAX).to_le_bytes());
    index.extend_from_slice(name.as_bytes());
    for run in runs {
        index.extend_from_slice(&(run.start as u64).to_le_bytes());
        index.extend_from_slice(&(run.len() as u64).to_le_bytes());
    }
    index
}

/// Which of so many pages are there.
fn read_index(index: &[u8], name: Digest, pages: usize) -> Result<Vec<bool>, &'static str> {
    let (header, rest) = index.split_first_chunk::<HEADER>().ok_or("its index is too short")?;
    let (runs, cut) = rest.as_chunks::<RUN>();
    let count = [header[12], header[13], header[14], header[15]];
    if !header.starts_with(MAGIC) || header[8..12] != VERSION.to_le_bytes() {
        return Err("it is of another version");
    }
    if header[16..] != *name.as_bytes() {
        return Err("it is of another snapshot");
    }
    if !cut.is_empty() || runs.len() != u32::from_le_bytes(count) as usize {
        return Err("its index has another length");
    }
    let mut present = vec![false; pages];
    let mut end = 0;
    for run in runs {
        let (start, len) = run.split_at(8);
        let word = |bytes: &[u8]| {
            let bytes = bytes.try_into().map_or(u64::MAX, u64::from_le_bytes);
            usize::try_from(bytes).unwrap_or(usize::MAX)
        };
        let (start, len) = (word(start), word(len));
        let next = start.checked_add(len).filter(|&next| next <= pages && start >= end && len > 0);
        end = next.ok_or("a run of pages is misplaced")?;
        present[start..end].fill(true);
    }
    Ok(present)
}

#[cfg(test)]
mod tests;
