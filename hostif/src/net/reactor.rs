//! The one thread of a process that waits for sockets.
//!
//! # Protocol
//!
//! 1. A socket that somebody waits for is in epoll's set with `ONESHOT`: its readiness is told once, for the union of
//!    what is waited for. The readiness that epoll tells is the present one, so whoever finds a socket not ready and
//!    then asks to be told loses nothing.
//! 2. Waiters of a socket are changed, and it is armed, under its own lock. The reactor takes out those that can go on,
//!    arms the socket again if some are left, and completes them after it has let go of the lock.
//! 3. The reactor finds a socket by a number that is never used twice, in a map of weak references. So an event of a
//!    socket that was closed meanwhile finds nobody. Closing a socket takes it out of epoll's set, since nobody has a
//!    second descriptor of it.
//! 4. A waiter that has gone (its `Pending` was dropped) is forgotten when the next one comes.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{Builder, JoinHandle};

use faasm_sfi::pending::{Completer, Pending, pending};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};

/// The thread, and the set of sockets that it waits for. The thread begins with the first wait, and ends with this.
#[derive(Debug)]
pub(crate) struct Reactor {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    epoll: OwnedFd,
    /// Written to when the thread is to end.
    bell: OwnedFd,
    stopped: AtomicBool,
    sources: Mutex<HashMap<u64, Weak<Source>>>,
    next: AtomicU64,
    open: AtomicUsize,
    limit: usize,
}

/// The number of the bell.
const BELL: u64 = 0;

/// How many events are taken at one time.
const EVENTS: usize = 256;

/// An open socket, which can be waited for. It is closed when the last handle goes.
pub(crate) struct Source {
    fd: OwnedFd,
    key: u64,
    waiters: Mutex<Waiters>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Waiters {
    is_known: bool,
    list: Vec<(Interest, Completer<()>)>,
}

/// What a socket is to be ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    Read,
    Write,
}

impl Interest {
    fn flags(self) -> EventFlags {
        match self {
            Self::Read => EventFlags::IN | EventFlags::RDHUP,
            Self::Write => EventFlags::OUT,
        }
    }

    fn is_met_by(self, happened: EventFlags) -> bool {
        // Both of these end every wait: the call that follows says what it is.
        happened.intersects(self.flags() | EventFlags::HUP | EventFlags::ERR)
    }
}

impl Reactor {
    /// A reactor of at most `limit` sockets. No thread yet.
    pub(crate) fn new(limit: usize) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &bell, EventData::new_u64(BELL), EventFlags::IN)?;
        let shared = Arc::new(Shared {
            epoll,
            bell,
            stopped: AtomicBool::new(false),
            sources: Mutex::default(),
            next: AtomicU64::new(BELL + 1),
            open: AtomicUsize::new(0),
            limit,
        });
        Ok(Self { shared, thread: Mutex::new(None) })
    }

    /// Makes a socket with `open`, if there may be one more.
    pub(crate) fn open<E: From<rustix::io::Errno>>(
        &self,
        open: impl FnOnce() -> Result<OwnedFd, E>,
    ) -> Result<Arc<Source>, E> {
        let place = Place::take(&self.shared).ok_or(rustix::io::Errno::NFILE)?;
        self.start().map_err(|_| rustix::io::Errno::NOMEM)?;
        let source = Arc::new(Source {
            fd: open()?,
            key: self.shared.next.fetch_add(1, Ordering::Relaxed),
            waiters: Mutex::default(),
            shared: place.keep(),
        });
        self.shared.sources().insert(source.key, Arc::downgrade(&source));
        Ok(source)
    }

    fn start(&self) -> io::Result<()> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            *thread = Some(Builder::new().name("faasm-net".into()).spawn(move || shared.run())?);
        }
        Ok(())
    }

    /// How many sockets are open.
    #[cfg(test)]
    pub(crate) fn open_sockets(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let rung = rustix::io::write(&self.shared.bell, &1_u64.to_ne_bytes());
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let (Ok(_), Some(thread)) = (rung, thread) {
            // It holds nothing that a panic could have left torn.
            let _ = thread.join();
        }
    }
}

/// One of the sockets that there may be; given back if it is not kept.
struct Place<'a> {
    shared: &'a Arc<Shared>,
    is_kept: bool,
}

impl<'a> Place<'a> {
    fn take(shared: &'a Arc<Shared>) -> Option<Self> {
        let more = |open: usize| (open < shared.limit).then_some(open + 1);
        shared.open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
        Some(Self { shared, is_kept: false })
    }

    /// The source gives it back.
    fn keep(mut self) -> Arc<Shared> {
        self.is_kept = true;
        Arc::clone(self.shared)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            self.shared.open.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Shared {
    /// The map is whole at every unlock, so a poisoned lock is a sound one.
    fn sources(&self) -> MutexGuard<'_, HashMap<u64, Weak<Source>>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        while !self.stopped.load(Ordering::SeqCst) {
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    tracing::error!(%error, "the network's thread cannot wait: sockets stay blocked");
                    return;
                }
            }
            for event in &events {
                let (data, flags) = (event.data, event.flags);
                let source = self.sources().get(&data.u64()).and_then(Weak::upgrade);
                if let Some(source) = source {
                    source.happened(flags);
                }
            }
        }
    }
}

impl Source {
    /// Is done when the socket is, or may be, ready.
    pub(crate) fn when(&self, interest: Interest) -> Result<Pending<()>, rustix::io::Errno> {
        let (completer, ready) = pending();
        let mut waiters = self.lock();
        waiters.list.retain(|(_, waiter)| waiter.is_wanted());
        waiters.list.push((interest, completer));
        if let Err(error) = self.arm(&mut waiters) {
            waiters.list.pop();
            return Err(error);
        }
        Ok(ready)
    }

    /// Has epoll tell the next readiness for what is waited for.
    fn arm(&self, waiters: &mut Waiters) -> Result<(), rustix::io::Errno> {
        let wanted = waiters.list.iter().map(|(interest, _)| interest.flags());
        let flags = wanted.fold(EventFlags::ONESHOT, EventFlags::union);
        let data = EventData::new_u64(self.key);
        if waiters.is_known {
            return epoll::modify(&self.shared.epoll, &self.fd, data, flags);
        }
        epoll::add(&self.shared.epoll, &self.fd, data, flags)?;
        waiters.is_known = true;
        Ok(())
    }

    fn happened(&self, flags: EventFlags) {
        let mut waiters = self.lock();
        let (ready, rest) = std::mem::take(&mut waiters.list)
            .into_iter()
            .partition(|(interest, _)| interest.is_met_by(flags));
        waiters.list = rest;
        let lost = match waiters.list.is_empty() || self.arm(&mut waiters).is_ok() {
            true => Vec::new(),
            // Nobody would wake them: they ask again, and are told why not.
            false => std::mem::take(&mut waiters.list),
        };
        drop(waiters);
        let ready: Vec<(Interest, Completer<()>)> = ready;
        ready.into_iter().chain(lost).for_each(|(_, completer)| completer.complete(()));
    }

    fn lock(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.shared.sources().remove(&self.key);
        self.shared.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Is done when one of these is; whoever waits for it keeps the second part as long.
pub(crate) fn first_of(waits: Vec<Pending<()>>) -> (Pending<()>, Vec<Pending<()>>) {
    let (completer, first) = pending();
    let completer = Arc::new(Mutex::new(Some(completer)));
    for wait in &waits {
        let completer = Arc::clone(&completer);
        wait.on_done(Box::new(move || {
            let taken = completer.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(completer) = taken {
                completer.complete(());
            }
        }));
    }
    (first, waits)
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("fd", &self.fd).finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("open", &self.open).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    use super::*;

    fn pair(reactor: &Reactor) -> (Arc<Source>, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let open = || Ok::<_, rustix::io::Errno>(OwnedFd::from(ours));
        (reactor.open(open).unwrap(), theirs)
    }

    fn soon() -> Option<Instant> {
        Some(Instant::now() + Duration::from_secs(30))
    }

    #[test]
    fn a_wait_ends_when_there_is_something_to_read() {
        let reactor = Reactor::new(8).unwrap();
        let (source, mut peer) = pair(&reactor);
        let waits = source.when(Interest::Read).unwrap();
        assert!(!waits.is_done());
        peer.write_all(b"x").unwrap();
        waits.block(soon()).unwrap();
        // What is there already is told, too.
        source.when(Interest::Read).unwrap().block(soon()).unwrap();
        source.when(Interest::Write).unwrap().block(soon()).unwrap();
    }

    #[test]
    fn a_reader_and_a_writer_wait_for_one_socket() {
        let reactor = Reactor::new(8).unwrap();
        let (source, mut peer) = pair(&reactor);
        let reads = source.when(Interest::Read).unwrap();
        source.when(Interest::Write).unwrap().block(soon()).unwrap();
        assert!(!reads.is_done());
        peer.write_all(b"x").unwrap();
        reads.block(soon()).unwrap();
    }

    #[test]
    fn waiters_that_have_gone_are_forgotten() {
        let reactor = Reactor::new(8).unwrap();
        let (source, _peer) = pair(&reactor);
        for _ in 0..100 {
            drop(source.when(Interest::Read).unwrap());
        }
        let waits = source.when(Interest::Read).unwrap();
        assert_eq!(source.lock().list.len(), 1);
        drop(waits);
    }

    #[test]
    fn any_of_several_ends_the_wait() {
        let reactor = Reactor::new(8).unwrap();
        let (a, _peer) = pair(&reactor);
        let (b, mut other) = pair(&reactor);
        let waits = [&a, &b].map(|source| source.when(Interest::Read).unwrap());
        let (first, kept) = first_of(waits.into());
        other.write_all(b"x").unwrap();
        first.block(soon()).unwrap();
        drop(kept);
    }

    #[test]
    fn a_dropped_socket_is_closed_and_its_waiters_know() {
        let reactor = Reactor::new(8).unwrap();
        let (source, mut peer) = pair(&reactor);
        let waits = source.when(Interest::Read).unwrap();
        drop(source);
        assert!(waits.block(soon()).is_err());
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
        assert_eq!((reactor.open_sockets(), reactor.shared.sources().len()), (0, 0));
    }

    #[test]
    fn there_are_no_more_sockets_than_the_limit() {
        let reactor = Reactor::new(2).unwrap();
        let kept = [pair(&reactor), pair(&reactor)];
        let refused = reactor.open(|| -> Result<OwnedFd, rustix::io::Errno> { unreachable!() });
        assert_eq!(refused.unwrap_err(), rustix::io::Errno::NFILE);
        drop(kept);
        let failed = reactor.open(|| Err(rustix::io::Errno::MFILE));
        assert_eq!(failed.unwrap_err(), rustix::io::Errno::MFILE);
        assert_eq!(reactor.open_sockets(), 0);
    }
}
