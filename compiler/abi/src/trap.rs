//! Why compiled code stops, and the table of the places where it can.

use serde::{Deserialize, Serialize};

macro_rules! trap_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// Why compiled code trapped; the texts are the specification suite's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum TrapCode {
            $($(#[$doc])* $name = $code,)*
        }

        impl TrapCode {
            /// The code with this number in a trap table, if there is one.
            #[must_use]
            pub const fn from_u8(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// What happened, in the words of the WebAssembly specification's suite.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

trap_codes! {
    /// `unreachable` was executed.
    Unreachable = 1, "unreachable";
    /// A memory access ran out of bounds.
    MemoryOutOfBounds = 2, "out of bounds memory access";
    /// A table access ran out of bounds.
    TableOutOfBounds = 3, "out of bounds table access";
    /// `call_indirect` with an index beyond the table.
    UndefinedElement = 4, "undefined element";
    /// `call_indirect` of a null element.
    UninitializedElement = 5, "uninitialized element";
    /// `call_indirect` of a function of another type.
    IndirectCallTypeMismatch = 6, "indirect call type mismatch";
    /// Integer overflow in a division or conversion.
    IntegerOverflow = 7, "integer overflow";
    /// Division by zero.
    IntegerDivideByZero = 8, "integer divide by zero";
    /// Conversion of a NaN to an integer.
    InvalidConversion = 9, "invalid conversion to integer";
    /// The guest stack has no room left.
    StackOverflow = 10, "call stack exhausted";
    /// A null reference was used.
    NullReference = 11, "null reference";
    /// A null function reference was called.
    NullFunction = 12, "null function reference";
    /// An atomic access was not aligned.
    UnalignedAtomic = 13, "unaligned atomic";
    /// A cast failed.
    CastFailure = 14, "cast failure";
    /// An array access ran out of bounds.
    ArrayOutOfBounds = 15, "out of bounds array access";
    /// The call was interrupted: its deadline passed or it was cancelled.
    Interrupted = 16, "interrupted";
    /// A field of a null structure was accessed.
    NullStructure = 17, "null structure reference";
    /// An element of a null array was accessed, or its length.
    NullArray = 18, "null array reference";
    /// A null reference to an unboxed integer was read.
    NullI31 = 19, "null i31 reference";
    /// The garbage-collected heap is full of what is in use, or an object is larger than it can be.
    GcHeapExhausted = 20, "garbage-collected heap exhausted";
    /// `memory.atomic.wait` on a memory that is not shared.
    ExpectedSharedMemory = 21, "expected shared memory";
    /// `throw_ref` of null.
    NullException = 22, "null exception reference";
}

impl std::fmt::Display for TrapCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message())
    }
}

/// One place in the text section that may trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapSite {
    /// Byte offset of the faulting instruction in the text section.
    pub offset: u32,
    /// Why it traps.
    pub code: TrapCode,
}

/// Encodes trap sites as the object's trap section.
///
/// # Layout
///
/// `u32` count *n*, then *n* ascending `u32` offsets, then *n* `u8` codes; little-endian.
#[must_use]
pub fn encode_sites(sites: &[TrapSite]) -> Vec<u8> {
    let count = u32::try_from(sites.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(4 + sites.len() * 5);
    bytes.extend_from_slice(&count.to_le_bytes());
    for site in sites {
        bytes.extend_from_slice(&site.offset.to_le_bytes());
    }
    bytes.extend(sites.iter().map(|site| site.code as u8));
    bytes
}

/// A trap section, read where it lies.
#[derive(Clone, Copy, Debug)]
pub struct TrapTable<'a> {
    offsets: &'a [[u8; 4]],
    codes: &'a [u8],
}

impl<'a> TrapTable<'a> {
    /// Bytes before the first offset: the count.
    pub const HEADER: usize = size_of::<u32>();

    /// The table in these bytes; `None` when they are not as long as their count says.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk::<4>()?;
        let count = u32::from_le_bytes(*count) as usize;
        let (offsets, codes) = rest.split_at_checked(count.checked_mul(4)?)?;
        (codes.len() == count).then_some(Self { offsets: offsets.as_chunks().0, codes })
    }

    /// All sites, in order; `None` for one with a code that is not known.
    pub fn sites(self) -> impl Iterator<Item = Option<TrapSite>> + 'a {
        self.offsets.iter().zip(self.codes).map(|(offset, code)| {
            let code = TrapCode::from_u8(*code)?;
            Some(TrapSite { offset: u32::from_le_bytes(*offset), code })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_survive_encoding_and_malformed_tables_are_refused() {
        let sites = [
            TrapSite { offset: 4, code: TrapCode::Unreachable },
            TrapSite { offset: 9, code: TrapCode::StackOverflow },
        ];
        let mut bytes = encode_sites(&sites);
        let read = |bytes: &[u8]| TrapTable::of(bytes).map(|table| table.sites().collect());
        assert_eq!(read(&bytes), Some(vec![Some(sites[0]), Some(sites[1])]));
        assert_eq!(read(&bytes[..bytes.len() - 1]), None);
        assert_eq!(read(&u32::MAX.to_le_bytes()), None);
        bytes[12] = 0;
        assert_eq!(read(&bytes), Some(vec![None, Some(sites[1])]));
    }
}
