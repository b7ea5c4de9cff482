//! What a call's standard streams are connected to.

use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a guest's standard input comes from.
#[derive(Clone, Debug, Default)]
pub enum Input {
    /// Nowhere: it is at its end from the start.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Arc<[u8]>),
    /// This process's standard input. Reading it blocks the thread: for a command, never for a server.
    Inherit,
}

/// Where a guest's standard output or error goes.
#[derive(Clone, Debug, Default)]
pub enum Output {
    /// Nowhere: it is accepted and dropped.
    #[default]
    Discard,
    /// Kept for whoever holds the other handle.
    Capture(Capture),
    /// This process's standard output.
    Stdout,
    /// This process's standard error.
    Stderr,
}

/// What a guest has written to a stream, up to a limit. A clone is another handle to the same bytes.
#[derive(Clone, Debug)]
pub struct Capture {
    shared: Arc<Mutex<Captured>>,
}

#[derive(Debug)]
struct Captured {
    bytes: Vec<u8>,
    limit: usize,
    truncated: bool,
}

impl Capture {
    /// Keeps the first `limit` bytes; what comes after is dropped and remembered as [`Capture::is_truncated`].
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let captured = Captured { bytes: Vec::new(), limit, truncated: false };
        Self { shared: Arc::new(Mutex::new(captured)) }
    }

    /// What was written since the last `take`; the limit then counts anew.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock().bytes)
    }

    /// Whether something was dropped.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.lock().truncated
    }

    fn write(&self, bytes: &[u8]) {
        let mut captured = self.lock();
        let room = captured.limit.saturating_sub(captured.bytes.len());
        let kept = bytes.get(..room).unwrap_or(bytes);
        captured.bytes.extend_from_slice(kept);
        captured.truncated |= kept.len() < bytes.len();
    }

    /// The bytes are whole at every unlock, so a poisoned lock is a sound one.
    fn lock(&self) -> MutexGuard<'_, Captured> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Input {
    /// Reads from `position` on, which the caller advances; 0 bytes at the end.
    pub(crate) fn read(&self, position: usize, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Empty => Ok(0),
            Self::Bytes(bytes) => {
                let rest = bytes.get(position..).unwrap_or_default();
                let n = rest.len().min(into.len());
                into[..n].copy_from_slice(&rest[..n]);
                Ok(n)
            }
            // Without a buffer: `poll_oneoff` asks the system what is there to be read.
            Self::Inherit => loop {
                match rustix::io::read(io::stdin(), &mut *into) {
                    Err(rustix::io::Errno::INTR) => {}
                    done => return Ok(done?),
                }
            },
        }
    }

    /// What is ready when a read does not have to wait; nothing, if it never has to.
    pub(crate) fn source(&self) -> io::Result<Option<OwnedFd>> {
        match self {
            Self::Inherit => io::stdin().as_fd().try_clone_to_owned().map(Some),
            Self::Empty | Self::Bytes(_) => Ok(None),
        }
    }

    /// Bytes that can be read from `position` on without waiting, as far as is known.
    pub(crate) fn available(&self, position: usize) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len().saturating_sub(position),
            Self::Empty | Self::Inherit => 0,
        }
    }

    /// Whether a read may have to wait for somebody to write.
    pub(crate) fn may_wait(&self) -> bool {
        matches!(self, Self::Inherit)
    }

    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Self::Inherit) && io::stdin().is_terminal()
    }
}

impl Output {
    /// Takes all of the bytes.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Discard => {}
            Self::Capture(capture) => capture.write(bytes),
            // The guest buffers what it wants buffered: its prompt must be seen before it reads the answer.
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(bytes)?;
                stdout.flush()?;
            }
            Self::Stderr => io::stderr().lock().write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    pub(crate) fn is_terminal(&self) -> bool {
        match self {
            Self::Discard | Self::Capture(_) => false,
            Self::Stdout => io::stdout().is_terminal(),
            Self::Stderr => io::stderr().is_terminal(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_keeps_up_to_its_limit_and_says_so() {
        let capture = Capture::new(5);
        let output = Output::Capture(capture.clone());
        assert_eq!(output.write(b"abc").ok(), Some(3));
        assert!(!capture.is_truncated());
        assert_eq!(output.write(b"defg").ok(), Some(4));
        assert!(capture.is_truncated());
        assert_eq!(capture.take(), b"abcde");
    }

    #[test]
    fn bytes_are_read_in_turn_and_end() {
        let input = Input::Bytes(Arc::from(&b"hello"[..]));
        let mut buffer = [0; 3];
        assert_eq!(input.read(0, &mut buffer).ok(), Some(3));
        assert_eq!(input.read(3, &mut buffer).ok(), Some(2));
        assert_eq!(&buffer, b"lol");
        assert_eq!(input.read(5, &mut buffer).ok(), Some(0));
        assert_eq!(input.read(usize::MAX, &mut buffer).ok(), Some(0));
    }
}
