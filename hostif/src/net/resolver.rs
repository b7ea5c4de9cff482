//! Names of hosts: looked up by this host's own resolver, on a few threads that may block.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use faasm_sfi::pending::{Completer, Pending, pending};

/// How a name is looked up. It may block for as long as it takes.
pub type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// What came of a lookup.
pub(crate) type Found = io::Result<Vec<IpAddr>>;

/// The threads, which come with work and go when there is none.
pub(crate) struct Resolver {
    shared: Arc<Shared>,
}

struct Shared {
    lookup: Box<Lookup>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<(String, Completer<Found>)>,
    threads: usize,
    idle: usize,
    stopped: bool,
}

const THREADS: usize = 8;
/// Lookups that wait for a thread.
const QUEUE: usize = 1024;
/// How long a thread waits for work.
const IDLE: Duration = Duration::from_secs(10);

impl Resolver {
    pub(crate) fn new(lookup: Box<Lookup>) -> Self {
        let state = Mutex::default();
        Self { shared: Arc::new(Shared { lookup, state, changed: Condvar::new() }) }
    }

    /// The operating system's way.
    pub(crate) fn system() -> Self {
        Self::new(Box::new(|name| {
            let found = (name, 0_u16).to_socket_addrs()?;
            Ok(found.map(|address| address.ip()).collect())
        }))
    }

    /// Begins a lookup; nothing if too many wait already.
    pub(crate) fn begin(&self, name: &str) -> Option<Pending<Found>> {
        let (completer, found) = pending();
        let mut state = self.shared.lock();
        if state.queue.len() >= QUEUE {
            return None;
        }
        state.queue.push_back((name.to_owned(), completer));
        if state.idle >= state.queue.len() || state.threads >= THREADS {
            self.shared.changed.notify_one();
            return Some(found);
        }
        let shared = Arc::clone(&self.shared);
        match Builder::new().name("faasm-resolve".into()).spawn(move || shared.run()) {
            Ok(_) => state.threads += 1,
            Err(error) if state.threads == 0 => {
                tracing::warn!(%error, "no thread to look names up");
                state.queue.pop_back();
                return None;
            }
            // Another thread comes to it.
            Err(_) => {}
        }
        Some(found)
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        // Threads that are in a lookup end after it.
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    /// The state is whole at every unlock and no lookup runs under the lock, so a poisoned lock is a sound one.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.lock();
        while !state.stopped {
            if let Some((name, completer)) = state.queue.pop_front() {
                drop(state);
                // Nobody may wait for it any more.
                if completer.is_wanted() {
                    completer.complete((self.lookup)(&name));
                }
                state = self.lock();
                continue;
            }
            state.idle += 1;
            let waited = self.changed.wait_timeout(state, IDLE);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if timeout.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.threads -= 1;
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("threads", &self.shared.lock().threads).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use super::*;

    #[test]
    fn lookups_are_done_off_the_thread_and_at_one_time() {
        let (go, gone) = channel::<()>();
        let gone = Mutex::new(gone);
        let resolver = Resolver::new(Box::new(move |name| {
            if name == "slow" {
                let _ = gone.lock().unwrap().recv();
            }
            Ok(vec![IpAddr::from([10, 0, 0, u8::try_from(name.len()).unwrap()])])
        }));
        let slow = resolver.begin("slow").unwrap();
        let until = Some(Instant::now() + Duration::from_secs(30));
        let quick = resolver.begin("quick").unwrap().block(until).unwrap().unwrap();
        assert_eq!(quick, [IpAddr::from([10, 0, 0, 5])]);
        assert!(!slow.is_done());
        go.send(()).unwrap();
        assert_eq!(slow.block(until).unwrap().unwrap(), [IpAddr::from([10, 0, 0, 4])]);
    }

    #[test]
    fn the_system_knows_this_host() {
        let resolver = Resolver::system();
        let until = Some(Instant::now() + Duration::from_secs(30));
        let found = resolver.begin("localhost").unwrap().block(until).unwrap().unwrap();
        assert!(found.iter().any(IpAddr::is_loopback), "{found:?}");
    }
}
