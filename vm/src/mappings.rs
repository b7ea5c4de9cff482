//! How many mappings slots and modules take: a process has so many (`vm.max_map_count`), and who takes the last one
//! takes it from threads and allocators, which do not survive to be refused.
//!
//! The numbers are upper bounds of what the kernel counts, as neighbours may share a mapping. What else the process
//! maps is not counted here: the budget leaves room for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Of a slot with one accessible piece: that piece, and the inaccessible rest up to the next slot's piece.
pub(crate) const OF_PIECE: usize = 2;
/// Of a region, or a shared memory with its head, in the middle of something else.
pub(crate) const OF_REGION: usize = 3;
/// Of a module: its file, its code, and what lies between and around them.
pub(crate) const OF_MODULE: usize = 4;

/// No mapping is left for slots and modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "slots and modules have all {most} mappings that they may have in this process: end calls or drop stores, or raise the sysctl vm.max_map_count"
)]
pub struct OutOfMappings {
    most: usize,
}

/// What all slots and modules of an engine take.
#[derive(Debug)]
pub(crate) struct MappingBudget {
    used: AtomicUsize,
    most: usize,
}

/// What one slot or module takes; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Mappings {
    budget: Arc<MappingBudget>,
    count: usize,
    /// Of `count`, what a slot takes also when it is at rest.
    at_rest: usize,
}

impl MappingBudget {
    /// `most`, or if there is none fifteen sixteenths of what the system gives.
    pub(crate) fn new(most: Option<usize>) -> Arc<Self> {
        let most = most.unwrap_or_else(|| {
            let system = faasm_sfi::slot::max_mappings();
            system - system / 16
        });
        Arc::new(Self { used: AtomicUsize::new(0), most })
    }

    /// Takes so many.
    pub(crate) fn take(self: &Arc<Self>, count: usize) -> Result<Mappings, OutOfMappings> {
        let mut taken = Mappings { budget: Arc::clone(self), count: 0, at_rest: 0 };
        taken.more(count)?;
        taken.settle();
        Ok(taken)
    }
}

impl Mappings {
    /// Takes so many more.
    pub(crate) fn more(&mut self, count: usize) -> Result<(), OutOfMappings> {
        let MappingBudget { used, most } = &*self.budget;
        let fits = |used: usize| used.checked_add(count).filter(|used| used <= most);
        used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .map_err(|_| OutOfMappings { most: *most })?;
        self.count += count;
        Ok(())
    }

    /// What there is now is kept at rest.
    pub(crate) fn settle(&mut self) {
        self.at_rest = self.count;
    }

    /// Gives back what is not kept at rest. A slot whose growth is hidden, not unmapped, keeps one more, for which the
    /// budget's room for others is there.
    pub(crate) fn rest(&mut self) {
        if self.count > self.at_rest {
            self.budget.used.fetch_sub(self.count - self.at_rest, Ordering::Relaxed);
            self.count = self.at_rest;
        }
    }
}

impl Drop for Mappings {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.count, Ordering::Relaxed);
    }
}
