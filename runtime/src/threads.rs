//! Where guests' threads run: threads of the system, kept for a while for the next ones.
//!
//! A guest's thread has one of them for itself as long as it lives, also while it waits. A suspended stack goes on only on
//! the thread that began it, and guests spin: one that waits for another actively must not keep it from going on.
//! So it is the kernel that shares the processors among them.

use std::fmt;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use faasm_hostif::{Job, NoThread, Place, Threads};

/// Bytes of a thread's own stack. Guests have stacks of their own.
const STACK: usize = 512 << 10;

/// How long a thread waits for its next guest.
const KEPT: Duration = Duration::from_secs(5);

/// The threads of one process for guests.
pub(crate) struct ThreadPool {
    shared: Arc<Shared>,
}

struct Shared {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Guests that have a thread. One that has just ended has none any more, while its thread still makes itself idle:
    /// so there may be a few more threads than places.
    places: usize,
    /// The threads that wait, with the number of their wait, the last one last. Whoever takes one out gives it a job, under the
    /// lock; when the list goes they end.
    idle: Vec<(u64, SyncSender<Work>)>,
    waits: u64,
    closed: bool,
}

impl ThreadPool {
    /// No threads yet, and `most` guests on them at any time.
    pub(crate) fn new(most: usize) -> Self {
        Self { shared: Arc::new(Shared { most, state: Mutex::default() }) }
    }
}

impl Threads for ThreadPool {
    fn run(&self, job: Job) -> Result<(), NoThread> {
        let mut state = self.shared.lock();
        if state.places >= self.shared.most || state.closed {
            return Err(NoThread);
        }
        state.places += 1;
        let work = Work { job, place: Box::new(Counted(Arc::clone(&self.shared))) };
        let work = match state.idle.pop() {
            // Sent under the lock: see `idle`.
            Some((_, idle)) => match idle.try_send(work) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(work) | TrySendError::Disconnected(work)) => work,
            },
            None => work,
        };
        // A place takes the lock when it is given back.
        drop(state);
        let shared = Arc::clone(&self.shared);
        let thread = Builder::new().name("guest-thread".into()).stack_size(STACK);
        thread.spawn(move || live(&shared, work)).map(drop).map_err(|_| NoThread)
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        drop(idle);
    }
}

/// A guest's thread and the place that it has.
struct Work {
    job: Job,
    place: Place,
}

/// One thread's life.
fn live(shared: &Shared, first: Work) {
    // A handler of somebody else's must not run on a guest's stack.
    faasm_sfi::fault::block_other_signals();
    let mut next = Some(first);
    while let Some(Work { job, place }) = next {
        job(place);
        next = shared.next();
    }
}

impl Shared {
    /// What this thread does next, if something comes in time.
    fn next(&self) -> Option<Work> {
        let (idle, work) = sync_channel(1);
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        state.waits += 1;
        let wait = state.waits;
        state.idle.push((wait, idle));
        drop(state);
        match work.recv_timeout(KEPT) {
            Ok(work) => Some(work),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                self.lock().idle.retain(|(number, _)| *number != wait);
                // One that came in the last moment is here, as it was sent under the lock.
                work.try_recv().ok()
            }
        }
    }

    /// Whole at every unlock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that is counted; not any more when this is dropped, however its thread ended or did not begin.
struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.lock().places -= 1;
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        let (places, idle) = (state.places, state.idle.len());
        f.debug_struct("ThreadPool").field("places", &places).field("idle", &idle).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn as_many_run_at_one_time_as_may_and_a_place_is_free_when_it_is_dropped() {
        let pool = ThreadPool::new(2);
        let (ended, ends) = channel();
        let begin = |pool: &ThreadPool| {
            let (release, held) = channel::<()>();
            let ended = ended.clone();
            let job = move |place| {
                let _ = held.recv();
                drop(place);
                ended.send(()).unwrap();
                // Whether the thread is idle yet does not matter.
                let _ = held.recv_timeout(Duration::from_millis(20));
            };
            pool.run(Box::new(job)).map(|()| release)
        };
        for _ in 0..3 {
            let (first, second) = (begin(&pool).unwrap(), begin(&pool).unwrap());
            assert!(begin(&pool).is_err(), "both are at work");
            first.send(()).unwrap();
            ends.recv().unwrap();
            let third = begin(&pool).unwrap();
            drop((second, third));
            ends.recv().unwrap();
            ends.recv().unwrap();
        }
    }

    #[test]
    fn an_idle_thread_is_used_again() {
        let pool = ThreadPool::new(1);
        let (names, threads) = channel();
        let mut before = None;
        // It makes itself idle a moment after the end of its job.
        for _ in 0..10_000 {
            let names = names.clone();
            pool.run(Box::new(move |place| {
                drop(place);
                names.send(std::thread::current().id()).unwrap();
            }))
            .unwrap();
            let thread = threads.recv().unwrap();
            if before.replace(thread) == Some(thread) {
                return;
            }
            std::thread::yield_now();
        }
        panic!("a new thread each time");
    }

    #[test]
    fn a_job_that_panics_does_not_take_a_place_for_good() {
        let pool = ThreadPool::new(1);
        pool.run(Box::new(|_place| panic!("of a test"))).unwrap();
        let (done, end) = channel();
        loop {
            let done = done.clone();
            if pool.run(Box::new(move |_place| done.send(()).unwrap())).is_ok() {
                break;
            }
            std::thread::yield_now();
        }
        end.recv().unwrap();
    }
}
