//! From the global tier to the local one: lazy fetches of what is missing, pulls of everything, and the refresh that
//! follows a partial push.

use std::ops::Range;

use faasm_sfi::pending::Pending;

use super::inflow::Inflow;
use super::{Op, Value};
use crate::tracking::Tracking;
use crate::{Fetched, StateError, Version};

impl Value {
    /// Has `len` bytes from `offset` on here: fetches the pages of them that have never been pulled, and nothing that
    /// has. A value that nobody has pushed is zero.
    ///
    /// If the global value is longer than this one, this one grows to its size.
    ///
    /// # Errors
    ///
    /// [`StateError::OutOfBounds`], [`StateError::Gone`], [`StateError::Global`]; [`StateError::TooLarge`] when the
    /// global value is over this host's limit; [`StateError::OverBudget`].
    pub fn ensure(&self, offset: usize, len: usize) -> Op<()> {
        self.touch();
        let range = match self.missing(offset, len) {
            Ok((_, missing)) if missing.is_empty() => return Pending::ready(Ok(())),
            Ok((range, _)) => range,
            Err(error) => return Pending::ready(Err(error)),
        };
        let value = self.clone();
        self.inner.gate.enter().then(move |permit| {
            // Others may have fetched while this waited at the gate.
            let missing = match value.missing(range.start, range.len()) {
                Ok((_, missing)) if missing.is_empty() => return Pending::ready(Ok(())),
                Ok((_, missing)) => missing,
                Err(error) => return Pending::ready(Err(error)),
            };
            if let Err(error) = value.room_for(missing.iter().map(Range::len).sum()) {
                return Pending::ready(Err(error));
            }
            let inflow = Inflow::of_missing(value, missing);
            inflow.begin_pull().map(move |pulled| {
                let _permit = permit;
                inflow.land_missing(pulled)
            })
        })
    }

    /// Fetches the whole value, whatever is known here, and overwrites it: size and bytes are the global ones then,
    /// and nothing is dirty. The version that was pulled, or `None` if nobody has pushed the value: then what is here
    /// stays as it is.
    ///
    /// # Errors
    ///
    /// [`StateError::Gone`], [`StateError::Global`], [`StateError::TooLarge`], [`StateError::Memory`],
    /// [`StateError::OverBudget`].
    pub fn pull(&self) -> Op<Option<Version>> {
        let value = self.clone();
        self.inner.gate.enter().then(move |permit| {
            if let Err(error) = value.reading().map(drop) {
                return Pending::ready(Err(error));
            }
            let inflow = Inflow::of_all(value);
            inflow.begin_pull().map(move |pulled| {
                let _permit = permit;
                inflow.land_all(pulled)
            })
        })
    }

    /// Fetches again, under the caller's permit, what has been pulled before. `true` if that is done.
    pub(super) fn refresh(&self) -> Pending<bool> {
        let pulled = match self.reading() {
            Ok(tracking) => tracking.pulled_runs(),
            Err(_) => return Pending::ready(false),
        };
        let value = self.clone();
        let fetched = self.inner.tier.get(&self.inner.address, &pulled);
        fetched.map(move |fetched| match fetched {
            Ok(Some(fetched)) => value.renew(&fetched).is_ok(),
            Ok(None) | Err(_) => false,
        })
    }

    fn missing(
        &self,
        offset: usize,
        len: usize,
    ) -> Result<(Range<usize>, Vec<Range<usize>>), StateError> {
        let tracking = self.reading()?;
        let range = self.check(&tracking, offset, len)?;
        let missing = tracking.missing(range.clone());
        Ok((range, missing))
    }

    /// Takes what a refresh found, but for bytes that are dirty here. The size stays: what others added to the end was
    /// not pulled before.
    fn renew(&self, fetched: &Fetched) -> Result<(), StateError> {
        let mut tracking = self.writing()?;
        if !tracking.replaced {
            self.fill(&mut tracking, fetched)?;
            tracking.base = Some(fetched.version);
            tracking.reach = fetched.patch.size();
        }
        Ok(())
    }

    /// Copies what was fetched into the region, as far as the value goes, but for bytes that are dirty.
    pub(super) fn fill(
        &self,
        tracking: &mut Tracking,
        fetched: &Fetched,
    ) -> Result<(), StateError> {
        fetched
            .patch
            .chunks()
            .try_for_each(|(offset, bytes)| self.fill_run(tracking, offset, bytes))
    }

    /// The same, of the bytes from `offset` on.
    pub(super) fn fill_run(
        &self,
        tracking: &mut Tracking,
        offset: usize,
        bytes: &[u8],
    ) -> Result<(), StateError> {
        let end = (offset + bytes.len()).min(tracking.size).max(offset);
        if let Some(how) = tracking.merges {
            return self.fill_over_base(tracking, how, offset, &bytes[..end - offset]);
        }
        let found = tracking.find_writes(offset..end, &self.inner.region);
        found.map_err(|source| self.memory(source))?;
        tracking.twin.update(offset, &bytes[..end - offset]);
        for clean in tracking.dirty.clean_runs_in(offset..end) {
            self.put(clean.start, &bytes[clean.start - offset..clean.end - offset])?;
        }
        Ok(())
    }

    /// Takes the whole of a pull: what is here is overwritten, but for what was added to numbers that are merged.
    pub(super) fn take_pulled(&self, fetched: &Fetched) -> Result<Version, StateError> {
        let mut tracking = self.writing()?;
        if tracking.merges.is_none() || tracking.replaced {
            drop(tracking);
            return self.overwrite(fetched);
        }
        let size = fetched.patch.size();
        if size > tracking.size || !tracking.is_dirty() {
            self.resize(&mut tracking, size)?;
        }
        self.fill(&mut tracking, fetched)?;
        let all = 0..tracking.size;
        let found = tracking.find_writes(all.clone(), &self.inner.region);
        found.map_err(|source| self.memory(source))?;
        for void in tracking.void(std::slice::from_ref(&all), size) {
            self.zero(void)?;
        }
        tracking.landed(size, fetched.version);
        self.charge(&mut tracking);
        Ok(fetched.version)
    }

    pub(super) fn overwrite(&self, fetched: &Fetched) -> Result<Version, StateError> {
        let size = fetched.patch.size();
        self.make_place(0..size)?;
        let mut tracking = self.writing()?;
        self.make_room(tracking.size, size)?;
        for (offset, bytes) in fetched.patch.chunks() {
            self.put(offset, bytes)?;
            tracking.twin.update(offset, bytes);
        }
        tracking.pulled_whole(size, fetched.version);
        self.charge(&mut tracking);
        Ok(fetched.version)
    }
}
