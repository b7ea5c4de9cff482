//! Distributed data objects: state as vectors, matrices, counters and collections.
//!
//! The same objects are there in C, C++, Python and AssemblyScript: `docs/data-objects.md` says how they lie in state,
//! byte by byte, and what each promises.

mod collections;
mod integers;
mod matrix;
mod sparse;
mod vector;

use std::ffi::CString;
use std::ops::Range;

use crate::error::{Error, Result};
use crate::raw;
use crate::state::State;
use crate::view::Plain;

pub use collections::{Dict, Entry, List, Queue};
pub use integers::{AtomicInt, Barrier, Counter};
pub use matrix::{Columns, Matrix, MatrixReadOnly};
pub use sparse::{SparseColumn, SparseColumns, SparseMatrix, SparseMatrixReadOnly};
pub use vector::{Vector, VectorAsync};

/// What vectors and matrices hold.
pub trait Element: Plain + Default {
    /// Its type, as a matrix' shape names it.
    const NAME: [u8; 4];
}

impl Element for f32 {
    const NAME: [u8; 4] = *b"f32\0";
}

impl Element for f64 {
    const NAME: [u8; 4] = *b"f64\0";
}

impl Element for i32 {
    const NAME: [u8; 4] = *b"i32\0";
}

impl Element for i64 {
    const NAME: [u8; 4] = *b"i64\0";
}

/// A value is mapped in pieces: at most so many of it, of at least so many bytes.
const PIECES: usize = 32;
const PIECE_LEAST: usize = 64 << 10;

/// Maps, to be read, the pieces of an array that hold these elements; and which bytes of what is mapped they are.
fn map_part<T: Element>(
    key: &str,
    len: usize,
    part: Range<usize>,
) -> Result<(State, Range<usize>)> {
    if part.start > part.end || part.end > len {
        return Err(Error::new(format_args!("{part:?} is not in {key}, which has {len} elements")));
    }
    let (width, bytes) = (size_of::<T>(), len * size_of::<T>());
    let piece = (bytes / PIECES).next_multiple_of(PIECE_LEAST).max(PIECE_LEAST);
    let first = part.start * width / piece * piece;
    let last = (part.end * width).next_multiple_of(piece).min(bytes);
    let state = State::open_to_read(key, bytes, first..last)?;
    Ok((state, part.start * width - first..part.end * width - first))
}

/// The shape of a matrix, as it lies under `KEY_size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    rows: usize,
    columns: usize,
    nonzeros: usize,
}

/// What kind of matrix a shape is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Dense = 0,
    Sparse = 1,
}

/// Bytes of a shape.
const SHAPE: usize = 32;

impl Shape {
    /// The shape of a matrix that is there.
    fn read<T: Element>(key: &str, kind: Kind) -> Result<Self> {
        let none = || Error::new(format_args!("no {kind:?} matrix is under {key}"));
        let bytes = crate::state::read(&format!("{key}_size"))?;
        let bytes: [u8; SHAPE] = bytes.try_into().map_err(|_| none())?;
        let number = |at: usize| {
            let bytes = bytes[at..at + 8].try_into().unwrap_or_default();
            usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| none())
        };
        if bytes[4..8] != (kind as u32).to_le_bytes() {
            return Err(none());
        }
        if bytes[..4] != T::NAME {
            return Err(Error::new(format_args!(
                "the matrix under {key} has elements of another type"
            )));
        }
        let shape = Self { rows: number(8)?, columns: number(16)?, nonzeros: number(24)? };
        shape.check::<T>(kind).ok_or_else(none)
    }

    /// Itself, if its numbers are those of a matrix that can be.
    fn check<T: Element>(self, kind: Kind) -> Option<Self> {
        const MOST: usize = i32::MAX as usize;
        let all = self.rows.checked_mul(self.columns)?;
        let small =
            self.nonzeros <= MOST / size_of::<T>() && self.rows <= MOST && self.columns < MOST / 4;
        let stored = match kind {
            Kind::Dense => self.nonzeros == all,
            Kind::Sparse => self.nonzeros <= all,
        };
        (small && stored).then_some(self)
    }

    fn write<T: Element>(self, key: &str, kind: Kind) -> Result {
        if self.check::<T>(kind).is_none() {
            return Err(Error::new(format_args!("the matrix under {key} is too large")));
        }
        let mut bytes = Vec::with_capacity(SHAPE);
        bytes.extend(T::NAME);
        bytes.extend((kind as u32).to_le_bytes());
        for number in [self.rows, self.columns, self.nonzeros] {
            bytes.extend((number as u64).to_le_bytes());
        }
        publish(&format!("{key}_size"), &bytes)
    }
}

/// Sets a value on this host and in the global tier.
fn publish(key: &str, bytes: &[u8]) -> Result {
    crate::state::write(key, bytes)?;
    let key = CString::new(key)?;
    // SAFETY: the key ends with NUL.
    unsafe { raw::__faasm_push_state(key.as_ptr()) };
    Ok(())
}
