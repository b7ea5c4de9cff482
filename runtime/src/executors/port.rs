//! Chained calls, as the running calls of one function see them: the adapter of the port [`faasm_hostif::Calls`].
//!
//! # Protocol
//!
//! 1. A call is in `parents` from before it runs until it has ended.
//! 2. A call that it chains is in `children` until the parent has ended: `Running` with those who wait for it, then
//!    `Done` with its outcome, which may be asked for any number of times.
//! 3. A chained call inherits its parent's deadline and namespace. When the parent ends first it goes on, and its
//!    outcome is dropped.
//!
//! # Invariants
//!
//! Nothing is completed under the lock, as completing runs what waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use faasm_hostif::{CallId, Calls, ChainError, ChainedOutcome, Target};
use faasm_sfi::pending::{Completer, Pending, pending};
use faasm_state::Stamps;

use super::shared::{Held, Shared, Task};
use crate::call::{CallError, CallInfo, Entry, Finished, Outcome};
use crate::function::Function;

/// What a chained call returns to its parent when it failed; the original's number.
const FAILED: i32 = 1;

/// The port of one function's calls; see the module's page.
pub(crate) struct Port {
    shared: Weak<Shared>,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    parents: HashMap<CallId, Parent>,
    children: HashMap<CallId, Child>,
}

struct Parent {
    info: CallInfo,
    function: Arc<Function>,
    children: Vec<CallId>,
}

enum Child {
    Running(Vec<Completer<ChainedOutcome>>),
    Done {
        outcome: ChainedOutcome,
        /// For its output.
        _held: Option<Held>,
    },
}

/// Takes a chained call's end to its parent; when it is dropped unused, the call was lost.
struct Settler {
    port: Arc<Port>,
    child: CallId,
    info: CallInfo,
    outcome: ChainedOutcome,
}

impl Port {
    pub(crate) fn new(shared: Weak<Shared>) -> Arc<Self> {
        Arc::new(Self { shared, tables: Mutex::default() })
    }

    /// Notes that a call begins to run.
    pub(super) fn begin(&self, info: CallInfo, function: &Arc<Function>) {
        let parent = Parent { info, function: Arc::clone(function), children: Vec::new() };
        self.lock().parents.insert(CallId(info.number), parent);
    }

    /// Notes that a call has ended: nobody asks for what it chained any more.
    pub(super) fn end(&self, info: &CallInfo) {
        let mut tables = self.lock();
        let Some(parent) = tables.parents.remove(&CallId(info.number)) else { return };
        let children: Vec<_> =
            parent.children.iter().map(|child| tables.children.remove(child)).collect();
        drop(tables);
        // Their destructors tell waiters, and may be the last to hold a function.
        drop((parent, children));
    }

    /// An output for which there is no room is a failed call's.
    fn settle(&self, child: CallId, mut outcome: ChainedOutcome) {
        let held = self.shared.upgrade().and_then(|shared| shared.hold(outcome.output.len()));
        if held.is_none() {
            outcome = ChainedOutcome { stamps: outcome.stamps, ..failed() };
        }
        let mut tables = self.lock();
        let Some(entry) = tables.children.get_mut(&child) else { return };
        let done = Child::Done { outcome: outcome.clone(), _held: held };
        let Child::Running(waiting) = std::mem::replace(entry, done) else {
            return;
        };
        drop(tables);
        waiting.into_iter().for_each(|completer| completer.complete(outcome.clone()));
    }

    /// Nothing under the lock panics half way through a change, so a poisoned lock is a sound one.
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settler {
    fn note(&mut self, finished: Finished) {
        // What it pushed is there, also if it failed.
        self.outcome.stamps = finished.stamps.clone().unwrap_or_default();
        if let Some(shared) = self.port.shared.upgrade() {
            shared.graphs.ended(&self.info, &finished);
        }
        let id = self.info.id;
        match finished.result {
            Ok(Outcome { return_code: return_value, output }) => {
                (self.outcome.return_value, self.outcome.output) = (return_value, output);
            }
            Err(error) => tracing::debug!(invocation = %id, %error, "a chained call failed"),
        }
    }
}

impl Drop for Settler {
    fn drop(&mut self) {
        self.port.settle(self.child, std::mem::take(&mut self.outcome));
    }
}

/// The port as host functions hold it.
pub(crate) struct Chain(pub(crate) Arc<Port>);

impl Calls for Chain {
    fn chain(
        &self,
        parent: CallId,
        target: Target,
        input: Vec<u8>,
        stamps: Stamps,
    ) -> Result<CallId, ChainError> {
        let shared = self.0.shared.upgrade().ok_or_else(draining)?;
        let (number, id) = shared.ids.mint();
        let child = CallId(number);
        let (function, info) = {
            let mut tables = self.0.lock();
            let caller = tables.parents.get_mut(&parent).ok_or_else(draining)?;
            let (function, entry) = resolve(&shared, caller, target)?;
            let (begun, deadline) = (Instant::now(), caller.info.deadline);
            let (parent, graph) = (Some(caller.info.id), caller.info.graph);
            let info = CallInfo { id, number, parent, graph, entry, begun, deadline };
            caller.children.push(child);
            tables.children.insert(child, Child::Running(Vec::new()));
            (function, info)
        };
        shared.graphs.begun(&info, function.name());
        let (reply, finished) = pending();
        let mut settler = Settler { port: Arc::clone(&self.0), child, info, outcome: failed() };
        drop(finished.map(move |finished| settler.note(finished)));
        shared.submit(Task { info, function, input, stamps: Some(stamps), reply });
        Ok(child)
    }

    fn outcome(&self, id: CallId) -> Pending<ChainedOutcome> {
        match self.0.lock().children.get_mut(&id) {
            Some(Child::Done { outcome, .. }) => Pending::ready(outcome.clone()),
            Some(Child::Running(waiting)) => {
                let (completer, pending) = pending();
                waiting.push(completer);
                pending
            }
            // Abandoned: a call that nobody knows is a failed one.
            None => pending().1,
        }
    }
}

/// The function that `target` names for `caller`, and where it begins.
fn resolve(
    shared: &Shared,
    caller: &Parent,
    target: Target,
) -> Result<(Arc<Function>, Entry), ChainError> {
    match target {
        Target::Pointer(index) => Ok((Arc::clone(&caller.function), Entry::Pointer(index))),
        Target::Name(name) => {
            let found = caller
                .function
                .name()
                .sibling(&name)
                .ok()
                .and_then(|name| shared.directory.get(&name));
            Ok((found.ok_or(ChainError::UnknownFunction { name })?, Entry::Main))
        }
    }
}

fn failed() -> ChainedOutcome {
    ChainedOutcome { return_value: FAILED, ..ChainedOutcome::default() }
}

fn draining() -> ChainError {
    ChainError::Unavailable(Box::new(CallError::Draining))
}
