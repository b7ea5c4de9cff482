//! Who does what next: calls that wait for an executor, and waiting Faaslets that can go on.
//!
//! # Protocol
//!
//! 1. All of it is under one lock, which is held for a few moves of pointers and never while a guest runs.
//! 2. A new call is anybody's; a Faaslet that can go on is its own executor's, since its stack lives on that thread.
//! 3. An executor takes, in this order: its Faaslets that can go on (their memory is in use already), chained calls
//!    (somebody waits for them), calls from outside. If there is nothing it enters `sleeping` and waits on its own
//!    condition variable, under the same lock, so that no waking is lost.
//! 4. Whoever adds work takes a sleeper out of `sleeping`, the one that slept last, and wakes it. One addition wakes
//!    at most one executor.
//! 5. After `close` no call from outside is added; executors drain what is there, then `next` answers [`Work::Stop`].
//!    After `abort` those that have waiting Faaslets are told [`Work::Abort`] until they have none.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Which executor: its position among them.
pub(crate) type ExecutorIndex = usize;

/// Which waiting Faaslet of an executor. Never used again.
pub(crate) type WaiterId = u64;

/// Where a call comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The gateway.
    Outside,
    /// A Faaslet.
    Chained,
}

/// What an executor is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Work<C> {
    /// Run this call.
    Call(C),
    /// Let this Faaslet go on.
    Resume(WaiterId),
    /// The time that was given to `next` has come.
    Timer,
    /// End what waits, then ask again: the host stops now.
    Abort,
    /// End: nothing will come any more.
    Stop,
}

/// Why a call was not taken; it is given back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused<C> {
    /// The queue is full.
    Full(C),
    /// The queue is closed.
    Closed(C),
}

/// The queue; see the module's page.
pub(crate) struct Queue<C> {
    state: Mutex<State<C>>,
    /// One for each executor.
    wake: Vec<Condvar>,
    limits: QueueLimits,
    /// Set once, before the lock is taken to wake everybody: who sleeps after that has seen it.
    aborting: AtomicBool,
}

/// How many calls may wait for an executor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    /// From outside.
    pub(crate) outside: usize,
    /// Chained.
    pub(crate) chained: usize,
}

struct State<C> {
    outside: VecDeque<C>,
    chained: VecDeque<C>,
    /// For each executor.
    ready: Vec<VecDeque<WaiterId>>,
    /// Executors that wait on their condition variable and that nobody has woken; the last one slept last.
    sleeping: Vec<ExecutorIndex>,
    closed: bool,
}

impl<C> Queue<C> {
    pub(crate) fn new(executors: usize, limits: QueueLimits) -> Self {
        let state = State {
            outside: VecDeque::new(),
            chained: VecDeque::new(),
            ready: (0..executors).map(|_| VecDeque::new()).collect(),
            sleeping: Vec::with_capacity(executors),
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            wake: (0..executors).map(|_| Condvar::new()).collect(),
            limits,
            aborting: AtomicBool::new(false),
        }
    }

    /// Adds a call.
    pub(crate) fn submit(&self, call: C, origin: Origin) -> Result<(), Refused<C>> {
        let mut state = self.lock();
        // Chained calls are work in progress: they are taken until the last executor has stopped.
        if state.closed && origin == Origin::Outside {
            return Err(Refused::Closed(call));
        }
        let (queue, limit) = match origin {
            Origin::Outside => (&mut state.outside, self.limits.outside),
            Origin::Chained => (&mut state.chained, self.limits.chained),
        };
        if queue.len() >= limit {
            return Err(Refused::Full(call));
        }
        queue.push_back(call);
        let sleeper = state.sleeping.pop();
        drop(state);
        self.wake(sleeper);
        Ok(())
    }

    /// Says that a waiting Faaslet of `executor` can go on. It may be gone by then: that is the executor's to see.
    pub(crate) fn ready(&self, executor: ExecutorIndex, waiter: WaiterId) {
        let mut state = self.lock();
        state.ready[executor].push_back(waiter);
        let sleeper = state.sleeping.iter().position(|index| *index == executor);
        let sleeper = sleeper.map(|at| state.sleeping.remove(at));
        drop(state);
        self.wake(sleeper);
    }

    /// What `executor` is to do next; waits for it until `timer` at most. `waiting` says whether it has Faaslets that
    /// wait: then it does not stop.
    pub(crate) fn next(
        &self,
        executor: ExecutorIndex,
        timer: Option<Instant>,
        waiting: bool,
    ) -> Work<C> {
        let mut state = self.lock();
        loop {
            if waiting && self.is_aborting() {
                return Work::Abort;
            }
            if let Some(waiter) = state.ready[executor].pop_front() {
                return Work::Resume(waiter);
            }
            if timer.is_some_and(|timer| timer <= Instant::now()) {
                return Work::Timer;
            }
            if let Some(call) = state.chained.pop_front().or_else(|| state.outside.pop_front()) {
                return Work::Call(call);
            }
            if state.closed && !waiting {
                return Work::Stop;
            }
            state.sleeping.push(executor);
            state = self.sleep(state, executor, timer);
            state.sleeping.retain(|index| *index != executor);
        }
    }

    /// Takes no more calls from outside, and lets executors end when all is done.
    pub(crate) fn close(&self) {
        self.finish();
    }

    /// As `close`, and has executors end what waits.
    pub(crate) fn abort(&self) {
        self.aborting.store(true, Ordering::Relaxed);
        self.finish();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(crate) fn is_aborting(&self) -> bool {
        self.aborting.load(Ordering::Relaxed)
    }

    /// How many calls wait for an executor.
    pub(crate) fn len(&self) -> usize {
        let state = self.lock();
        state.outside.len() + state.chained.len()
    }

    fn finish(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.sleeping.clear();
        drop(state);
        self.wake.iter().for_each(Condvar::notify_all);
    }

    fn sleep<'a>(
        &self,
        state: MutexGuard<'a, State<C>>,
        executor: ExecutorIndex,
        timer: Option<Instant>,
    ) -> MutexGuard<'a, State<C>> {
        match timer {
            None => self.wake[executor].wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(timer) => {
                let left = timer.saturating_duration_since(Instant::now());
                self.wake[executor]
                    .wait_timeout(state, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        }
    }

    fn wake(&self, sleeper: Option<ExecutorIndex>) {
        if let Some(executor) = sleeper {
            self.wake[executor].notify_one();
        }
    }

    /// Nothing under the lock panics half way through a change, so a poisoned lock is a sound one.
    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    const LIMITS: QueueLimits = QueueLimits { outside: 3, chained: 100 };

    #[test]
    fn an_executor_takes_its_own_faaslets_then_chained_calls_then_others() {
        let queue = Queue::new(2, LIMITS);
        queue.submit("outside", Origin::Outside).unwrap();
        queue.submit("chained", Origin::Chained).unwrap();
        queue.ready(1, 7);
        assert_eq!(queue.next(0, None, false), Work::Call("chained"));
        assert_eq!(queue.next(1, None, false), Work::Resume(7));
        assert_eq!(queue.next(1, None, false), Work::Call("outside"));
        let soon = Instant::now() + Duration::from_millis(2);
        assert_eq!(queue.next(1, Some(soon), true), Work::Timer);
    }

    #[test]
    fn a_full_queue_refuses_and_a_closed_one_drains() {
        let queue = Queue::new(1, LIMITS);
        (0..3).for_each(|call| queue.submit(call, Origin::Outside).unwrap());
        assert_eq!(queue.submit(3, Origin::Outside), Err(Refused::Full(3)));
        assert_eq!(queue.submit(4, Origin::Chained), Ok(()));
        queue.close();
        assert_eq!(queue.submit(5, Origin::Outside), Err(Refused::Closed(5)));
        let drained: Vec<_> = (0..5).map(|_| queue.next(0, None, false)).collect();
        let expected =
            [4, 0, 1, 2].map(Work::Call).into_iter().chain([Work::Stop]).collect::<Vec<_>>();
        assert_eq!(drained, expected);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn no_call_and_no_waking_is_lost_between_threads() {
        const CALLS: usize = 20_000;
        let queue = Arc::new(Queue::new(2, QueueLimits { outside: CALLS, chained: CALLS }));
        let executor = |index| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                let (mut calls, mut resumed) = (0, 0);
                loop {
                    match queue.next(index, None, false) {
                        // Half of the calls make a Faaslet of the other executor ready.
                        Work::Call(call) => {
                            calls += 1;
                            if call % 2 == 0 {
                                queue.ready(1 - index, 1);
                            }
                        }
                        Work::Resume(_) => resumed += 1,
                        Work::Timer | Work::Abort => {
                            unreachable!("no timer was given, and nothing waits")
                        }
                        Work::Stop => return (calls, resumed),
                    }
                }
            })
        };
        let threads = [executor(0), executor(1)];
        for call in 0..CALLS {
            queue.submit(call, Origin::Outside).unwrap();
        }
        queue.close();
        let done: Vec<(usize, usize)> =
            threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(done[0].0 + done[1].0, CALLS);
        // What became ready for an executor that had stopped already stays in the queue.
        let left: usize = queue.lock().ready.iter().map(VecDeque::len).sum();
        assert_eq!(done[0].1 + done[1].1 + left, CALLS / 2);
    }
}
