//! Whole pages of a value, to be mapped into a guest's memory.

use std::fmt;
use std::ops::Range;
use std::sync::PoisonError;

use faasm_sfi::pending::Pending;
use faasm_sfi::shared::SharedRegion;

use super::{Op, TRIES, Value};
use crate::StateError;

/// Which pages of which region to map, and where in them the bytes lie that were asked for.
///
/// Keep it for as long as the pages stay mapped: while one exists, the value is not forgotten, its mapped pages stay
/// here, and what is written through them is looked for at every push, unless their writers flag
/// ([`Value::flag_dirty`]).
pub struct Mapping {
    value: Value,
    /// At whole host pages, inside the region.
    pages: Range<usize>,
    /// Offset of the first byte asked for, from the start of `pages`.
    within: usize,
}

impl Value {
    /// The pages that hold `len` bytes from `offset` on, fetched first as far as they have not been pulled yet.
    ///
    /// The guest can reach all bytes of these pages: others of the same value, and past its end bytes that mean nothing
    /// and are zero again when the value grows over them.
    ///
    /// # Errors
    ///
    /// [`StateError::NothingToMap`] for no bytes; else as of [`Value::ensure`].
    pub fn map(&self, offset: usize, len: usize) -> Op<Mapping> {
        self.map_as(TRIES, (offset, len), true)
    }

    /// The same, for those who only read, or who flag all that they write: nothing is copied, and writes through the
    /// pages are not looked for.
    ///
    /// # Errors
    ///
    /// As of [`Value::map`].
    pub fn map_unwatched(&self, offset: usize, len: usize) -> Op<Mapping> {
        self.map_as(TRIES, (offset, len), false)
    }

    fn map_as(&self, tries: u32, (offset, len): (usize, usize), watched: bool) -> Op<Mapping> {
        let value = self.clone();
        self.ensure(offset, len).then(move |ensured| {
            if let Err(error) = ensured {
                return Pending::ready(Err(error));
            }
            match value.mapping(offset, len, watched) {
                Ok(Some(mapping)) => Pending::ready(Ok(mapping)),
                // It had to make room for others in between.
                Ok(None) if tries > 0 => value.map_as(tries - 1, (offset, len), watched),
                Ok(None) => Pending::ready(Err(value.has_no_room(len))),
                Err(error) => Pending::ready(Err(error)),
            }
        })
    }

    /// The pages, if all of the bytes are here.
    fn mapping(
        &self,
        offset: usize,
        len: usize,
        watched: bool,
    ) -> Result<Option<Mapping>, StateError> {
        if watched {
            self.make_place_for_copy(offset..offset.saturating_add(len))?;
        }
        let mut tracking = self.writing()?;
        let range = self.check(&tracking, offset, len)?;
        if range.is_empty() {
            return Err(StateError::NothingToMap { key: self.key().clone() });
        }
        if tracking.is_missing(range.clone()) {
            return Ok(None);
        }
        let page = SharedRegion::page_size();
        let start = range.start - range.start % page;
        let pages = start..range.end.next_multiple_of(page);
        let region = &self.inner.region;
        tracking.map(&pages, watched, region).map_err(|source| self.memory(source))?;
        self.charge(&mut tracking);
        Ok(Some(Mapping { value: self.clone(), pages, within: offset - start }))
    }
}

impl Mapping {
    /// The value that is mapped.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The memory to map.
    #[must_use]
    pub fn region(&self) -> &SharedRegion {
        self.value.region()
    }

    /// The bytes of the region to map: whole host pages.
    #[must_use]
    pub fn pages(&self) -> Range<usize> {
        self.pages.clone()
    }

    /// Where in the mapped pages the first byte lies that was asked for.
    #[must_use]
    pub fn within(&self) -> usize {
        self.within
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let value = &self.value;
        let mut tracking = value.inner.tracking.write().unwrap_or_else(PoisonError::into_inner);
        tracking.unmap();
        value.charge(&mut tracking);
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("value", &self.value)
            .field("pages", &self.pages)
            .finish_non_exhaustive()
    }
}
