//! A diff as bytes, for another host. Version 0.
//!
//! # Layout
//!
//! Numbers of the header are little-endian.
//!
//! ```text
//!   0   4  magic "FDIF"
//!   4   4  version: 0
//!   8   8  the base's number
//!  16   8  bytes of the memory
//!  24   8  number of runs
//!  32   4  the author's number
//!  36      a record for each run, ascending: two varints
//!            bytes between the last run's end, or the memory's begin, and this run; not 0 behind the first
//!            bytes of the run; not 0
//!          the bytes of all runs, in the same order, and nothing behind them
//! ```
//!
//! A varint has seven bits in a byte, the lowest first, and the uppermost bit set in all bytes but the last one; it is
//! as short as it can be and fits 64 bits.
//!
//! # Invariants
//!
//! * A diff has one form, and what decodes is the form of what it decodes to.
//! * No byte decides how much is allocated: runs and bytes are counted only as far as they are there.

use super::diff::{Diff, Stamp};
use super::index;

const MAGIC: &[u8; 4] = b"FDIF";
/// Of the format.
const VERSION: u32 = 0;
const HEADER_BYTES: usize = 36;

/// Why bytes are not a diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Something else.
    #[error("this is not a diff")]
    Magic,
    /// Another version of the format.
    #[error(
        "the diff has version {found}, and {VERSION} is read here: all hosts must run the same release"
    )]
    Version {
        /// In the bytes.
        found: u32,
    },
    /// Something is missing, does not fit, or is there twice.
    #[error("the diff is malformed: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
}

const fn malformed(what: &'static str) -> DecodeError {
    DecodeError::Malformed { what }
}

impl Diff {
    /// The diff as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (runs, bytes) = self.parts();
        let mut out = Vec::with_capacity(HEADER_BYTES + 4 * runs.len() + bytes.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.stamp().base.to_le_bytes());
        out.extend_from_slice(&self.size().to_le_bytes());
        out.extend_from_slice(&(runs.len() as u64).to_le_bytes());
        out.extend_from_slice(&self.stamp().author.to_le_bytes());
        let mut end = 0;
        for run in runs {
            put_varint(&mut out, run.offset - end);
            put_varint(&mut out, run.length as u64);
            end = run.range().end;
        }
        out.extend_from_slice(bytes);
        out
    }

    /// The diff that bytes from anywhere are.
    ///
    /// # Errors
    ///
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader { rest: bytes };
        if reader.array().ok().as_ref() != Some(MAGIC) {
            return Err(DecodeError::Magic);
        }
        let found = u32::from_le_bytes(reader.array()?);
        if found != VERSION {
            return Err(DecodeError::Version { found });
        }
        let base = u64::from_le_bytes(reader.array()?);
        let size = u64::from_le_bytes(reader.array()?);
        let count = u64::from_le_bytes(reader.array()?);
        let author = u32::from_le_bytes(reader.array()?);
        let places = (0..count)
            .scan(0, |end, number| Some(reader.record(number == 0, end, size)))
            .collect::<Result<Vec<_>, _>>()?;
        let mut diff = Self::empty(Stamp { base, author }, size);
        for (offset, length) in places {
            diff.push(offset, reader.take(length)?);
        }
        if reader.rest.is_empty() { Ok(diff) } else { Err(malformed("bytes behind the last run")) }
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = (value & 0x7f).to_le_bytes();
        value >>= 7;
        if value == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

/// Takes bytes from the front.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        if length > self.rest.len() as u64 {
            return Err(malformed("it ends too early"));
        }
        let (taken, rest) = self.rest.split_at(index(length));
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(malformed("it ends too early"))?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Where a run lies that comes behind `end`, and moves `end` behind it.
    fn record(&mut self, first: bool, end: &mut u64, size: u64) -> Result<(u64, u64), DecodeError> {
        let (gap, length) = (self.varint()?, self.varint()?);
        if length == 0 || (gap == 0 && !first) {
            return Err(malformed("a run is empty, or touches the one before it"));
        }
        let offset = end.checked_add(gap);
        let behind = offset.and_then(|offset| offset.checked_add(length));
        match (offset, behind.filter(|behind| *behind <= size)) {
            (Some(offset), Some(behind)) => {
                *end = behind;
                Ok((offset, length))
            }
            _ => Err(malformed("a run ends behind the memory")),
        }
    }

    fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(malformed("a number has more than 64 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                return if shortest { Ok(value) } else { Err(malformed("a number is too long")) };
            }
        }
        Err(malformed("a number has more than 64 bits"))
    }
}
