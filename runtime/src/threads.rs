//! Where guests' threads run: threads of the system, kept for a while for the next ones.
//!
//! A guest's thread has one of them for itself as long as it lives, also while it waits. A suspended stack goes on only on
//! the thread that began it, and guests spin: one that waits for another actively must not keep it from going on.
//! So it is the kernel that shares the processors among them.

use std::fmt;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use faasm_hostif::{Job, NoThread, Threads};

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
    /// Threads that there are.
    threads: usize,
    /// Those that wait, with the number of their wait, the last one last. Whoever takes one out gives it a job, under the
    /// lock; when the list goes they end.
    idle: Vec<(u64, SyncSender<Job>)>,
    waits: u64,
    closed: bool,
}

impl ThreadPool {
    /// No threads yet, and `most` at any time.
    pub(crate) fn new(most: usize) -> Self {
        Self { shared: Arc::new(Shared { most, state: Mutex::default() }) }
    }
}

impl Threads for ThreadPool {
    fn run(&self, job: Job) -> Result<(), NoThread> {
        let mut state = self.shared.lock();
        if let Some((_, idle)) = state.idle.pop() {
            // It has room for the one job, and somebody who waits for it.
            return idle.try_send(job).map_err(|_| NoThread);
        }
        if state.threads >= self.shared.most || state.closed {
            return Err(NoThread);
        }
        state.threads += 1;
        drop(state);
        let counted = Counted(Arc::clone(&self.shared));
        let thread = Builder::new().name("guest-thread".into()).stack_size(STACK);
        let spawned = thread.spawn(move || work(&counted, job));
        spawned.map(drop).map_err(|_| NoThread)
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

/// One thread's life.
fn work(Counted(shared): &Counted, first: Job) {
    // A handler of somebody else's must not run on a guest's stack.
    faasm_sfi::fault::block_other_signals();
    let mut next = Some(first);
    while let Some(job) = next {
        job();
        next = shared.next();
    }
}

impl Shared {
    /// This thread's next job, if one comes in time.
    fn next(&self) -> Option<Job> {
        let (idle, jobs) = sync_channel(1);
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        state.waits += 1;
        let wait = state.waits;
        state.idle.push((wait, idle));
        drop(state);
        match jobs.recv_timeout(KEPT) {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                self.lock().idle.retain(|(number, _)| *number != wait);
                // One that came in the last moment is here, as it was sent under the lock.
                jobs.try_recv().ok()
            }
        }
    }

    /// Whole at every unlock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that is counted; not any more when this is dropped, however it ended or did not begin.
struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.lock().threads -= 1;
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        let (threads, idle) = (state.threads, state.idle.len());
        f.debug_struct("ThreadPool").field("threads", &threads).field("idle", &idle).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn as_many_run_at_one_time_as_may_and_idle_ones_are_used_again() {
        let pool = ThreadPool::new(2);
        let (done, all) = channel();
        let begin = |pool: &ThreadPool| {
            let (release, held) = channel::<()>();
            let done = done.clone();
            let job = move || {
                let _ = held.recv();
                done.send(std::thread::current().id()).unwrap();
            };
            pool.run(Box::new(job)).map(|()| release)
        };
        let (first, second) = (begin(&pool).unwrap(), begin(&pool).unwrap());
        assert!(begin(&pool).is_err(), "both are at work");
        drop(first);
        let ended = all.recv().unwrap();
        // It waits for its next job a moment after the end of its last.
        let third = loop {
            match begin(&pool) {
                Ok(third) => break third,
                Err(NoThread) => std::thread::yield_now(),
            }
        };
        drop(third);
        assert_eq!(all.recv().unwrap(), ended);
        drop(second);
        all.recv().unwrap();
    }

    #[test]
    fn a_job_that_panics_does_not_take_a_place_for_good() {
        let pool = ThreadPool::new(1);
        pool.run(Box::new(|| panic!("of a test"))).unwrap();
        let (done, end) = channel();
        loop {
            let done = done.clone();
            if pool.run(Box::new(move || done.send(()).unwrap())).is_ok() {
                break;
            }
            std::thread::yield_now();
        }
        end.recv().unwrap();
    }
}
