//! Who waits for a value to become another one.
//!
//! # Protocol
//!
//! Who watches looks at the value and enters itself under one hold of the lock. The writer tells of a change after its
//! commit. So a change is either seen by the look, or told.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use faasm_sfi::pending::{Completer, Pending, pending};
use faasm_state::{Address, GlobalError, GlobalOp, Stat, Version};

/// The watchers of a tier.
#[derive(Debug, Default)]
pub(super) struct Watchers(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    waiting: HashMap<Address, Vec<Watcher>>,
    /// From so many addresses on it is looked for those that nobody waits at any more.
    sweep: usize,
}

#[derive(Debug)]
struct Watcher {
    seen: Version,
    completer: Completer<Result<Option<Stat>, GlobalError>>,
}

impl Watchers {
    /// What `look` finds if it is another version than `seen`, else the next that is.
    pub(super) fn watch(
        &self,
        at: &Address,
        seen: Version,
        look: impl FnOnce() -> Result<Option<Stat>, GlobalError>,
    ) -> GlobalOp<Option<Stat>> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stat = match look() {
            Ok(stat) if version(stat) == seen => None,
            other => Some(other),
        };
        if let Some(stat) = stat {
            return Pending::ready(stat);
        }
        table.sweep();
        let (completer, operation) = pending();
        let waiting = table.waiting.entry(at.clone()).or_default();
        waiting.retain(|watcher| watcher.completer.is_wanted());
        waiting.push(Watcher { seen, completer });
        operation
    }

    /// Tells of these values.
    pub(super) fn tell(&self, changed: &HashMap<Address, Option<Stat>>) {
        let mut told = Vec::new();
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !table.waiting.is_empty() {
            for (at, stat) in changed {
                if let Some(waiting) = table.waiting.get_mut(at) {
                    let others = waiting.extract_if(.., |watcher| watcher.seen != version(*stat));
                    told.extend(others.map(|watcher| (watcher.completer, *stat)));
                    if waiting.is_empty() {
                        table.waiting.remove(at);
                    }
                }
            }
        }
        drop(table);
        told.into_iter().for_each(|(completer, stat)| completer.complete(Ok(stat)));
    }
}

impl Table {
    fn sweep(&mut self) {
        if self.waiting.len() > self.sweep {
            self.waiting.retain(|_, waiting| {
                waiting.retain(|watcher| watcher.completer.is_wanted());
                !waiting.is_empty()
            });
            self.sweep = (2 * self.waiting.len()).max(64);
        }
    }
}

fn version(stat: Option<Stat>) -> Version {
    stat.map_or(Version::ABSENT, |stat| stat.version)
}
