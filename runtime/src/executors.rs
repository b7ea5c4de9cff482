//! Executors: one thread for each core, which run Faaslets.
//!
//! # Protocol
//!
//! 1. A call is submitted with the duty to reply. It is refused (with a reply) or queued.
//! 2. An executor takes it, gives birth to a Faaslet, and runs it. A Faaslet that waits is put aside with its stack;
//!    the executor goes on with other work, and lets the Faaslet go on when what it waits for is done, on this same
//!    thread.
//! 3. When the call ends, its outcome is published; then its Faaslet is reset.
//!    A call of several threads has ended when all of them have; its Faaslet is put aside until then.
//! 4. A call that waits when its deadline comes is cancelled; one that runs is interrupted by the VM.

mod port;
mod queue;
mod shared;
mod worker;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub(crate) use port::{Chain, Port};
pub(crate) use shared::{Shared, Task};
use worker::Worker;

/// How much work a host takes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutorLimits {
    /// Calls from outside that wait for an executor.
    pub queued: usize,
    /// Chained calls that wait for an executor.
    pub queued_chained: usize,
    /// Bytes of the inputs of chained calls that have not ended and of the outputs that are kept for their parents.
    /// Guests make them out of little memory of their own: the same input for many calls.
    pub chained_bytes: usize,
    /// Faaslets that run or wait. Each is a reservation of a bit over 4 GiB of address space and two mappings, of
    /// which Linux gives a process 128 TiB and 65530.
    pub live: usize,
    /// Threads of guests, beside the executors.
    pub guest_threads: usize,
}

impl Default for ExecutorLimits {
    /// 10,000 calls, 100,000 chained calls with 1 GiB, 30,000 Faaslets, 2,048 threads of guests.
    fn default() -> Self {
        Self {
            queued: 10_000,
            queued_chained: 100_000,
            chained_bytes: 1 << 30,
            live: 30_000,
            guest_threads: 2048,
        }
    }
}

/// Bytes of an executor's own stack. Guests have stacks of their own.
const STACK: usize = 2 << 20;

/// How long a guest has to end after it was asked to.
const ASK_AGAIN: Duration = Duration::from_millis(5);

/// The threads.
pub(crate) struct Executors {
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Executors {
    /// Starts `count` threads.
    pub(crate) fn start(count: usize, shared: &Arc<Shared>) -> io::Result<Self> {
        let spawn = |index: usize| {
            let shared = Arc::clone(shared);
            let name = format!("executor-{index}");
            thread::Builder::new()
                .name(name)
                .stack_size(STACK)
                .spawn(move || Worker::new(index, shared).run())
        };
        let threads = (0..count).map(spawn).collect::<io::Result<_>>()?;
        Ok(Self { threads: Mutex::new(threads) })
    }

    /// Lets calls end within `grace`, ends those that do not, and joins the threads.
    pub(crate) fn shut_down(&self, shared: &Shared, grace: Duration) {
        shared.drain();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        shared.wait_until_idle(Instant::now() + grace);
        for thread in threads {
            // A guest that was about to start loses the request, and has to be asked again.
            while !thread.is_finished() {
                shared.abort();
                thread::sleep(ASK_AGAIN);
            }
            if thread.join().is_err() {
                tracing::error!("an executor panicked");
            }
        }
    }
}
