//! Executable pages, never writable at the same time, and the places in them that may fault.
//!
//! The places are a table that lies in the mapped file, or in memory of its own: a row of ascending offsets, then their
//! codes. The signal handler looks a place up by halving: it takes no lock, allocates nothing, and whatever the table
//! holds it reads inside it.

use std::ops::Range;
use std::sync::Arc;

use crate::HOST_PAGE;
use crate::file::{FileError, MappedFile};
use crate::pages::{self, Access, Refused, Shows};

/// Why code could not be mapped.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// The table of sites is not offsets and as many codes, or reaches beyond the file or the text.
    #[error("the table of trap sites does not fit the code")]
    Sites,
    /// The file's pages.
    #[error(transparent)]
    File(#[from] FileError),
    /// The operating system refused.
    #[error("{call} failed for code")]
    Os {
        /// The system call.
        call: &'static str,
        /// Its error.
        #[source]
        source: std::io::Error,
    },
}

impl From<Refused> for CodeError {
    fn from(refused: Refused) -> Self {
        Self::Os { call: refused.call, source: refused.source }
    }
}

/// Machine code in pages that are readable and executable.
#[derive(Debug)]
pub struct CodeImage {
    base: usize,
    len: usize,
    pages: Pages,
}

/// Whose the pages of code are.
#[derive(Debug)]
enum Pages {
    /// The image's own: so many bytes, unmapped when it is dropped.
    Own(usize),
    /// The file's, which is kept as long as the code.
    OfFile { _file: Arc<MappedFile> },
}

/// What fills the last page: an instruction that traps (x86-64 `int3`).
const FILLER: u8 = 0xcc;

impl CodeImage {
    /// Copies `text` into fresh pages, which are writable until they become executable.
    ///
    /// # Errors
    ///
    /// [`CodeError::Os`].
    pub fn new(text: &[u8]) -> Result<Self, CodeError> {
        let mapped = text.len().max(1).next_multiple_of(HOST_PAGE);
        let base = pages::map(mapped, Access::Write, Shows::Zeros)?;
        let image = Self { base, len: text.len(), pages: Pages::Own(mapped) };
        let start = std::ptr::with_exposed_provenance_mut::<u8>(base);
        // SAFETY: the mapping made above is writable, as long as both pieces together, and nobody else knows it.
        unsafe {
            start.copy_from_nonoverlapping(text.as_ptr(), text.len());
            start.add(text.len()).write_bytes(FILLER, mapped - text.len());
        }
        // SAFETY: the pages are this image's; nobody writes them any more.
        unsafe { pages::protect(base, mapped, Access::Execute) }?;
        Ok(image)
    }

    /// Makes whole pages of `file` executable where they are.
    ///
    /// # Errors
    ///
    /// [`CodeError::File`]: with [`FileError::Pages`] also when somebody else has the file, whose pages do not change
    /// then.
    pub fn of_file(file: &mut Arc<MappedFile>, text: Range<usize>) -> Result<Self, CodeError> {
        let pages = Arc::get_mut(file).ok_or_else(|| FileError::Pages(text.clone()))?;
        pages.make_executable(text.clone())?;
        let base = pages.address_of(text.start);
        Ok(Self { base, len: text.len(), pages: Pages::OfFile { _file: Arc::clone(file) } })
    }

    /// Address of the first byte, a whole page.
    #[must_use]
    pub fn base(&self) -> usize {
        self.base
    }

    /// Bytes of the text.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no code.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Drop for CodeImage {
    fn drop(&mut self) {
        if let Pages::Own(mapped) = self.pages {
            // SAFETY: the pages are this image's, and who ran the code kept it. Failing, they stay.
            let _ = unsafe { pages::unmap(self.base, mapped) };
        }
    }
}

/// The places in code that may fault, and why: `n` little-endian offsets of 32 bits, then `n` bytes of codes.
#[derive(Debug)]
pub struct Sites {
    bytes: Bytes,
}

#[derive(Debug)]
enum Bytes {
    Own(Box<[u8]>),
    OfFile(Arc<MappedFile>, Range<usize>),
}

/// Bytes of a site: its offset and its code.
const SITE_BYTES: usize = 5;

impl Sites {
    /// The table in these bytes of `file`, whose offsets ascend (if they do not, places are not found).
    ///
    /// # Errors
    ///
    /// [`CodeError::Sites`] if the bytes are not inside the file or not whole sites.
    pub fn of_file(file: &Arc<MappedFile>, range: Range<usize>) -> Result<Self, CodeError> {
        let bytes = file.bytes().get(range.clone()).ok_or(CodeError::Sites)?;
        if !bytes.len().is_multiple_of(SITE_BYTES) {
            return Err(CodeError::Sites);
        }
        Ok(Self { bytes: Bytes::OfFile(Arc::clone(file), range) })
    }

    /// These sites, in ascending order.
    #[must_use]
    pub fn of(sites: &[(u32, u8)]) -> Self {
        let mut bytes = Vec::with_capacity(sites.len() * SITE_BYTES);
        bytes.extend(sites.iter().flat_map(|(offset, _)| offset.to_le_bytes()));
        bytes.extend(sites.iter().map(|(_, code)| code));
        Self { bytes: Bytes::Own(bytes.into()) }
    }

    fn code_at(&self, offset: u32) -> Option<u8> {
        let bytes = match &self.bytes {
            Bytes::Own(bytes) => bytes,
            Bytes::OfFile(file, range) => file.bytes().get(range.clone())?,
        };
        let (offsets, codes) = bytes.split_at_checked(bytes.len() / SITE_BYTES * 4)?;
        let (offsets, _) = offsets.as_chunks::<4>();
        let at = offsets.binary_search_by_key(&offset, |site| u32::from_le_bytes(*site)).ok()?;
        codes.get(at).copied()
    }
}

/// Code and its trap sites.
#[derive(Debug)]
pub struct CodeSpan {
    image: CodeImage,
    sites: Sites,
}

impl CodeSpan {
    /// All of `image`, whose instructions at `sites` may fault.
    #[must_use]
    pub fn new(image: CodeImage, sites: Sites) -> Self {
        Self { image, sites }
    }

    /// Address of the first byte.
    #[must_use]
    pub fn start(&self) -> usize {
        self.image.base()
    }

    /// Bytes of code.
    #[must_use]
    pub fn len(&self) -> usize {
        self.image.len()
    }

    /// Whether there is no code.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.image.is_empty()
    }

    /// Whether `pc` is an address in the code.
    #[must_use]
    pub fn contains(&self, pc: usize) -> bool {
        pc.wrapping_sub(self.start()) < self.len()
    }

    /// The code of the trap site at `pc`, if it is one.
    #[must_use]
    pub fn site(&self, pc: usize) -> Option<u8> {
        if !self.contains(pc) {
            return None;
        }
        self.sites.code_at(u32::try_from(pc.wrapping_sub(self.start())).ok()?)
    }
}

#[cfg(test)]
mod tests;
