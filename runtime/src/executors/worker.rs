//! One executor: takes work, runs Faaslets, keeps those that wait.
//!
//! # Invariants
//!
//! A Faaslet runs, waits and ends on the thread that began it. Every task that an executor takes is replied to: with
//! an outcome or an error, or, should the executor panic, by the drop of its reply.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::queue::{ExecutorIndex, WaiterId, Work};
use super::shared::{Accepted, Held, Open, Seat, Shared, Task};
use crate::call::{CallError, CallInfo, Finished, Phase, Reply, Timings};
use crate::faaslet::{Ended, Faaslet, Progress, Waiting};
use crate::function::Function;

/// A call that has a Faaslet.
struct Running {
    info: CallInfo,
    function: Arc<Function>,
    reply: Reply,
    timings: Timings,
    /// When the Faaslet was there.
    started: Instant,
    _seat: Seat,
    _open: Open,
    _held: Option<Held>,
}

/// A call whose Faaslet waits.
struct Parked {
    running: Running,
    faaslet: Waiting,
}

/// A call whose main thread has ended, and others not yet.
struct Ending {
    running: Running,
    ended: Ended,
    phase: Phase,
}

/// See the module's page.
pub(super) struct Worker {
    index: ExecutorIndex,
    shared: Arc<Shared>,
    parked: HashMap<WaiterId, Parked>,
    ending: HashMap<WaiterId, Ending>,
    /// When which parked Faaslet is to be looked at. Entries of those that are gone are skipped.
    timers: BinaryHeap<Reverse<(Instant, WaiterId)>>,
    next_waiter: WaiterId,
}

impl Worker {
    pub(super) fn new(index: ExecutorIndex, shared: Arc<Shared>) -> Self {
        Self {
            index,
            shared,
            parked: HashMap::new(),
            ending: HashMap::new(),
            timers: BinaryHeap::new(),
            next_waiter: 0,
        }
    }

    /// Works until the host stops.
    pub(super) fn run(mut self) {
        // A handler of somebody else's must not run on a guest's stack.
        faasm_sfi::fault::block_other_signals();
        loop {
            let timer = self.next_timer();
            let waiting = !self.parked.is_empty() || !self.ending.is_empty();
            let work = self.shared.queue.next(self.index, timer, waiting);
            if matches!(work, Work::Stop) {
                return;
            }
            if catch_unwind(AssertUnwindSafe(|| self.work(work))).is_err() {
                tracing::error!(executor = self.index, "a call was lost to a panic of the host");
                self.shared.runs(self.index, None);
            }
        }
    }

    fn work(&mut self, work: Work<Accepted>) {
        match work {
            Work::Call(task) => self.begin(task),
            Work::Resume(waiter) => match self.ending.remove(&waiter) {
                Some(Ending { running, ended, phase }) => self.end(running, ended, phase),
                None => self.resume(waiter),
            },
            Work::Timer => self.look_at_timers(),
            Work::Abort => self.cancel_all(),
            Work::Stop => {}
        }
    }

    fn begin(&mut self, accepted: Accepted) {
        let taken = Instant::now();
        if let Some(error) = self.refusal(&accepted.task, taken) {
            return accepted.refuse(error);
        }
        let Some(seat) = self.shared.seat() else {
            return accepted
                .refuse(CallError::Overloaded("too many functions are running or waiting here"));
        };
        let Accepted { task, open, held: _held } = accepted;
        let Task { info, function, input, stamps, reply } = task;
        let faaslet = match Faaslet::birth(&self.shared, &function, &info, (input, stamps)) {
            Ok(faaslet) => faaslet,
            Err(error) => {
                let timings = Timings {
                    queue: taken - info.begun,
                    init: taken.elapsed(),
                    ..Timings::default()
                };
                return reply.complete(Finished::failed(error, timings));
            }
        };
        let started = Instant::now();
        let (queue, init, cold) = (taken - info.begun, started - taken, faaslet.is_cold());
        let timings = Timings { queue, init, cold, ..Timings::default() };
        tracing::debug!(function = %function.name(), invocation = %info.id, cold, "takes a call");
        function.port().begin(info, &function);
        let (_seat, _open) = (seat, open);
        let running = Running { info, function, reply, timings, started, _seat, _open, _held };
        self.shared.runs(self.index, Some(faaslet.interrupt()));
        let progress = faaslet.run();
        self.settle(running, progress, Phase::Running);
    }

    fn refusal(&self, task: &Task, now: Instant) -> Option<CallError> {
        if self.shared.is_aborting() {
            return Some(CallError::Draining);
        }
        (now >= task.info.deadline).then(|| deadline(&task.info, Phase::Queued))
    }

    fn resume(&mut self, waiter: WaiterId) {
        let Some(parked) = self.parked.remove(&waiter) else { return };
        self.shared.runs(self.index, Some(parked.faaslet.interrupt()));
        let phase = if Instant::now() >= parked.running.info.deadline {
            Phase::Waiting
        } else {
            Phase::Running
        };
        let progress = parked.faaslet.resume();
        self.settle(parked.running, progress, phase);
    }

    /// Goes on with, or cancels, every parked Faaslet whose time has come.
    fn look_at_timers(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, waiter))) = self.timers.peek().copied() {
            if at > now {
                return;
            }
            self.timers.pop();
            match self.parked.get(&waiter) {
                Some(parked) if now >= parked.running.info.deadline => self.cancel(waiter),
                Some(_) => self.resume(waiter),
                None => {}
            }
        }
    }

    fn cancel(&mut self, waiter: WaiterId) {
        let Some(parked) = self.parked.remove(&waiter) else { return };
        let result = parked.faaslet.cancel();
        self.settle(parked.running, result, Phase::Waiting);
    }

    fn cancel_all(&mut self) {
        let waiters: Vec<_> = self.parked.keys().copied().collect();
        waiters.into_iter().for_each(|waiter| self.cancel(waiter));
        for (_, Ending { running, ended, phase }) in std::mem::take(&mut self.ending) {
            ended.wait_for_threads();
            self.end(running, ended, phase);
        }
    }

    /// Parks a Faaslet that waits, or ends its call. `phase` is where the call was if its deadline has passed.
    fn settle(&mut self, running: Running, progress: Progress, phase: Phase) {
        self.shared.runs(self.index, None);
        match progress {
            Progress::Waiting(faaslet) => self.park(running, faaslet),
            Progress::Done(ended) if ended.has_threads() => {
                self.await_threads(running, ended, phase)
            }
            Progress::Done(ended) => self.end(running, ended, phase),
        }
    }

    /// Puts a call aside until its last thread has gone, which it was asked to.
    fn await_threads(&mut self, running: Running, ended: Ended, phase: Phase) {
        let waiter = self.next_waiter;
        self.next_waiter += 1;
        let (shared, index) = (Arc::clone(&self.shared), self.index);
        ended.on_threads_gone(Box::new(move || shared.queue.ready(index, waiter)));
        self.ending.insert(waiter, Ending { running, ended, phase });
    }

    fn park(&mut self, running: Running, faaslet: Waiting) {
        let waiter = self.next_waiter;
        self.next_waiter += 1;
        let at =
            faaslet.deadline().map_or(running.info.deadline, |at| at.min(running.info.deadline));
        self.timers.push(Reverse((at, waiter)));
        let (shared, index) = (Arc::clone(&self.shared), self.index);
        let wake = Arc::clone(&shared);
        faaslet.on_team_end(Box::new(move || wake.queue.ready(index, waiter)));
        faaslet.on_ready(Box::new(move || shared.queue.ready(index, waiter)));
        self.parked.insert(waiter, Parked { running, faaslet });
    }

    fn end(&self, running: Running, ended: Ended, phase: Phase) {
        let Running { info, function, reply, mut timings, started, _seat, _open, _held } = running;
        timings.run = started.elapsed();
        let (result, stamps, spent) = ended.outcome();
        let run = timings.run;
        tracing::debug!(function = %function.name(), invocation = %info.id, ?run, "ended a call");
        let result = result.map_err(|error| match error {
            CallError::Deadline { .. } if self.shared.is_aborting() => CallError::Draining,
            CallError::Deadline { .. } => deadline(&info, phase),
            error => error,
        });
        function.port().end(&info);
        reply.complete(Finished { result, timings, stamps });
        spent.reset();
    }

    /// The next time at which a parked Faaslet is to be looked at.
    fn next_timer(&mut self) -> Option<Instant> {
        while let Some(Reverse((at, waiter))) = self.timers.peek() {
            if self.parked.contains_key(waiter) {
                return Some(*at);
            }
            self.timers.pop();
        }
        None
    }
}

fn deadline(info: &CallInfo, phase: Phase) -> CallError {
    CallError::Deadline { phase, allowed: info.deadline - info.begun }
}
