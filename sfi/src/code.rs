//! Executable pages, never writable at the same time, and the places in them that may fault.

use std::sync::Arc;

use crate::HOST_PAGE;
use crate::pages::{self, Access, Refused, Shows};

/// Why code could not be mapped.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// The table of sites is not sorted, not as long as its codes, or reaches beyond the text.
    #[error("the table of trap sites does not fit the code")]
    Sites,
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

/// Machine code in pages that are readable and executable; unmapped when dropped.
#[derive(Debug)]
pub struct CodeImage {
    base: usize,
    len: usize,
    /// Whole pages, at least one.
    mapped: usize,
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
        let image = Self { base, len: text.len(), mapped };
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
        // SAFETY: the pages are this image's, and who ran the code kept it. Failing, they stay.
        let _ = unsafe { pages::unmap(self.base, self.mapped) };
    }
}

/// Code and its trap sites.
#[derive(Debug)]
pub struct CodeSpan {
    image: Arc<CodeImage>,
    offsets: Box<[u32]>,
    codes: Box<[u8]>,
}

impl CodeSpan {
    /// All of `image`, whose instructions at `offsets` (ascending) may fault, for the reasons `codes`.
    ///
    /// # Errors
    ///
    /// [`CodeError::Sites`].
    pub fn new(
        image: Arc<CodeImage>,
        offsets: Vec<u32>,
        codes: Vec<u8>,
    ) -> Result<Self, CodeError> {
        let sorted = offsets.is_sorted_by(|a, b| a < b);
        let inside = offsets.last().is_none_or(|&last| (last as usize) < image.len());
        if !sorted || !inside || offsets.len() != codes.len() {
            return Err(CodeError::Sites);
        }
        Ok(Self { image, offsets: offsets.into(), codes: codes.into() })
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
        let offset = u32::try_from(pc.wrapping_sub(self.start())).ok()?;
        let at = self.offsets.binary_search(&offset).ok()?;
        self.codes.get(at).copied()
    }
}

#[cfg(test)]
mod tests;
