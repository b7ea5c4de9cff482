//! What executors, the gateway and chained calls share: the queue, the functions, and who is at work.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Instant;

use faasm_hostif::{NetworkHost, Threads};
use faasm_state::{LocalTier, Stamps};
use faasm_vm::Interrupt;

use super::ExecutorLimits;
use super::queue::{ExecutorIndex, Origin, Queue, QueueLimits, Refused};
use crate::call::{CallError, CallInfo, Finished, Reply, Timings};
use crate::directory::Directory;
use crate::forge::Forge;
use crate::function::{Binder, Function};
use crate::graph::Graphs;
use crate::invocation::InvocationIds;
use crate::threads::ThreadPool;

/// A call on its way to a Faaslet.
pub(crate) struct Task {
    pub(crate) info: CallInfo,
    pub(crate) function: Arc<Function>,
    pub(crate) input: Vec<u8>,
    /// What the chain of calls that this one is in has pushed.
    pub(crate) stamps: Option<Stamps>,
    pub(crate) reply: Reply,
}

/// A task that was accepted.
pub(super) struct Accepted {
    pub(super) task: Task,
    pub(super) open: Open,
    /// The input of a chained call.
    pub(super) held: Option<Held>,
}

/// A call that has not ended; it has when this is dropped, whatever became of it.
pub(super) struct Open(Arc<Shared>);

/// So many bytes of [`ExecutorLimits::chained_bytes`], given back when it is dropped.
pub(super) struct Held {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.chained_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        *open -= 1;
        if *open == 0 {
            self.0.idle.notify_all();
        }
    }
}

/// See the module's page.
pub(crate) struct Shared {
    pub(crate) binder: Binder,
    pub(crate) directory: Directory,
    pub(crate) forge: Forge,
    pub(crate) ids: InvocationIds,
    /// Of calls that are recorded.
    pub(crate) graphs: Graphs,
    /// Where guests' threads run.
    pub(crate) threads: Arc<dyn Threads>,
    pub(super) queue: Queue<Accepted>,
    limits: ExecutorLimits,
    /// How many [`Open`] there are; who brings it to 0 notifies `idle`.
    open: Mutex<usize>,
    idle: Condvar,
    /// Faaslets that run or wait.
    live: AtomicUsize,
    /// What [`Held`] there is, in bytes.
    chained_bytes: AtomicUsize,
    /// What each executor runs at this moment.
    running: Vec<Mutex<Option<Interrupt>>>,
}

/// The right to have a Faaslet; gone when it is dropped.
pub(super) struct Seat(Arc<Shared>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// Shares these, with a queue for so many executors and so many calls.
    pub(crate) fn new(
        (executors, limits): (usize, ExecutorLimits),
        directory: Directory,
        (forge, network, state): (Forge, NetworkHost, LocalTier),
        ids: InvocationIds,
    ) -> Arc<Self> {
        let queue_limits = QueueLimits { outside: limits.queued, chained: limits.queued_chained };
        Arc::new_cyclic(|shared| Self {
            binder: Binder::new(
                Weak::clone(shared),
                state,
                (Arc::clone(forge.files()), network),
                forge.origin(),
            ),
            directory,
            forge: forge.of(shared),
            ids,
            graphs: Graphs::default(),
            threads: Arc::new(ThreadPool::new(limits.guest_threads)),
            queue: Queue::new(executors, queue_limits),
            limits,
            open: Mutex::new(0),
            idle: Condvar::new(),
            live: AtomicUsize::new(0),
            chained_bytes: AtomicUsize::new(0),
            running: (0..executors).map(|_| Mutex::new(None)).collect(),
        })
    }

    /// Queues a call, or replies that it cannot be.
    pub(crate) fn submit(self: &Arc<Self>, task: Task) {
        let origin = if task.info.parent.is_some() { Origin::Chained } else { Origin::Outside };
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let held = (origin == Origin::Chained).then(|| self.hold(task.input.len()));
        let full = matches!(held, Some(None));
        let accepted = Accepted { task, open: Open(Arc::clone(self)), held: held.flatten() };
        if full {
            return accepted
                .refuse(CallError::Overloaded("chained calls take too much memory here"));
        }
        match self.queue.submit(accepted, origin) {
            Ok(()) => {}
            Err(Refused::Full(accepted)) => {
                accepted.refuse(CallError::Overloaded("too many calls are waiting on this host"));
            }
            Err(Refused::Closed(accepted)) => accepted.refuse(CallError::Draining),
        }
    }

    /// A seat for one more Faaslet, if there is room.
    pub(super) fn seat(self: &Arc<Self>) -> Option<Seat> {
        let room = |live: usize| (live < self.limits.live).then_some(live + 1);
        self.live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).ok()?;
        Some(Seat(Arc::clone(self)))
    }

    /// Room for so many bytes of a chained call, if there is.
    pub(super) fn hold(self: &Arc<Self>, bytes: usize) -> Option<Held> {
        let room =
            |held: usize| held.checked_add(bytes).filter(|held| *held <= self.limits.chained_bytes);
        self.chained_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).ok()?;
        Some(Held { shared: Arc::clone(self), bytes })
    }

    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.queue.is_closed()
    }

    /// Takes no more calls from outside.
    pub(crate) fn drain(&self) {
        self.queue.close();
    }

    /// Waits until no call is open, or until `deadline`.
    pub(super) fn wait_until_idle(&self, deadline: Instant) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while *open > 0 {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return };
            open = self.idle.wait_timeout(open, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Has every executor end what it has, and stop.
    pub(super) fn abort(&self) {
        self.queue.abort();
        for running in &self.running {
            if let Some(interrupt) = &*running.lock().unwrap_or_else(PoisonError::into_inner) {
                interrupt.request();
            }
        }
    }

    pub(super) fn is_aborting(&self) -> bool {
        self.queue.is_aborting()
    }

    /// Notes what `executor` runs, so that it can be interrupted.
    pub(super) fn runs(&self, executor: ExecutorIndex, interrupt: Option<Interrupt>) {
        *self.running[executor].lock().unwrap_or_else(PoisonError::into_inner) = interrupt;
    }
}

impl Accepted {
    /// Ends a call that did not get a Faaslet.
    pub(super) fn refuse(self, error: CallError) {
        let Task { info, reply, .. } = self.task;
        let timings = Timings { queue: info.begun.elapsed(), ..Timings::default() };
        reply.complete(Finished::failed(error, timings));
    }
}
