//! What is pulled, on its way into a value.
//!
//! # Protocol
//!
//! 1. The pull holds the gate's permit. When it is known what comes, the pages that it fills are noted not to be here, under
//!    `tracking`. From then on nobody reads them: whoever wants them waits at the gate.
//! 2. Bytes are put in place as they come, but where something was written meanwhile: that is newer than the pull.
//! 3. When all have come the pages are noted to be here, of their version. If the pull fails they are fetched again by
//!    whoever wants them.
//! 4. Where that would lose or show something, the bytes of a pull of everything are kept aside until all have come, and
//!    then overwrite the value at once: if something is dirty here, which stays if the pull fails; if pages are in guests'
//!    memories; if there are copies to find differences by.

use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Value;
use crate::{Fetched, GlobalOp, Patch, Sink, Stat, StateError, Version};

/// How much is taken from a socket at once: others wait for the value meanwhile.
const RECEIVED_AT_ONCE: usize = 256 << 10;

/// What a tier said of a pull.
type Pulled = Result<Option<Stat>, crate::GlobalError>;

/// See the module's page.
pub(super) struct Inflow {
    value: Value,
    /// What is fetched; `None` is everything.
    missing: Option<Vec<Range<usize>>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    way: Option<Way>,
    /// What has come of what is missing and is put in place at the end: numbers are merged whole.
    late: Vec<(usize, Vec<u8>)>,
    /// Why it does not go on.
    error: Option<StateError>,
}

/// Where bytes go.
enum Way {
    InPlace,
    Aside(Vec<u8>),
}

impl Inflow {
    /// The whole value.
    pub(super) fn of_all(value: Value) -> Arc<Self> {
        Arc::new(Self { value, missing: None, state: Mutex::default() })
    }

    /// These ranges, at whole pages, which are not here.
    pub(super) fn of_missing(value: Value, missing: Vec<Range<usize>>) -> Arc<Self> {
        Arc::new(Self { value, missing: Some(missing), state: Mutex::default() })
    }

    pub(super) fn begin_pull(self: &Arc<Self>) -> GlobalOp<Option<Stat>> {
        let all = 0..usize::MAX;
        let asked = self.missing.as_deref().unwrap_or(std::slice::from_ref(&all));
        let inner = &self.value.inner;
        let sink: Arc<dyn Sink> = Arc::<Self>::clone(self);
        inner.tier.pull(&inner.address, asked, sink)
    }

    /// The end of a pull of everything: the version that is here now.
    pub(super) fn land_all(&self, pulled: Pulled) -> Result<Option<Version>, StateError> {
        let Some(stat) = self.outcome(pulled)? else { return Ok(None) };
        let way = self.state().way.take();
        if let Some(Way::Aside(bytes)) = way {
            let fetched = Fetched { version: stat.version, patch: Patch::whole(bytes) };
            return self.value.take_pulled(&fetched).map(Some);
        }
        let mut tracking = self.value.writing()?;
        if !tracking.replaced {
            let all = 0..tracking.size.max(stat.size);
            for void in tracking.void(std::slice::from_ref(&all), stat.size) {
                self.value.zero(void)?;
            }
            tracking.landed(stat.size, stat.version);
            self.value.charge(&mut tracking);
        }
        Ok(Some(stat.version))
    }

    /// The end of a fetch of what was missing.
    pub(super) fn land_missing(&self, pulled: Pulled) -> Result<(), StateError> {
        let stat = self.outcome(pulled)?;
        let asked = self.missing.as_deref().unwrap_or_default();
        let mut tracking = self.value.writing()?;
        if tracking.replaced {
            return Ok(());
        }
        let late = std::mem::take(&mut self.state().late);
        for (offset, bytes) in late {
            self.value.fill_run(&mut tracking, offset, &bytes)?;
        }
        let size = stat.map_or(0, |stat| stat.size);
        for void in tracking.void(asked, size) {
            self.value.zero(void.clone())?;
            tracking.twin.update(void.start, &vec![0; void.len()]);
        }
        tracking.fetched(asked, stat.map_or(Version::ABSENT, |stat| stat.version));
        tracking.reach = size;
        self.value.charge(&mut tracking);
        Ok(())
    }

    fn outcome(&self, pulled: Pulled) -> Result<Option<Stat>, StateError> {
        match (pulled, self.state().error.take()) {
            (_, Some(error)) => Err(error),
            (pulled, None) => pulled.map_err(|source| self.value.global(source)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whole after every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes why it ends.
    fn noted<T>(&self, done: Result<T, StateError>) -> io::Result<T> {
        done.map_err(|error| {
            let told = io::Error::other(error.to_string());
            self.state().error = Some(error);
            told
        })
    }

    fn start(&self, stat: Stat) -> Result<(), StateError> {
        let value = &self.value;
        let Some(missing) = &self.missing else { return self.start_all(stat) };
        let mut tracking = value.writing()?;
        // A read that was torn begins anew, and may have ended in the midst of a number.
        self.state().late.clear();
        if !tracking.replaced {
            if stat.size > tracking.size {
                value.resize(&mut tracking, stat.size)?;
            }
            let clipped = missing.iter().map(|run| run.start..run.end.min(stat.size));
            clipped.for_each(|run| tracking.is_coming(&run));
            value.charge(&mut tracking);
        }
        Ok(())
    }

    fn start_all(&self, stat: Stat) -> Result<(), StateError> {
        let value = &self.value;
        value.make_place(0..stat.size)?;
        let mut tracking = value.writing()?;
        let mut state = self.state();
        let in_place = match state.way {
            Some(Way::InPlace) => true,
            Some(Way::Aside(_)) => false,
            None => tracking.may_be_filled_in_place(),
        };
        if !in_place {
            value.check_room(stat.size)?;
            state.way = Some(Way::Aside(vec![0; stat.size]));
            return Ok(());
        }
        state.way = Some(Way::InPlace);
        if tracking.replaced {
            return Ok(());
        }
        if stat.size > tracking.size || !tracking.is_dirty() {
            value.resize(&mut tracking, stat.size)?;
        }
        tracking.all_is_coming();
        value.charge(&mut tracking);
        Ok(())
    }

    fn take(&self, offset: usize, bytes: &[u8]) -> Result<(), StateError> {
        if let Some(Way::Aside(aside)) = &mut self.state().way {
            let size = aside.len();
            let place = offset.checked_add(bytes.len()).and_then(|end| aside.get_mut(offset..end));
            let place = place.ok_or_else(|| StateError::OutOfBounds {
                key: self.value.key().clone(),
                offset,
                len: bytes.len(),
                size,
            })?;
            place.copy_from_slice(bytes);
            return Ok(());
        }
        let mut tracking = self.value.writing()?;
        if tracking.replaced {
            return Ok(());
        }
        if tracking.merges.is_none() || tracking.is_plain() {
            return self.value.fill_run(&mut tracking, offset, bytes);
        }
        let late = &mut self.state().late;
        match late.last_mut() {
            Some((at, there)) if *at + there.len() == offset => there.extend_from_slice(bytes),
            _ => late.push((offset, bytes.to_vec())),
        }
        Ok(())
    }
}

impl Sink for Inflow {
    fn begin(&self, stat: Stat) -> io::Result<()> {
        self.noted(self.start(stat))
    }

    fn write(&self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        self.noted(self.take(offset, bytes))
    }

    fn receive(
        &self,
        offset: usize,
        len: usize,
        from: BorrowedFd<'_>,
    ) -> Option<io::Result<usize>> {
        if let Some(Way::Aside(_)) = self.state().way {
            return None;
        }
        let tracking = self.value.writing().ok()?;
        let range = offset..offset.checked_add(len)?;
        if tracking.replaced || range.end > tracking.size || !tracking.is_plain() {
            return None;
        }
        Some(self.value.inner.region.receive(offset, len.min(RECEIVED_AT_ONCE), from))
    }

    fn likely_size(&self) -> usize {
        let tracking = self.value.tracking();
        tracking.reach.max(if tracking.base.is_some() { tracking.size } else { 0 })
    }
}
