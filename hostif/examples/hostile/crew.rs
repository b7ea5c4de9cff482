//! Threads for guests' threads: few, there from the beginning, so that nothing else explains one more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use faasm_hostif::{Job, NoThread, Threads};

/// How many there are.
pub(crate) const CREW: usize = 4;

pub(crate) struct Crew {
    jobs: Mutex<Sender<Job>>,
    idle: Arc<AtomicUsize>,
}

/// One of the crew is busy.
struct Busy(Arc<AtomicUsize>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

impl Crew {
    pub(crate) fn new() -> Arc<Self> {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        let idle = Arc::new(AtomicUsize::new(CREW));
        for _ in 0..CREW {
            let (queue, idle) = (Arc::clone(&queue), Arc::clone(&idle));
            std::thread::spawn(move || {
                loop {
                    let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = job else { return };
                    let place = Box::new(Busy(Arc::clone(&idle)));
                    // The message was shown where the panic began.
                    if catch_unwind(AssertUnwindSafe(|| job(place))).is_err() {
                        std::process::abort();
                    }
                }
            });
        }
        Arc::new(Self { jobs: Mutex::new(jobs), idle })
    }

    /// How many have nothing to do.
    pub(crate) fn idle(&self) -> usize {
        self.idle.load(Ordering::Acquire)
    }
}

impl Threads for Crew {
    fn run(&self, job: Job) -> Result<(), NoThread> {
        let one_less = |idle: usize| idle.checked_sub(1);
        let taken = self.idle.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_less);
        taken.map_err(|_| NoThread)?;
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.send(job).map_err(|_| NoThread)
    }
}
