//! A socket that is waited for by the thread that begins an operation, or by the runtime.
//!
//! # Invariants
//!
//! 1. The runtime watches it only while an operation waits there: what a thread waits for itself wakes nobody else.
//! 2. It is waited for only after it was tried, and tried again afterwards: a wake-up for nothing costs a try.

use std::io;
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::Duration;

use faasm_sfi::socket::wake_from;
use tokio::io::Interest;
use tokio::time::timeout;

use super::begin::is_soon;

/// A connected socket; it never blocks.
pub(super) struct Socket {
    stream: TcpStream,
    /// The same, where the runtime watches it.
    watched: Option<tokio::net::TcpStream>,
    /// How many bytes must have come for it to be readable.
    least: u32,
}

impl Socket {
    pub(super) fn new(stream: tokio::net::TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream: stream.into_std()?, watched: None, least: 1 })
    }

    /// Tries `step` until the socket has or takes something, with at most `patience` in between; `None` if the step has no
    /// use for the socket.
    ///
    /// # Errors
    ///
    /// What the step says; [`io::ErrorKind::TimedOut`].
    pub(super) async fn trying(
        &mut self,
        interest: Interest,
        patience: Duration,
        mut step: impl FnMut(&TcpStream) -> Option<io::Result<usize>>,
    ) -> io::Result<Option<usize>> {
        loop {
            match step(&self.stream).transpose() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait(interest, patience).await?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    /// Has it readable only when so many bytes have come, which are certain to, or its end.
    pub(super) fn wake_from(&mut self, bytes: usize) -> io::Result<()> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        if self.least != bytes {
            wake_from(self.stream.as_fd(), bytes)?;
            self.least = bytes;
        }
        Ok(())
    }

    async fn wait(&mut self, interest: Interest, patience: Duration) -> io::Result<()> {
        if is_soon(self.stream.as_fd(), interest) {
            self.watched = None;
            return Ok(());
        }
        let watched = match &mut self.watched {
            Some(watched) => watched,
            none => none.insert(tokio::net::TcpStream::from_std(self.stream.try_clone()?)?),
        };
        match timeout(patience, watched.ready(interest)).await {
            Ok(ready) => drop(ready?),
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
        // Whatever there is now the next try sees; what comes later is another event.
        let _ = watched.try_io(interest, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
        Ok(())
    }
}
