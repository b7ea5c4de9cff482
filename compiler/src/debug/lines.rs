//! The module's line programs (DWARF 5, section 6.2 *Line Number Information*).

use gimli::{ColumnType, DebugLine, DebugLineOffset, LineProgramHeader, LineRow, LittleEndian};

use super::budget::{Budget, Dropped};
use super::guest::{Bytes, Reader};
use super::strings;

/// From here on, up to the next row, operators came from this source line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Offset in the code section.
    pub(super) address: u32,
    /// Index in [`Table::files`].
    pub(super) file: u32,
    /// 0 where there is none.
    pub(super) line: u32,
    /// 0 where there is none.
    pub(super) column: u32,
}

/// Rows without a gap.
#[derive(Debug)]
pub(super) struct Sequence {
    /// Ascending by address.
    pub(super) rows: Vec<Row>,
    /// Where the last row ends.
    pub(super) end: u32,
}

impl Sequence {
    /// The row that an address belongs to.
    pub(super) fn row(&self, address: u32) -> Option<&Row> {
        let next = self.rows.partition_point(|row| row.address <= address);
        if address < self.end { self.rows.get(next.checked_sub(1)?) } else { None }
    }
}

/// What a line program says.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Paths; those that are absolute in the program are here too.
    pub(super) files: Vec<String>,
    pub(super) sequences: Vec<Sequence>,
}

/// Bytes of a program's header: its lists of files take far more memory than bytes.
const MAX_HEADER: u64 = 4 << 20;
/// Rows of one program.
const MAX_ROWS: usize = 16 << 20;

/// Runs the program at `offset`.
pub(super) fn read(
    reader: &Reader<'_>,
    offset: usize,
    budget: &mut Budget,
) -> Result<Table, Dropped> {
    let section = reader.dwarf.section(".debug_line");
    let (whole, header) = lengths(section.get(offset..).unwrap_or_default()).ok_or_else(eof)?;
    if header > MAX_HEADER {
        return Err(Dropped::TooLarge);
    }
    // Programs that overlap would be run again and again.
    budget.spend(whole)?;
    let program = DebugLine::new(section, LittleEndian).program(
        DebugLineOffset(offset),
        reader.encoding.address_size,
        None,
        None,
    )?;
    let mut table = Table { files: files(reader, program.header()), sequences: Vec::new() };
    let mut rows = program.rows();
    let (mut sequence, mut n_rows) = (Vec::new(), 0);
    while let Some((_, row)) = rows.next_row()? {
        n_rows += 1;
        if n_rows > MAX_ROWS {
            return Err(Dropped::TooLarge);
        }
        let Ok(address) = u32::try_from(row.address()) else { continue };
        if row.end_sequence() {
            finish(&mut table, std::mem::take(&mut sequence), address);
        } else {
            sequence.push(convert(row, address));
        }
    }
    Ok(table)
}

const fn eof() -> Dropped {
    Dropped::Malformed(gimli::Error::MissingUnitDie)
}

/// The bytes of a whole program and of its header, by its first fields.
fn lengths(program: &[u8]) -> Option<(u64, u64)> {
    let u32_at = |at: usize| Some(u32::from_le_bytes(*program.get(at..)?.first_chunk()?));
    let u64_at = |at: usize| Some(u64::from_le_bytes(*program.get(at..)?.first_chunk()?));
    let wide = u32_at(0)? == u32::MAX;
    let (length, version) = if wide { (u64_at(4)?, 12) } else { (u32_at(0)?.into(), 4) };
    let sizes = if program.get(version)? >= &5 { 2 } else { 0 };
    let at = version + 2 + sizes;
    let header = if wide { u64_at(at)? } else { u32_at(at)?.into() };
    Some((length, header))
}

/// Keeps a sequence that makes sense. The linker leaves those of removed functions at address 0, where no code is.
fn finish(table: &mut Table, rows: Vec<Row>, end: u32) {
    let sorted = rows.is_sorted_by_key(|row| row.address);
    let live = rows.first().is_some_and(|first| first.address > 0);
    if sorted && live && rows.last().is_some_and(|last| last.address <= end) {
        table.sequences.push(Sequence { rows, end });
    }
}

fn convert(row: &LineRow, address: u32) -> Row {
    let narrow = |value: u64| u32::try_from(value).unwrap_or(0);
    Row {
        address,
        file: narrow(row.file_index()),
        line: row.line().map_or(0, |line| narrow(line.get())),
        column: match row.column() {
            ColumnType::LeftEdge => 0,
            ColumnType::Column(column) => narrow(column.get()),
        },
    }
}

/// The program's files by their numbers in it.
fn files(reader: &Reader<'_>, header: &LineProgramHeader<Bytes<'_>>) -> Vec<String> {
    // Numbers begin at 1 before DWARF 5.
    let unnumbered = usize::from(header.version() < 5);
    let mut files = vec![reader.name.clone(); unnumbered];
    for file in header.file_names() {
        let name = strings::text(reader, &file.path_name()).unwrap_or_default();
        let folder = match file.directory_index() {
            0 => None,
            _ => file.directory(header).and_then(|folder| strings::text(reader, &folder)),
        };
        files.push(match folder {
            Some(folder) if !name.starts_with('/') && !folder.is_empty() => {
                format!("{folder}/{name}")
            }
            _ => name,
        });
    }
    files
}
