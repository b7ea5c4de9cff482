//! Changes that are merged into a value where it lies, instead of replacing it: they can be made on many hosts at once
//! and in any order.
//!
//! Every global tier merges as [`Merge::apply`] does, byte for byte (floating-point sums as IEEE 754 adds them, in the
//! order in which they come).

use std::ops::Range;

/// What kind of numbers a value holds, each in little-endian order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Number {
    /// Signed integers of 64 bits. Sums wrap.
    I64,
    /// Floating-point numbers of 32 bits.
    F32,
    /// Floating-point numbers of 64 bits.
    F64,
}

/// How two numbers become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Combine {
    /// Their sum.
    Sum,
    /// The larger one. What is no number (NaN) is smaller than all that are.
    Max,
    /// The smaller one. What is no number is larger than all that are.
    Min,
}

/// A change to be merged into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merge {
    /// Each number of `bytes` is combined with the one at its place, from `offset` on. The value grows to have all of
    /// them; where it had none, not even in part, a number is put down as it is, and zeroes before them.
    Numbers {
        /// How.
        combine: Combine,
        /// What they are.
        number: Number,
        /// Where the first one is in the value, in bytes.
        offset: usize,
        /// The numbers: a multiple of their width.
        bytes: Vec<u8>,
    },
    /// The value is a set of strings of bytes, and these become members of it. It is kept as its members in ascending
    /// order, each behind its length (32 bits, little-endian). A value that does not exist is the empty set.
    Union(Vec<Vec<u8>>),
}

/// Why a value cannot be merged into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// The numbers are no whole ones.
    #[error("{len} bytes are not a whole number of numbers of {width} bytes")]
    Ragged {
        /// How many bytes there are.
        len: usize,
        /// How many one number has.
        width: usize,
    },
    /// They end behind the end of all addresses, or in the midst of a number that the value ends in.
    #[error("{len} bytes from offset {offset} on do not fit a value of {size} bytes")]
    Misplaced {
        /// Where they begin.
        offset: usize,
        /// How many bytes they have.
        len: usize,
        /// The value's size.
        size: usize,
    },
    /// The value was to be a set, and is none.
    #[error(
        "the value is no set: its bytes are not members behind their lengths, in ascending order"
    )]
    NotASet,
    /// A member of a set has more bytes than its length can say.
    #[error("a member of {len} bytes is too long for a set")]
    MemberTooLong {
        /// How many it has.
        len: usize,
    },
}

impl Number {
    /// Bytes of one.
    #[must_use]
    pub const fn width(self) -> usize {
        match self {
            Self::I64 | Self::F64 => 8,
            Self::F32 => 4,
        }
    }
}

impl Merge {
    /// How many bytes the change itself has.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers { bytes, .. } => bytes.len(),
            Self::Union(members) => members.iter().map(|member| member.len() + PREFIX).sum(),
        }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Merges the change into `value`; where in it the result lies.
    ///
    /// # Errors
    ///
    /// [`MergeError`]; the value is as it was.
    pub fn apply(&self, value: &mut Vec<u8>) -> Result<Range<usize>, MergeError> {
        match self {
            Self::Numbers { combine, number, bytes, .. } => {
                let run = self.check_numbers(value.len())?;
                let had = value.len().clamp(run.start, run.end) - run.start;
                if value.len() < run.end {
                    value.resize(run.end, 0);
                }
                let there = &mut value[run.clone()];
                there[had..].copy_from_slice(&bytes[had..]);
                number.combine(*combine, &mut there[..had], &bytes[..had]);
                Ok(run)
            }
            Self::Union(members) => {
                *value = union(value, members)?;
                Ok(0..value.len())
            }
        }
    }

    /// Where the numbers of the change lie in a value of `size` bytes.
    ///
    /// # Errors
    ///
    /// [`MergeError::Ragged`], [`MergeError::Misplaced`].
    pub fn check_numbers(&self, size: usize) -> Result<Range<usize>, MergeError> {
        let Self::Numbers { number, offset, bytes, .. } = self else {
            return Ok(0..size);
        };
        let (offset, len, width) = (*offset, bytes.len(), number.width());
        if !len.is_multiple_of(width) {
            return Err(MergeError::Ragged { len, width });
        }
        let misplaced = MergeError::Misplaced { offset, len, size };
        let end = offset.checked_add(len).ok_or(misplaced)?;
        let cut = (offset..end).contains(&size) && !(size - offset).is_multiple_of(width);
        if cut { Err(misplaced) } else { Ok(offset..end) }
    }
}

impl Number {
    /// Combines each number of `there` with that of `new`, which is as long.
    fn combine(self, combine: Combine, there: &mut [u8], new: &[u8]) {
        match self {
            Self::I64 => each(there, new, |a, b| {
                let (a, b) = (i64::from_le_bytes(a), i64::from_le_bytes(b));
                let both = match combine {
                    Combine::Sum => a.wrapping_add(b),
                    Combine::Max => a.max(b),
                    Combine::Min => a.min(b),
                };
                both.to_le_bytes()
            }),
            Self::F32 => each(there, new, |a, b| {
                let (a, b) = (f32::from_le_bytes(a), f32::from_le_bytes(b));
                let both = match combine {
                    Combine::Sum => a + b,
                    Combine::Max => pick(a, b, b > a || a.is_nan()),
                    Combine::Min => pick(a, b, b < a || a.is_nan()),
                };
                both.to_le_bytes()
            }),
            Self::F64 => each(there, new, |a, b| {
                let (a, b) = (f64::from_le_bytes(a), f64::from_le_bytes(b));
                let both = match combine {
                    Combine::Sum => a + b,
                    Combine::Max => pick(a, b, b > a || a.is_nan()),
                    Combine::Min => pick(a, b, b < a || a.is_nan()),
                };
                both.to_le_bytes()
            }),
        }
    }
}

/// The new one if `new` says so, else the one that is there.
fn pick<T>(there: T, other: T, new: bool) -> T {
    if new { other } else { there }
}

fn each<const N: usize>(there: &mut [u8], new: &[u8], both: impl Fn([u8; N], [u8; N]) -> [u8; N]) {
    let (there, _) = there.as_chunks_mut::<N>();
    let (new, _) = new.as_chunks::<N>();
    for (there, new) in there.iter_mut().zip(new) {
        *there = both(*there, *new);
    }
}

/// Bytes of a length.
const PREFIX: usize = size_of::<u32>();

/// The members of a set, in their order.
///
/// # Errors
///
/// [`MergeError::NotASet`].
pub fn members(set: &[u8]) -> Result<Vec<&[u8]>, MergeError> {
    let mut members: Vec<&[u8]> = Vec::new();
    let mut rest = set;
    while !rest.is_empty() {
        let (len, after) = rest.split_first_chunk().ok_or(MergeError::NotASet)?;
        let len = u32::from_le_bytes(*len) as usize;
        let (member, after) = after.split_at_checked(len).ok_or(MergeError::NotASet)?;
        if members.last().is_some_and(|last| *last >= member) {
            return Err(MergeError::NotASet);
        }
        members.push(member);
        rest = after;
    }
    Ok(members)
}

fn union(set: &[u8], new: &[Vec<u8>]) -> Result<Vec<u8>, MergeError> {
    let mut all = members(set)?;
    all.extend(new.iter().map(Vec::as_slice));
    all.sort_unstable();
    all.dedup();
    let mut bytes = Vec::with_capacity(all.iter().map(|member| member.len() + PREFIX).sum());
    for member in all {
        let too_long = |_| MergeError::MemberTooLong { len: member.len() };
        let len = u32::try_from(member.len()).map_err(too_long)?;
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(member);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
