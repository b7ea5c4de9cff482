//! Operations that are begun by the thread that asks for them, and gone on with by the tier's own threads.
//!
//! # Protocol
//!
//! 1. The asking thread polls the operation once. What it says first is on its way then.
//! 2. Where that poll would wait for the socket it does so itself, for [`SOON`] at most in all. What comes so soon is taken by
//!    the thread that wants it, whose waking is the only one.
//! 3. What is not done by then is polled again by the tier's threads, which ask for what it waits for themselves.
//! 4. If nothing at all has come soon the server is far away, or has much to do. The next operations do not wait for it
//!    here: one, then twice as many each time, up to [`MOST_IN_PASSING`].

use std::cell::Cell;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::Interest;
use tokio::runtime::{Handle, Runtime};

/// How long a thread waits itself: a few times what a server on this machine takes, and so little that nobody misses the
/// thread.
const SOON: Duration = Duration::from_micros(250);

/// How many operations do not wait, at most, before one does again.
const MOST_IN_PASSING: u32 = 1024;

/// What an operation that a thread begins may wait for, and what came of it.
#[derive(Clone, Copy)]
struct Beginning {
    until: Instant,
    /// Something that was waited for came.
    came: bool,
    /// Something did not.
    in_vain: bool,
}

thread_local! {
    static BEGINNING: Cell<Option<Beginning>> = const { Cell::new(None) };
}

/// Whether what a server says comes soon.
#[derive(Debug, Default)]
pub(super) struct Nearness {
    /// How many operations do not wait before one does again.
    left: AtomicU32,
    /// How many that were when something was waited for in vain last.
    lately: AtomicU32,
}

impl Nearness {
    /// Has `work` begun here, and gone on with by the threads of `runtime` unless it is done already.
    pub(super) fn begin(&self, runtime: &Runtime, work: impl Future<Output = ()> + Send + 'static) {
        let mut work = Box::pin(work);
        // A thread of a runtime has others to serve.
        let waits = Handle::try_current().is_err() && self.is_near();
        let _context = runtime.enter();
        let until = Instant::now() + SOON;
        let beginning = waits.then_some(Beginning { until, came: false, in_vain: false });
        let before = BEGINNING.replace(beginning);
        let done = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Some(beginning) = BEGINNING.replace(before) {
            self.note(beginning);
        }
        if done.is_pending() {
            runtime.spawn(work);
        }
    }

    fn is_near(&self) -> bool {
        let one_less = |left: u32| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_err()
    }

    fn note(&self, Beginning { came, in_vain, .. }: Beginning) {
        if came {
            self.lately.store(0, Ordering::Relaxed);
        } else if in_vain {
            let next = (self.lately.load(Ordering::Relaxed) * 2).clamp(1, MOST_IN_PASSING);
            self.lately.store(next, Ordering::Relaxed);
            self.left.store(next, Ordering::Relaxed);
        }
    }
}

/// Whether the socket has what is asked for, if this thread begins an operation and has time left to wait for it.
pub(super) fn is_soon(socket: BorrowedFd<'_>, interest: Interest) -> bool {
    let Some(mut beginning) = BEGINNING.get() else { return false };
    let left = beginning.until.saturating_duration_since(Instant::now());
    let (Ok(left), false) = (Timespec::try_from(left), left.is_zero()) else { return false };
    let flags = if interest.is_writable() { PollFlags::OUT } else { PollFlags::IN };
    let came = poll(&mut [PollFd::from_borrowed_fd(socket, flags)], Some(&left)) == Ok(1);
    beginning.came |= came;
    beginning.in_vain |= !came;
    BEGINNING.set(Some(beginning));
    came
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::sync::{Arc, mpsc};
    use std::thread::{self, ThreadId};

    use super::*;

    /// A runtime, and a socket that hears of its peer.
    fn world() -> (Runtime, Arc<TcpStream>, TcpStream) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (runtime, Arc::new(listener.accept().unwrap().0), peer)
    }

    /// Begins an operation that waits for the socket once, wherever that is, and says whether something was there and
    /// which thread went on.
    fn begin(near: &Nearness, runtime: &Runtime, socket: &Arc<TcpStream>) -> (bool, ThreadId) {
        let (socket, (says, hears)) = (Arc::clone(socket), mpsc::channel());
        near.begin(runtime, async move {
            let came = is_soon(socket.as_fd(), Interest::READABLE);
            if !came {
                // The first poll ends here, the second does not.
                let mut polled = false;
                std::future::poll_fn(|_| match std::mem::replace(&mut polled, true) {
                    true => std::task::Poll::Ready(()),
                    false => std::task::Poll::Pending,
                })
                .await;
            }
            says.send((came, thread::current().id())).unwrap();
        });
        hears.recv().unwrap()
    }

    #[test]
    fn what_is_there_is_taken_by_who_asked() {
        let (runtime, socket, mut peer) = world();
        peer.write_all(&[1]).unwrap();
        let mut byte = [0];
        while socket.peek(&mut byte).unwrap() == 0 {}
        let near = Nearness::default();
        assert_eq!(begin(&near, &runtime, &socket), (true, thread::current().id()));
        assert!(BEGINNING.get().is_none());
    }

    #[test]
    fn a_server_that_says_nothing_is_waited_for_less_and_less() {
        let (runtime, socket, _peer) = world();
        let near = Nearness::default();
        let mut waited = Vec::new();
        for operation in 0..12 {
            let before = near.left.load(Ordering::Relaxed);
            let (came, thread) = begin(&near, &runtime, &socket);
            assert!(!came && thread != thread::current().id());
            if before == 0 {
                waited.push(operation);
            }
        }
        assert_eq!(waited, [0, 2, 5, 10]);
    }

    #[test]
    fn threads_of_a_runtime_do_not_wait() {
        let (runtime, socket, mut peer) = world();
        peer.write_all(&[1]).unwrap();
        let _context = runtime.enter();
        assert!(!begin(&Nearness::default(), &runtime, &socket).0);
    }
}
