//! Opening an object file: from bytes whose seal was looked at to checked pieces, nothing mapped or copied.
//!
//! # Invariants
//!
//! * [`open`] takes the time that the description takes to decode; of the tables it looks at the lengths only. Whoever
//!   reads a row later checks that row.
//! * [`check`] looks at every row, and at the description. It is done where a file comes in, with the check of all its
//!   bytes.

mod description;
mod machine;
mod rows;

use std::ops::Range;

use faasm_abi::handler::Handlers;
use faasm_abi::layout::ContextLayout;
use faasm_abi::lines::LINES_SECTION;
use faasm_abi::object::{
    DATA_SECTION, ENTRIES_SECTION, FORMAT, FUNCTIONS_SECTION, HANDLERS_SECTION, INFO_SECTION,
    InfoError, NAMES_SECTION, ObjectInfo, SEGMENTS_SECTION, STACK_MAPS_SECTION, STUBS_SECTION,
    TEXT_PAGE, TEXT_SECTION, TRAPS_SECTION,
};
use faasm_abi::stack_map::StackMaps;
use faasm_abi::tables::{EntryRow, FunctionRow, SegmentRow, StubsRow, Table};
use faasm_abi::trap::TrapTable;
use object::elf::{FileHeader64, SectionHeader64};
use object::read::elf::{FileHeader, SectionHeader, SectionTable};
use object::{LittleEndian, elf};

use crate::module::LoadError;
pub(crate) use rows::segment;

/// The pieces of an object file whose parts fit one another.
pub(crate) struct Opened {
    pub(crate) info: ObjectInfo,
    pub(crate) layout: ContextLayout,
    pub(crate) sections: Sections,
}

/// Where the sections lie in the file; each is inside it.
pub(crate) struct Sections {
    /// Whole pages.
    pub(crate) text: Range<usize>,
    pub(crate) functions: Range<usize>,
    pub(crate) stubs: Range<usize>,
    pub(crate) entries: Range<usize>,
    pub(crate) names: Range<usize>,
    pub(crate) segments: Range<usize>,
    pub(crate) data: Range<usize>,
    /// With its header.
    pub(crate) traps: Range<usize>,
    pub(crate) stack_maps: Range<usize>,
    pub(crate) handlers: Range<usize>,
    /// For debugging, each with its name; what is not there was left out.
    pub(crate) debug: Vec<(String, Range<usize>)>,
}

type Elf = FileHeader64<LittleEndian>;

/// Takes an object apart.
pub(crate) fn open(bytes: &[u8]) -> Result<Opened, LoadError> {
    let header = Elf::parse(bytes).and_then(|header| header.endian().map(|_| header));
    let header =
        header.map_err(|_| malformed("it is not an ELF file of 64 bits, little-endian"))?;
    let table = header
        .sections(LittleEndian, bytes)
        .map_err(|_| malformed("the table of sections is damaged"))?;
    let info = ObjectInfo::decode(&bytes[find(&table, bytes.len(), INFO_SECTION)?])?;
    machine::check(&info)?;
    ensure(header.e_machine.get(LittleEndian) == MACHINE, "it is an ELF file of another machine")?;
    ensure(header.e_type.get(LittleEndian) == elf::ET_REL, "it is another kind of ELF file")?;
    let sections = Sections::of(&table, bytes.len())?;
    sections.check_lengths(bytes, &info)?;
    let layout = ContextLayout::of(&info.module)?;
    Ok(Opened { info, layout, sections })
}

/// Checks all that an object says which was taken apart from `bytes`.
pub(crate) fn check(bytes: &[u8], opened: &Opened) -> Result<(), LoadError> {
    description::check(&opened.info.module)?;
    rows::check(bytes, opened)
}

/// The machine in the header of an ELF file that can run here.
const MACHINE: elf::Machine =
    if cfg!(target_arch = "x86_64") { elf::EM_X86_64 } else { elf::EM_AARCH64 };

impl Sections {
    fn of(table: &SectionTable<'_, Elf>, file: usize) -> Result<Self, LoadError> {
        let section = |name| find(table, file, name);
        Ok(Self {
            text: section(TEXT_SECTION)?,
            functions: section(FUNCTIONS_SECTION)?,
            stubs: section(STUBS_SECTION)?,
            entries: section(ENTRIES_SECTION)?,
            names: section(NAMES_SECTION)?,
            segments: section(SEGMENTS_SECTION)?,
            data: section(DATA_SECTION)?,
            traps: section(TRAPS_SECTION)?,
            stack_maps: section(STACK_MAPS_SECTION)?,
            handlers: section(HANDLERS_SECTION)?,
            debug: debug_sections(table, file),
        })
    }

    /// The text is whole pages, and each table has the rows that the description asks for.
    fn check_lengths(&self, bytes: &[u8], info: &ObjectInfo) -> Result<(), LoadError> {
        let (page, text) = (TEXT_PAGE as usize, &self.text);
        let whole = text.start.is_multiple_of(page) && text.end.is_multiple_of(page);
        fits(whole && !text.is_empty(), TEXT_SECTION, "is not whole pages")?;
        let module = &info.module;
        let rows = |range: &Range<usize>| &bytes[range.clone()];
        let functions = rows_of::<{ FunctionRow::WORDS }>(rows(&self.functions));
        let stubs = rows_of::<{ StubsRow::WORDS }>(rows(&self.stubs));
        let entries = rows_of::<{ EntryRow::WORDS }>(rows(&self.entries));
        let segments = rows_of::<{ SegmentRow::WORDS }>(rows(&self.segments));
        let wrong = "has not one row for each";
        fits(functions == Some(module.functions.len()), FUNCTIONS_SECTION, wrong)?;
        fits(stubs == Some(module.imported.functions as usize), STUBS_SECTION, wrong)?;
        fits(entries == Some(module.types.len()), ENTRIES_SECTION, wrong)?;
        fits(segments == Some(module.data_segments as usize), SEGMENTS_SECTION, wrong)?;
        let length = "has another length";
        fits(TrapTable::of(rows(&self.traps)).is_some(), TRAPS_SECTION, length)?;
        fits(StackMaps::open(rows(&self.stack_maps)).is_some(), STACK_MAPS_SECTION, length)?;
        fits(Handlers::open(rows(&self.handlers)).is_some(), HANDLERS_SECTION, length)
    }
}

fn rows_of<const N: usize>(bytes: &[u8]) -> Option<usize> {
    Table::<N>::of(bytes).map(|table| table.len())
}

/// The sections that only people ask for, when they look at a backtrace.
fn debug_sections(table: &SectionTable<'_, Elf>, file: usize) -> Vec<(String, Range<usize>)> {
    let named = table.iter().filter_map(|header| {
        let name = table.section_name(LittleEndian, header).ok()?;
        let name = std::str::from_utf8(name).ok()?;
        let asked = name == LINES_SECTION || name.starts_with(".debug_");
        asked.then(|| Some((name.to_owned(), place(header, file)?)))?
    });
    named.collect()
}

/// Where a section with this header lies, if it is inside a file of so many bytes.
fn place(header: &SectionHeader64<LittleEndian>, file: usize) -> Option<Range<usize>> {
    let (offset, size) = header.file_range(LittleEndian)?;
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    (end <= file).then_some(start..end)
}

/// Where a section lies in a file of so many bytes.
fn find(
    table: &SectionTable<'_, Elf>,
    file: usize,
    section: &'static str,
) -> Result<Range<usize>, LoadError> {
    let found = table.section_by_name(LittleEndian, section.as_bytes());
    let (_, header) = found.ok_or(LoadError::Section { section, what: "is missing" })?;
    place(header, file).ok_or(LoadError::Section { section, what: "is outside of the file" })
}

impl From<InfoError> for LoadError {
    fn from(error: InfoError) -> Self {
        match error {
            InfoError::Format { found } => Self::Format { found, expected: FORMAT },
            InfoError::Damaged => {
                Self::Section { section: INFO_SECTION, what: "cannot be decoded" }
            }
        }
    }
}

const fn malformed(what: &'static str) -> LoadError {
    LoadError::Malformed { what }
}

fn ensure(holds: bool, what: &'static str) -> Result<(), LoadError> {
    if holds { Ok(()) } else { Err(malformed(what)) }
}

fn fits(holds: bool, section: &'static str, what: &'static str) -> Result<(), LoadError> {
    if holds { Ok(()) } else { Err(LoadError::Section { section, what }) }
}
