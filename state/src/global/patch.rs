//! Some runs of bytes of a value, as they travel between the tiers.

use std::ops::Range;

/// Some runs of bytes of a value, in one buffer, and the value's size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    size: usize,
    /// Where the runs lie in the value: in ascending order, apart from one another, not empty.
    runs: Vec<Range<usize>>,
    /// The bytes of the runs, one after the other.
    bytes: Vec<u8>,
}

impl Patch {
    /// No bytes yet, of a value of `size` bytes.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { size, ..Self::default() }
    }

    /// All bytes of a value.
    #[must_use]
    pub fn whole(bytes: Vec<u8>) -> Self {
        let whole = 0..bytes.len();
        let runs = if whole.is_empty() { Vec::new() } else { vec![whole] };
        Self { size: bytes.len(), runs, bytes }
    }

    /// Has `read` write the bytes of each of `runs`, clipped to the value's size, into the patch.
    ///
    /// # Errors
    ///
    /// What `read` says.
    pub fn gather<E>(
        size: usize,
        runs: &[Range<usize>],
        mut read: impl FnMut(usize, &mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut patch = Self::new(size);
        let clipped =
            runs.iter().map(|run| run.start..run.end.min(size)).filter(|run| !run.is_empty());
        patch.runs = clipped.collect();
        patch.bytes = vec![0; patch.runs.iter().map(Range::len).sum()];
        let mut rest = patch.bytes.as_mut_slice();
        for run in &patch.runs {
            let (bytes, after) = rest.split_at_mut(run.len());
            read(run.start, bytes)?;
            rest = after;
        }
        Ok(patch)
    }

    /// Runs whose bytes are there already, one after the other in `bytes`; `None` unless the runs are ascending, apart,
    /// not empty, inside the value, and have as many bytes.
    #[must_use]
    pub fn from_bytes(size: usize, runs: Vec<Range<usize>>, bytes: Vec<u8>) -> Option<Self> {
        let whole = runs.iter().all(|run| !run.is_empty() && run.end <= size);
        let fits = whole
            && runs.is_sorted_by(|a, b| a.end <= b.start)
            && runs.iter().map(Range::len).sum::<usize>() == bytes.len();
        fits.then_some(Self { size, runs, bytes })
    }

    /// The size of the whole value, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many bytes the runs have together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Where the runs lie in the value.
    #[must_use]
    pub fn runs(&self) -> &[Range<usize>] {
        &self.runs
    }

    /// Each run: its offset in the value, and its bytes.
    pub fn chunks(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.runs.iter().scan(self.bytes.as_slice(), |rest, run| {
            let (bytes, after) = rest.split_at(run.len());
            *rest = after;
            Some((run.start, bytes))
        })
    }

    /// The runs' bytes, one after the other.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The buffer: the runs' bytes one after the other.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
