//! How much of the host's memory a call's private files may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::wasi::errno::Errno;

/// A limit in bytes, and how much of it is taken.
#[derive(Debug)]
pub(in crate::files) struct Quota {
    limit: u64,
    taken: AtomicU64,
}

/// Bytes of a [`Quota`], given back when this is dropped.
#[derive(Debug)]
pub(in crate::files) struct Charge {
    quota: Arc<Quota>,
    bytes: u64,
}

impl Quota {
    pub(in crate::files) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, taken: AtomicU64::new(0) })
    }

    pub(super) fn charge(self: &Arc<Self>, bytes: u64) -> Result<Charge, Errno> {
        let mut charge = Charge { quota: Arc::clone(self), bytes: 0 };
        charge.grow(bytes)?;
        Ok(charge)
    }

    #[cfg(test)]
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Charge {
    /// Takes more, or nothing if that would be over the limit.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), Errno> {
        let limit = self.quota.limit;
        let more = |taken: u64| taken.checked_add(bytes).filter(|sum| *sum <= limit);
        let taken = self.quota.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.map_err(|_| Errno::Dquot)?;
        self.bytes += bytes;
        Ok(())
    }

    pub(super) fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.quota.taken.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}
