//! Bytes that travel between a value and its tier without a copy of all of them: those of a push are read as they are
//! sent, those of a pull are put in place as they come.

use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Fetched, Patch, Stat};

/// Bytes of a value that are pushed, by their offsets in the value. They are those of the moment in which the push began,
/// whenever and however often they are read while it lasts.
pub trait Source: Send + Sync {
    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// If they are none of the bytes that are pushed.
    fn read(&self, offset: usize, into: &mut [u8]) -> io::Result<()>;

    /// Hands some of the `len` bytes from `offset` on to the socket `to`: how many it took without waiting. `None` if
    /// they must be [read](Self::read) and sent.
    fn send(&self, _offset: usize, _len: usize, _to: BorrowedFd<'_>) -> Option<io::Result<usize>> {
        None
    }
}

/// Where the bytes of a pull go, by their offsets in the value.
pub trait Sink: Send + Sync {
    /// What the bytes are of that come from now on: every byte that was asked for and that the value has. It may be told
    /// again, and then all of them come anew.
    ///
    /// # Errors
    ///
    /// If they are not wanted; the operation ends then.
    fn begin(&self, stat: Stat) -> io::Result<()>;

    /// Takes the bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// As of [`Sink::begin`].
    fn write(&self, offset: usize, bytes: &[u8]) -> io::Result<()>;

    /// Takes some of the `len` bytes from `offset` on out of the socket `from`: how many it had without waiting. `None` if
    /// they must be received and [written](Self::write).
    fn receive(
        &self,
        _offset: usize,
        _len: usize,
        _from: BorrowedFd<'_>,
    ) -> Option<io::Result<usize>> {
        None
    }

    /// How long the value is, if it is as it was seen last: a guess, by which more can be asked for at once.
    fn likely_size(&self) -> usize {
        0
    }
}

/// A push on its way out.
#[derive(Clone)]
pub struct Outgoing {
    /// The value's size.
    pub size: usize,
    /// Where the bytes lie in the value: in ascending order, apart from one another, not empty, inside it.
    pub runs: Vec<Range<usize>>,
    /// They become the whole value: they are all of its bytes.
    pub replaces: bool,
    /// The bytes.
    pub bytes: Arc<dyn Source>,
}

impl Outgoing {
    /// How many bytes they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.runs.iter().map(Range::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// A copy of all of them.
    ///
    /// # Errors
    ///
    /// As of [`Source::read`].
    pub fn gather(&self) -> io::Result<Patch> {
        Patch::gather(self.size, &self.runs, |offset, into| self.bytes.read(offset, into))
    }
}

/// Where runs of a value lie in a buffer that has them one after the other.
#[derive(Debug)]
struct Places {
    runs: Vec<Range<usize>>,
    /// Of each run, where in the buffer it begins.
    starts: Vec<usize>,
}

impl Places {
    fn new(runs: Vec<Range<usize>>) -> Self {
        let starts = runs.iter().scan(0, |at, run| {
            let start = *at;
            *at += run.len();
            Some(start)
        });
        Self { starts: starts.collect(), runs }
    }

    fn len(&self) -> usize {
        self.runs.iter().map(Range::len).sum()
    }

    /// Of the `len` bytes from `offset` on, if one run has them.
    fn find(&self, offset: usize, len: usize) -> io::Result<Range<usize>> {
        let n = self.runs.partition_point(|run| run.start <= offset).checked_sub(1);
        let found = n.and_then(|n| Some((self.runs.get(n)?, self.starts.get(n)?)));
        match (found, offset.checked_add(len)) {
            (Some((run, start)), Some(end)) if end <= run.end => {
                let start = start + (offset - run.start);
                Ok(start..start + len)
            }
            _ => Err(strange()),
        }
    }
}

/// Bytes that were copied already, as a source.
#[derive(Debug)]
pub struct Copied {
    places: Places,
    bytes: Vec<u8>,
}

impl From<Patch> for Copied {
    fn from(patch: Patch) -> Self {
        Self { places: Places::new(patch.runs().to_vec()), bytes: patch.into_bytes() }
    }
}

impl Source for Copied {
    fn read(&self, offset: usize, into: &mut [u8]) -> io::Result<()> {
        into.copy_from_slice(&self.bytes[self.places.find(offset, into.len())?]);
        Ok(())
    }
}

impl Outgoing {
    /// Of bytes that were copied already.
    #[must_use]
    pub fn copied(patch: Patch, replaces: bool) -> Self {
        let (size, runs) = (patch.size(), patch.runs().to_vec());
        Self { size, runs, replaces, bytes: Arc::new(Copied::from(patch)) }
    }
}

/// A sink that keeps what comes.
#[derive(Debug)]
pub struct Gathered {
    asked: Vec<Range<usize>>,
    got: Mutex<Option<Got>>,
}

#[derive(Debug)]
struct Got {
    stat: Stat,
    places: Places,
    bytes: Vec<u8>,
}

impl Gathered {
    /// For the bytes of these ranges.
    #[must_use]
    pub fn new(asked: &[Range<usize>]) -> Self {
        Self { asked: asked.to_vec(), got: Mutex::default() }
    }

    /// What has come.
    #[must_use]
    pub fn take(&self) -> Option<Fetched> {
        let Got { stat, places, bytes } = self.got().take()?;
        let patch = Patch::from_bytes(stat.size, places.runs, bytes)?;
        Some(Fetched { version: stat.version, patch })
    }

    fn got(&self) -> MutexGuard<'_, Option<Got>> {
        // Whole after every step.
        self.got.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Gathered {
    fn begin(&self, stat: Stat) -> io::Result<()> {
        let clipped = self.asked.iter().map(|run| run.start..run.end.min(stat.size));
        let places = Places::new(clipped.filter(|run| !run.is_empty()).collect());
        let bytes = vec![0; places.len()];
        *self.got() = Some(Got { stat, places, bytes });
        Ok(())
    }

    fn write(&self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let mut got = self.got();
        let got = got.as_mut().ok_or_else(strange)?;
        let place = got.places.find(offset, bytes.len())?;
        got.bytes[place].copy_from_slice(bytes);
        Ok(())
    }
}

fn strange() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "bytes that were not asked for")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Version;

    #[test]
    fn bytes_are_found_by_their_offsets() {
        let patch = Patch::from_bytes(20, vec![2..4, 7..8, 10..15], (0..8).collect()).unwrap();
        let copied = Copied::from(patch);
        let mut two = [0; 2];
        copied.read(2, &mut two).unwrap();
        assert_eq!(two, [0, 1]);
        copied.read(13, &mut two).unwrap();
        assert_eq!(two, [6, 7]);
        for offset in [0, 1, 3, 6, 7, 14, 15, usize::MAX] {
            assert!(copied.read(offset, &mut two).is_err(), "{offset}");
        }
    }

    #[test]
    #[allow(clippy::single_range_in_vec_init, reason = "one range is what is meant")]
    fn what_comes_is_kept_and_what_comes_again_replaces_it() {
        let sink = Gathered::new(&[1..3, 4..usize::MAX]);
        assert!(sink.write(1, &[9]).is_err(), "nothing has begun");
        sink.begin(Stat { version: Version(1), size: 9 }).unwrap();
        sink.write(4, &[5, 5, 5, 5, 5]).unwrap();
        sink.begin(Stat { version: Version(2), size: 6 }).unwrap();
        sink.write(1, &[1, 2]).unwrap();
        assert!(sink.write(4, &[1, 2, 3]).is_err(), "past the end");
        let fetched = sink.take().unwrap();
        assert_eq!((fetched.version, fetched.patch.size()), (Version(2), 6));
        assert_eq!(fetched.patch.runs(), [1..3, 4..6]);
        assert_eq!(fetched.patch.bytes(), [1, 2, 0, 0]);
    }
}
