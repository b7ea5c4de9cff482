//! The table of lines: from which operator of the module each piece of machine code came.
//!
//! Backtraces, `faasm inspect` and profilers read it; nothing that runs does.

/// The section's name.
pub const LINES_SECTION: &str = ".faasm.lines";

/// From here on, up to the next line of the function, code came from one operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Byte offset in the function's machine code.
    pub code: u32,
    /// Byte offset of the operator in the module.
    pub wasm: u32,
}

/// Code distances that a short row can hold are below this.
const SHORT_CODE: u32 = 16;
/// Distances in the module that a short row can hold: from this (below zero) on, sixteen of them.
const SHORT_WASM: i64 = -4;

/// Encodes the table: the lines of each defined function, in order.
///
/// # Layout
///
/// All numbers are little-endian.
///
/// ```text
/// u32       count n of the defined functions
/// u32 × n   end of each function's rows, in bytes from the first row
/// u8 …      rows of function 0, rows of function 1, …
/// ```
///
/// A row says how far the code offset and the module offset are from those of the row before; a function begins at 0
/// and 0.
/// In the usual short row, one byte, bits 4 to 7 are the code's distance (1 to 15) and bits 0 to 3 are the module's
/// distance plus 4 (so −4 to 11).
/// A byte below 16 opens a long row: the code's distance as unsigned LEB128 and the module's as signed LEB128 follow.
#[must_use]
pub fn encode(functions: &[Vec<Line>]) -> Vec<u8> {
    let count = u32::try_from(functions.len()).unwrap_or(u32::MAX);
    let mut rows = Vec::new();
    let mut table = count.to_le_bytes().to_vec();
    for lines in functions {
        let mut last = Line { code: 0, wasm: 0 };
        for &line in lines {
            push_row(&mut rows, last, line);
            last = line;
        }
        table.extend_from_slice(&u32::try_from(rows.len()).unwrap_or(u32::MAX).to_le_bytes());
    }
    table.extend_from_slice(&rows);
    table
}

fn push_row(rows: &mut Vec<u8>, last: Line, line: Line) {
    let code = line.code.saturating_sub(last.code);
    let wasm = i64::from(line.wasm) - i64::from(last.wasm);
    let short = u8::try_from(wasm - SHORT_WASM).ok().filter(|wasm| *wasm < 16);
    match (short, u8::try_from(code)) {
        (Some(short), Ok(code @ 1..16)) => rows.push(code << 4 | short),
        _ => {
            rows.push(0);
            push_unsigned(rows, code);
            push_signed(rows, wasm);
        }
    }
}

fn push_unsigned(bytes: &mut Vec<u8>, mut value: u32) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            return bytes.push(low & 0x7f);
        }
        bytes.push(low | 0x80);
    }
}

fn push_signed(bytes: &mut Vec<u8>, mut value: i64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        let sign = low & 0x40 != 0;
        if (value == 0 && !sign) || (value == -1 && sign) {
            return bytes.push(low & 0x7f);
        }
        bytes.push(low | 0x80);
    }
}

/// A table that was encoded.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'a> {
    ends: &'a [[u8; 4]],
    rows: &'a [u8],
}

impl<'a> Lines<'a> {
    /// Looks at a section; `None` when it is malformed. Rows are looked at only when they are read.
    #[must_use]
    pub fn parse(section: &'a [u8]) -> Option<Self> {
        let (count, rest) = section.split_first_chunk::<4>()?;
        let ends = (u32::from_le_bytes(*count) as usize).checked_mul(4)?;
        let (ends, rows) = rest.split_at_checked(ends)?;
        Some(Self { ends: ends.as_chunks().0, rows })
    }

    /// The lines of a defined function, by its position; none when there is no such function.
    #[must_use]
    pub fn function(&self, position: u32) -> Rows<'a> {
        let end = |at: usize| Some(u32::from_le_bytes(*self.ends.get(at)?) as usize);
        let at = position as usize;
        let start = at.checked_sub(1).map_or(Some(0), end);
        let rows = start.zip(end(at)).and_then(|(start, end)| self.rows.get(start..end));
        Rows { bytes: rows.unwrap_or_default(), last: Line { code: 0, wasm: 0 } }
    }

    /// The operator from which the code at `code` in a defined function came.
    #[must_use]
    pub fn operator(&self, position: u32, code: u32) -> Option<u32> {
        self.function(position).take_while(|line| line.code <= code).last().map(|line| line.wasm)
    }
}

/// The lines of one function; ends early where the table is malformed.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    bytes: &'a [u8],
    last: Line,
}

impl Iterator for Rows<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        let (code, wasm) = match u32::from(first) / SHORT_CODE {
            0 => (self.unsigned()?, self.signed()?),
            code => (code, i64::from(first % 16) + SHORT_WASM),
        };
        let code = self.last.code.checked_add(code)?;
        let wasm = u32::try_from(i64::from(self.last.wasm).checked_add(wasm)?).ok()?;
        self.last = Line { code, wasm };
        Some(self.last)
    }
}

impl Rows<'_> {
    fn unsigned(&mut self) -> Option<u32> {
        let (value, _) = self.leb128(5)?;
        u32::try_from(value).ok()
    }

    fn signed(&mut self) -> Option<i64> {
        let (value, bits) = self.leb128(6)?;
        let unused = 64 - bits;
        Some((value << unused).cast_signed() >> unused)
    }

    /// A number of at most so many bytes, and how many bits it has.
    fn leb128(&mut self, most: u32) -> Option<(u64, u32)> {
        let mut value = 0;
        for at in 0..most {
            let (&byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                return Some((value, 7 * (at + 1)));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(code: u32, wasm: u32) -> Line {
        Line { code, wasm }
    }

    #[test]
    fn lines_survive_encoding_and_neighbours_take_one_byte() {
        let functions = [
            vec![line(0, 70_000), line(4, 70_002), line(19, 69_998), line(35, 70_000)],
            vec![],
            vec![line(0, u32::MAX), line(u32::MAX, 0), line(u32::MAX, 1)],
        ];
        let bytes = encode(&functions);
        let table = Lines::parse(&bytes).unwrap();
        for (position, lines) in (0..).zip(&functions) {
            assert_eq!(table.function(position).collect::<Vec<_>>(), *lines);
        }
        assert_eq!(table.function(3).count(), 0);
        let one = |lines| encode(&[lines]).len();
        assert_eq!(one(vec![line(0, 9), line(15, 20)]) - one(vec![line(0, 9)]), 1);
    }

    #[test]
    fn the_line_of_code_is_the_last_that_begins_before() {
        let bytes = encode(&[vec![], vec![line(0, 50), line(8, 52), line(8, 54), line(12, 40)]]);
        let table = Lines::parse(&bytes).unwrap();
        let at = |code| table.operator(1, code);
        assert_eq!([at(0), at(7), at(8), at(11), at(99)], [50, 50, 54, 54, 40].map(Some));
        assert_eq!(table.operator(0, 0), None);
    }

    #[test]
    fn damaged_tables_end_early() {
        assert!(Lines::parse(&[1, 0, 0]).is_none());
        assert!(Lines::parse(&u32::MAX.to_le_bytes()).is_none());
        let bytes = encode(&[vec![line(0, 9), line(900, 10_000)], vec![line(0, 7)]]);
        for end in 0..bytes.len() {
            for byte in [0, 0x7f, 0xff] {
                let mut damaged = bytes[..end].to_vec();
                damaged.push(byte);
                if let Some(table) = Lines::parse(&damaged) {
                    assert!(
                        (0..3).all(|function| table.function(function).count() <= damaged.len())
                    );
                }
            }
        }
    }
}
