//! Replicas that must not be older than something: they are made newer before they answer.

use faasm_sfi::pending::Pending;

use super::{Op, Value};
use crate::gate::Permit;
use crate::{Condition, Fetched, GlobalError, Merge, Merged, Patch, StateError, Version, Written};

/// What a replica is, against what it is to be.
enum Age {
    New,
    Old,
    /// Nothing of it is known here, so it cannot be old.
    Empty,
}

impl Value {
    /// Has what is known here be of the version `at_least` or a later one; without one, of the newest. `false` if the
    /// value does not exist in the global tier, though it did when this replica was made.
    ///
    /// What is dirty here stays; where something is, the value is not shortened.
    ///
    /// # Errors
    ///
    /// [`StateError::Gone`], [`StateError::Global`], [`StateError::TooLarge`], [`StateError::Memory`].
    pub fn catch_up(&self, at_least: Option<Version>) -> Op<bool> {
        if let (Some(version), Ok(tracking)) = (at_least, self.reading())
            && tracking.base.is_some_and(|base| base >= version)
        {
            return Pending::ready(Ok(true));
        }
        let value = self.clone();
        self.inner.gate.enter().then(move |permit| match at_least {
            Some(version) => value.catch_up_from(permit, version),
            None => {
                let stat = value.inner.tier.stat(&value.inner.address);
                stat.then(move |stat| match stat {
                    Ok(Some(stat)) => value.catch_up_from(permit, stat.version),
                    Ok(None) => Pending::ready(value.is_still_there()),
                    Err(source) => Pending::ready(Err(value.global(source))),
                })
            }
        })
    }

    fn catch_up_from(&self, permit: Permit, version: Version) -> Op<bool> {
        let pulled = match self.age(version) {
            Ok((Age::New, _)) => return Pending::ready(Ok(true)),
            Ok((Age::Old | Age::Empty, pulled)) => pulled,
            Err(error) => return Pending::ready(Err(error)),
        };
        let value = self.clone();
        self.inner.tier.get(&self.inner.address, &pulled).map(move |fetched| {
            let _permit = permit;
            match fetched.map_err(|source| value.global(source))? {
                Some(fetched) => value.take_newer(&fetched).map(|()| true),
                None => value.is_still_there(),
            }
        })
    }

    fn age(&self, version: Version) -> Result<(Age, Vec<std::ops::Range<usize>>), StateError> {
        let tracking = self.reading()?;
        let pulled = tracking.pulled_runs();
        let age = if tracking.replaced || tracking.base.is_some_and(|base| base >= version) {
            Age::New
        } else if pulled.is_empty() {
            Age::Empty
        } else {
            Age::Old
        };
        Ok((age, pulled))
    }

    /// Whether a value that the global tier does not have is still one here: it was never there, or is written here.
    fn is_still_there(&self) -> Result<bool, StateError> {
        let tracking = self.reading()?;
        Ok(tracking.is_dirty() || tracking.base == Some(Version::ABSENT))
    }

    fn take_newer(&self, fetched: &Fetched) -> Result<(), StateError> {
        let mut tracking = self.writing()?;
        if tracking.replaced {
            return Ok(());
        }
        let size = fetched.patch.size();
        if size > tracking.size || !tracking.is_dirty() {
            self.resize(&mut tracking, size)?;
        }
        self.fill(&mut tracking, fetched)?;
        tracking.base = Some(fetched.version);
        tracking.reach = size;
        self.charge(&mut tracking);
        Ok(())
    }

    /// The bytes, if they are here, of one version, and not written to here.
    pub(crate) fn read_clean(&self, offset: usize, len: usize) -> Op<Option<Vec<u8>>> {
        let value = self.clone();
        if self.reading().is_ok_and(|tracking| self.check(&tracking, offset, len).is_err()) {
            return Pending::ready(Ok(None));
        }
        self.ensure(offset, len).map(move |ensured| {
            ensured?;
            let tracking = value.reading()?;
            let range = value.check(&tracking, offset, len)?;
            if tracking.is_dirty() || tracking.base.is_none() || tracking.is_missing(range) {
                return Ok(None);
            }
            let bytes = value.inner.region.read_vec(offset, len);
            bytes.map(Some).map_err(|source| value.memory(source))
        })
    }

    /// Replaces the global value if `when` holds, and then what is here.
    pub(crate) fn put_through(&self, bytes: Vec<u8>, when: Condition) -> Op<Written> {
        let value = self.clone();
        self.inner.gate.enter().then(move |permit| {
            let copy = bytes.clone();
            value.inner.tier.set(&value.inner.address, bytes, when).map(move |written| {
                let _permit = permit;
                let written = written.map_err(|source| value.global(source))?;
                let patch = Patch::whole(copy);
                // It happened. What cannot be kept here is older than that, and is known to be.
                let _ = value.overwrite(&Fetched { version: written.after, patch });
                Ok(written)
            })
        })
    }

    /// Merges into the global value if `when` holds, and takes the result here where nothing is dirty.
    pub(crate) fn merge_through(&self, change: Merge, when: Condition) -> Op<Merged> {
        let value = self.clone();
        self.inner.gate.enter().then(move |permit| {
            let offset = match &change {
                Merge::Numbers { offset, .. } => *offset,
                Merge::Union(_) => 0,
            };
            let replaces = matches!(change, Merge::Union(_));
            let address = &value.inner.address;
            let merged = value.inner.tier.merge(address, change, when, true);
            merged.map(move |merged| {
                let _permit = permit;
                let merged = merged.map_err(|source: GlobalError| value.global(source))?;
                // As above.
                let _ = value.take_merged(offset, replaces, &merged);
                Ok(merged)
            })
        })
    }

    fn take_merged(
        &self,
        offset: usize,
        replaces: bool,
        merged: &Merged,
    ) -> Result<(), StateError> {
        let mut tracking = self.writing()?;
        let Some(result) = merged.result.as_ref().filter(|_| !tracking.replaced) else {
            return Ok(());
        };
        let end = offset.saturating_add(result.len());
        if end > tracking.size || (replaces && !tracking.is_dirty()) {
            self.resize(&mut tracking, end)?;
        }
        let known = tracking.pulled_in(offset..end);
        let patch = Patch::gather(tracking.size, &known, |at, into| {
            into.copy_from_slice(&result[at - offset..at - offset + into.len()]);
            Ok::<(), StateError>(())
        })?;
        let Merged { written: Written { before, after }, .. } = *merged;
        self.fill(&mut tracking, &Fetched { version: after, patch })?;
        let was_in_step = tracking.base == Some(before);
        tracking.base = was_in_step.then_some(after);
        self.charge(&mut tracking);
        Ok(())
    }
}
