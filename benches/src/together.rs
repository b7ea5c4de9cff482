//! Work that two threads do at the same time.
//!
//! # Protocol
//!
//! 1. The threads start with the value and live as long as it, so that what they know (caches, signal stacks, thread
//!    numbers) is warm.
//! 2. A sample sends both the same work. They wait for each other, do it so many times, and each says how much of its
//!    own processor time that took: a neighbour that takes the processor away does not count, but what one thread costs
//!    the other does.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;

use rustix::time::ClockId;

use crate::processor_time;

/// How many threads there are.
pub const THREADS: u32 = 2;

/// Work for each of the threads, done once by a call.
pub type Work = Arc<dyn Fn() + Send + Sync>;

/// Two threads that wait for work.
#[derive(Debug)]
pub struct Together {
    workers: Vec<Worker>,
}

#[derive(Debug)]
struct Worker {
    /// Dropped at the end, which ends the thread.
    work: Option<Sender<(Work, u32)>>,
    took: Receiver<f64>,
    thread: Option<JoinHandle<()>>,
}

impl Default for Together {
    fn default() -> Self {
        let start = Arc::new(Barrier::new(THREADS as usize));
        Self { workers: (0..THREADS).map(|_| Worker::start(Arc::clone(&start))).collect() }
    }
}

impl Together {
    /// Nanoseconds of processor time for doing the work once, while the other thread does it too: the mean of both, each
    /// of which does it `repeat` times.
    pub fn sample(&self, repeat: u32, work: &Work) -> f64 {
        for worker in &self.workers {
            let sent = worker.work.as_ref().map(|send| send.send((Arc::clone(work), repeat)));
            assert!(matches!(sent, Some(Ok(()))), "a thread of a benchmark has panicked");
        }
        let took = self.workers.iter().map(|worker| worker.took.recv());
        let total: f64 = took.map(|took| took.unwrap_or(f64::NAN)).sum();
        total / f64::from(THREADS) / f64::from(repeat)
    }
}

impl Drop for Together {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            worker.work = None;
            // A panic has been said already.
            let _ = worker.thread.take().map(JoinHandle::join);
        }
    }
}

impl Worker {
    fn start(start: Arc<Barrier>) -> Self {
        let (work, works) = channel::<(Work, u32)>();
        let (tell, took) = channel();
        let thread = std::thread::spawn(move || {
            for (work, repeat) in works {
                start.wait();
                let begun = processor_time(ClockId::ThreadCPUTime);
                (0..repeat).for_each(|_| work());
                let took = processor_time(ClockId::ThreadCPUTime) - begun;
                if tell.send(took.as_secs_f64() * 1e9).is_err() {
                    return;
                }
            }
        });
        Self { work: Some(work), took, thread: Some(thread) }
    }
}
