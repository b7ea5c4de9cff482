//! What was in a value's region when a push began: bytes that were written over since are kept here until it has ended.
//!
//! # Invariants
//!
//! 1. Whatever is written to the region by a copying call, or by what is fetched, is kept before, in whole blocks, once.
//! 2. A block is added only while the value's `tracking` is held for writing. Who holds it for reading sees region and
//!    blocks as one.
//! 3. What guests write through pointers is not kept. So a push of pages that are looked at for such writes copies all that
//!    it sends when it begins, as what it sent is what they are compared with.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use faasm_sfi::shared::{RegionError, SharedRegion};

use super::Value;
use crate::Source;

/// What is kept at once.
const BLOCK: usize = 64 << 10;

/// How much is handed to a socket at once: others wait for the value meanwhile.
const SENT_AT_ONCE: usize = 256 << 10;

/// See the module's page.
#[derive(Default)]
pub(super) struct Before {
    /// By their numbers; `None` while no push reads the region.
    blocks: Mutex<Option<BTreeMap<usize, Arc<[u8]>>>>,
}

impl Before {
    /// A push has begun. One at a time, as they hold the gate's permit.
    pub(super) fn begin(&self) {
        *self.blocks() = Some(BTreeMap::new());
    }

    /// It has ended.
    pub(super) fn end(&self) {
        *self.blocks() = None;
    }

    /// Keeps `range`, which is about to be written over.
    pub(super) fn keep(
        &self,
        range: Range<usize>,
        region: &SharedRegion,
    ) -> Result<(), RegionError> {
        let mut blocks = self.blocks();
        let Some(blocks) = blocks.as_mut().filter(|_| !range.is_empty()) else { return Ok(()) };
        let end = range.end.min(region.len());
        for block in range.start / BLOCK..end.div_ceil(BLOCK) {
            if let Entry::Vacant(kept) = blocks.entry(block) {
                let start = block * BLOCK;
                let bytes = region.read_vec(start, BLOCK.min(region.len() - start))?;
                kept.insert(bytes.into());
            }
        }
        Ok(())
    }

    /// The block that has the byte at `offset`, if it was kept; else where the next one begins that was.
    fn find(&self, offset: usize) -> Result<Arc<[u8]>, usize> {
        let blocks = self.blocks();
        match blocks.as_ref().and_then(|blocks| blocks.range(offset / BLOCK..).next()) {
            Some((block, bytes)) if *block == offset / BLOCK => Ok(Arc::clone(bytes)),
            Some((block, _)) => Err(block * BLOCK),
            None => Err(usize::MAX),
        }
    }

    fn blocks(&self) -> MutexGuard<'_, Option<BTreeMap<usize, Arc<[u8]>>>> {
        // Whole after every step.
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes of a push, as they were when it began.
pub(super) struct Outflow {
    value: Value,
}

impl Outflow {
    /// Only while the push holds the gate's permit, after [`Before::begin`].
    pub(super) fn new(value: Value) -> Self {
        Self { value }
    }
}

impl Source for Outflow {
    fn read(&self, offset: usize, into: &mut [u8]) -> io::Result<()> {
        let _still = self.value.tracking();
        let (mut offset, mut into) = (offset, into);
        while !into.is_empty() {
            let len = match self.value.inner.before.find(offset) {
                Ok(kept) => {
                    let kept = kept.get(offset % BLOCK..).filter(|kept| !kept.is_empty());
                    let kept = kept.ok_or(io::ErrorKind::InvalidInput)?;
                    let len = kept.len().min(into.len());
                    into[..len].copy_from_slice(&kept[..len]);
                    len
                }
                Err(next) => {
                    let len = into.len().min(next - offset);
                    let read = self.value.inner.region.read(offset, &mut into[..len]);
                    read.map_err(io::Error::other)?;
                    len
                }
            };
            (offset, into) = (offset + len, &mut into[len..]);
        }
        Ok(())
    }

    fn send(&self, offset: usize, len: usize, to: BorrowedFd<'_>) -> Option<io::Result<usize>> {
        let _still = self.value.tracking();
        let next = self.value.inner.before.find(offset).err()?;
        let len = len.min(next - offset).min(SENT_AT_ONCE);
        Some(self.value.inner.region.send(offset, len, to))
    }
}
