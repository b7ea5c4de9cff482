//! How much work hostile debugging information may cause.

/// Why something was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Dropped {
    /// It refers to itself so often, or overlaps so much, that reading it would take too long.
    #[error("it costs more to read than its size allows")]
    Costly,
    /// More than we hold.
    #[error("it is larger than the limit")]
    TooLarge,
    /// The reader does not understand it.
    #[error("it is malformed: {0}")]
    Malformed(#[from] gimli::Error),
}

/// Steps that are left: one for each entry, attribute, range or byte that is read.
#[derive(Debug)]
pub(super) struct Budget {
    steps: u64,
}

/// Steps that each byte of input allows. A compiler's output takes about two: a byte of a line program or an
/// abbreviation is one, and an attribute has at least one byte unless it is a flag.
const STEPS_PER_BYTE: u64 = 16;

impl Budget {
    /// For input of so many bytes.
    pub(super) const fn new(bytes: u64) -> Self {
        Self { steps: bytes.saturating_mul(STEPS_PER_BYTE) }
    }

    /// Takes `steps`.
    pub(super) const fn spend(&mut self, steps: u64) -> Result<(), Dropped> {
        match self.steps.checked_sub(steps) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => {
                self.steps = 0;
                Err(Dropped::Costly)
            }
        }
    }
}
