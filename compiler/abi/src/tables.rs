//! The object's tables: rows of little-endian words, read where they lie.
//!
//! # Layout
//!
//! ```text
//! .faasm.functions  for each function, imported ones first:  code offset | code length | name
//! .faasm.stubs      for each imported function:              array offset | length | native offset | length
//! .faasm.entries    for each type:                           code offset | code length
//! .faasm.segments   for each data segment:                   kind | memory | place | place | data offset | length
//! .faasm.names      at the offset that a row has as `name`:  length | that many bytes of UTF-8
//! ```
//!
//! Every field is a `u32`.
//! Offsets of code count from the start of the text section; a length of 0 means that there is none.
//!
//! # Invariants
//!
//! * A row's place follows from its index alone, so that a module is loaded without looking at any row.
//! * Whoever reads a row treats it as an allegation: a row that does not exist, or that names what does not exist, is
//!   `None`, whatever the bytes say.
//! * The code of defined functions ascends, so that a program counter is found by halving.

use crate::object::CodeRange;

/// A table whose rows have `N` words.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a, const N: usize> {
    rows: &'a [[[u8; 4]; N]],
}

impl<'a, const N: usize> Table<'a, N> {
    /// The table in these bytes; `None` if the last row is cut off.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        let (words, []) = bytes.as_chunks::<4>() else { return None };
        let (rows, []) = words.as_chunks::<N>() else { return None };
        Some(Self { rows })
    }

    /// How many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The words of a row, if there is such a row.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<[u32; N]> {
        Some(self.rows.get(index)?.map(u32::from_le_bytes))
    }

    /// All rows, in order.
    pub fn rows(self) -> impl Iterator<Item = [u32; N]> + 'a {
        self.rows.iter().map(|row| row.map(u32::from_le_bytes))
    }

    /// How many rows from `from` on, which ascend, come before the first for which `is_before` does not hold; `None`
    /// if there are not as many rows.
    #[must_use]
    pub fn partition_point(
        &self,
        from: usize,
        is_before: impl Fn([u32; N]) -> bool,
    ) -> Option<usize> {
        let rows = self.rows.get(from..)?;
        Some(rows.partition_point(|row| is_before(row.map(u32::from_le_bytes))))
    }
}

/// Adds a row to a table's bytes.
pub fn push_row<const N: usize>(table: &mut Vec<u8>, row: [u32; N]) {
    for word in row {
        table.extend_from_slice(&word.to_le_bytes());
    }
}

/// A row of `.faasm.functions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionRow {
    /// The function's code; of length 0 if it is imported.
    pub code: CodeRange,
    /// Offset of its name in `.faasm.names`; [`NO_NAME`] without one.
    pub name: u32,
}

/// The name of a function that has none.
pub const NO_NAME: u32 = u32::MAX;

impl FunctionRow {
    /// Words of a row.
    pub const WORDS: usize = 3;

    /// The row as words.
    #[must_use]
    pub const fn words(self) -> [u32; Self::WORDS] {
        [self.code.offset, self.code.length, self.name]
    }

    /// The row of these words.
    #[must_use]
    pub const fn of([offset, length, name]: [u32; Self::WORDS]) -> Self {
        Self { code: CodeRange { offset, length }, name }
    }
}

/// A row of `.faasm.stubs`: the code through which compiled code calls one imported function when the host implements
/// it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StubsRow {
    /// Arguments in an array.
    pub array: CodeRange,
    /// Arguments in registers, when the type allows it.
    pub native: CodeRange,
}

impl StubsRow {
    /// Words of a row.
    pub const WORDS: usize = 4;

    /// The row as words.
    #[must_use]
    pub const fn words(self) -> [u32; Self::WORDS] {
        [self.array.offset, self.array.length, self.native.offset, self.native.length]
    }

    /// The row of these words.
    #[must_use]
    pub const fn of([array, array_length, native, native_length]: [u32; Self::WORDS]) -> Self {
        Self {
            array: CodeRange { offset: array, length: array_length },
            native: CodeRange { offset: native, length: native_length },
        }
    }
}

/// A row of `.faasm.entries`: how the host calls functions of one type. Types that pass the same values share their
/// code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryRow(pub CodeRange);

impl EntryRow {
    /// Words of a row.
    pub const WORDS: usize = 2;

    /// The row as words.
    #[must_use]
    pub const fn words(self) -> [u32; Self::WORDS] {
        [self.0.offset, self.0.length]
    }

    /// The row of these words.
    #[must_use]
    pub const fn of([offset, length]: [u32; Self::WORDS]) -> Self {
        Self(CodeRange { offset, length })
    }
}

/// A row of `.faasm.segments`: a data segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRow {
    /// When it is used, and where it goes.
    pub mode: SegmentMode,
    /// Offset of its bytes in `.faasm.data`.
    pub offset: u32,
    /// How many there are.
    pub length: u32,
}

/// When a data segment is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentMode {
    /// By an instruction.
    Passive,
    /// At instantiation.
    Active {
        /// Memory index.
        memory: u32,
        /// Where it goes in the memory.
        at: SegmentPlace,
    },
}

/// Where an active data segment goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentPlace {
    /// To this address.
    Constant(u64),
    /// To what the expression with this index in [`crate::module::ModuleInfo::data_offsets`] says.
    Expression(u32),
}

impl SegmentRow {
    /// Words of a row.
    pub const WORDS: usize = 6;

    /// The row as words.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "both halves are written")]
    pub const fn words(self) -> [u32; Self::WORDS] {
        let (kind, memory, low, high) = match self.mode {
            SegmentMode::Passive => (0, 0, 0, 0),
            SegmentMode::Active { memory, at: SegmentPlace::Constant(at) } => {
                (1, memory, at as u32, (at >> 32) as u32)
            }
            SegmentMode::Active { memory, at: SegmentPlace::Expression(index) } => {
                (2, memory, index, 0)
            }
        };
        [kind, memory, low, high, self.offset, self.length]
    }

    /// The row of these words; `None` for a kind that is not known.
    #[must_use]
    pub const fn of([kind, memory, low, high, offset, length]: [u32; Self::WORDS]) -> Option<Self> {
        let mode = match kind {
            0 => SegmentMode::Passive,
            1 => {
                let at = SegmentPlace::Constant(low as u64 | (high as u64) << 32);
                SegmentMode::Active { memory, at }
            }
            2 => SegmentMode::Active { memory, at: SegmentPlace::Expression(low) },
            _ => return None,
        };
        Some(Self { mode, offset, length })
    }
}

/// Adds a name to `.faasm.names` and answers its offset: [`NO_NAME`] when the section would be too long.
pub fn push_name(names: &mut Vec<u8>, name: &str) -> u32 {
    let (at, length) = (u32::try_from(names.len()), u32::try_from(name.len()));
    let (Ok(at), Ok(length)) = (at, length) else { return NO_NAME };
    if at == NO_NAME {
        return NO_NAME;
    }
    names.extend_from_slice(&length.to_le_bytes());
    names.extend_from_slice(name.as_bytes());
    at
}

/// The name at this offset of `.faasm.names`.
#[must_use]
pub fn name_at(names: &[u8], offset: u32) -> Option<&str> {
    let (length, rest) = names.get(offset as usize..)?.split_first_chunk::<4>()?;
    std::str::from_utf8(rest.get(..u32::from_le_bytes(*length) as usize)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_where_they_lie_and_no_others() {
        let mut bytes = Vec::new();
        let code = |offset| CodeRange { offset, length: 16 };
        for offset in [0, 16, 48] {
            let row = FunctionRow { code: code(offset), name: NO_NAME };
            push_row(&mut bytes, row.words());
        }
        let table = Table::<{ FunctionRow::WORDS }>::of(&bytes).unwrap();
        assert_eq!((table.len(), table.rows().count(), table.is_empty()), (3, 3, false));
        assert_eq!(table.row(2).map(FunctionRow::of).unwrap().code, code(48));
        assert_eq!(table.row(3), None);
        let before = |at: u32| move |row: [u32; 3]| row[0] <= at;
        assert_eq!(table.partition_point(0, before(16)), Some(2));
        assert_eq!(table.partition_point(2, before(16)), Some(0));
        assert_eq!(table.partition_point(4, before(16)), None);
        assert!(Table::<3>::of(&bytes[1..]).is_none() && Table::<3>::of(&bytes[4..]).is_none());
        let stubs = StubsRow { array: code(1), native: code(2) };
        assert_eq!(StubsRow::of(stubs.words()), stubs);
        assert_eq!(EntryRow::of(EntryRow(code(3)).words()), EntryRow(code(3)));
    }

    #[test]
    fn segments_come_back_and_unknown_ones_are_none() {
        let active = |at| SegmentMode::Active { memory: 3, at };
        for mode in [
            SegmentMode::Passive,
            active(SegmentPlace::Constant(u64::MAX - 1)),
            active(SegmentPlace::Expression(9)),
        ] {
            let row = SegmentRow { mode, offset: 5, length: 6 };
            assert_eq!(SegmentRow::of(row.words()), Some(row));
        }
        assert_eq!(SegmentRow::of([3, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn names_are_found_and_what_is_no_name_is_none() {
        let mut names = Vec::new();
        assert_eq!((push_name(&mut names, "ä"), push_name(&mut names, "")), (0, 6));
        assert_eq!((name_at(&names, 0), name_at(&names, 6)), (Some("ä"), Some("")));
        for offset in [1, 7, 10, NO_NAME] {
            assert_eq!(name_at(&names, offset), None, "{offset}");
        }
        names[4] = 0xff;
        assert_eq!(name_at(&names, 0), None);
    }
}
