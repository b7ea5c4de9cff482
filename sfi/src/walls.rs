//! What is a guest's own: the code, the addresses and the stack by which the signal handler knows its faults.

use std::ops::Range;
use std::sync::Arc;

use crate::code::CodeSpan;

/// The walls of a store. The signal handler reads them, so they stay as they are while an activation uses them; new
/// code needs new walls.
#[derive(Clone, Debug)]
pub struct Walls {
    /// The code that may run in an activation: a fault anywhere else is the host's.
    pub code: Vec<Arc<CodeSpan>>,
    /// The whole reservation: a fault at an address outside it is the host's.
    pub slot: Range<usize>,
    /// The guest stack, without its guard.
    pub stack: Range<usize>,
    /// The guard below the stack: a fault of guest code in it is a stack overflow.
    pub stack_guard: Range<usize>,
}

impl Walls {
    /// The span that holds `pc`.
    #[must_use]
    pub fn span(&self, pc: usize) -> Option<&CodeSpan> {
        self.code.iter().map(|span| &**span).find(|span| span.contains(pc))
    }
}
