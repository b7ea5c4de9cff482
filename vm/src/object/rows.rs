//! Whether each row of an object's tables is what it must be.

use faasm_abi::handler::Handlers;
use faasm_abi::module::ModuleInfo;
use faasm_abi::object::{
    CodeRange, ENTRIES_SECTION, FUNCTIONS_SECTION, HANDLERS_SECTION, NAMES_SECTION,
    SEGMENTS_SECTION, STUBS_SECTION, TRAPS_SECTION,
};
use faasm_abi::tables::{
    EntryRow, FunctionRow, NO_NAME, SegmentMode, SegmentPlace, SegmentRow, StubsRow, Table, name_at,
};
use faasm_abi::trap::TrapTable;

use super::{Opened, fits};
use crate::module::LoadError;

/// Checks all rows of an object that was taken apart from `bytes`.
pub(super) fn check(bytes: &[u8], opened: &Opened) -> Result<(), LoadError> {
    let (sections, module) = (&opened.sections, &opened.info.module);
    let text = sections.text.len();
    let names = &bytes[sections.names.clone()];
    functions(&bytes[sections.functions.clone()], module, text, names)?;
    stubs(&bytes[sections.stubs.clone()], module, text)?;
    entries(&bytes[sections.entries.clone()], module, text)?;
    segments(&bytes[sections.segments.clone()], module, sections.data.len())?;
    traps(&bytes[sections.traps.clone()], text)?;
    handlers(&bytes[sections.handlers.clone()], text)
}

/// Defined functions have code, which ascends; imported ones have none. Names are text.
fn functions(
    table: &[u8],
    module: &ModuleInfo,
    text: usize,
    names: &[u8],
) -> Result<(), LoadError> {
    let imported = module.imported.functions as usize;
    let mut end = 0;
    for (index, row) in rows(table).map(FunctionRow::of).enumerate() {
        let code = row.code;
        if index < imported {
            let none = code == CodeRange::default();
            fits(none, FUNCTIONS_SECTION, "has code for an imported function")?;
        } else {
            fits(code.is_inside(text), FUNCTIONS_SECTION, "has code outside of the text")?;
            fits(code.offset >= end, FUNCTIONS_SECTION, "has code that does not ascend")?;
            end = code.offset + code.length;
        }
        let named = row.name == NO_NAME || name_at(names, row.name).is_some();
        fits(named, NAMES_SECTION, "lacks a function's name")?;
    }
    Ok(())
}

/// Imported functions have a stub, and those whose types allow it another one.
fn stubs(table: &[u8], module: &ModuleInfo, text: usize) -> Result<(), LoadError> {
    for (row, function) in rows(table).map(StubsRow::of).zip(0..) {
        let native = module.function_type(function).is_some_and(|ty| ty.is_native());
        let inside = row.array.is_inside(text)
            && if native { row.native.is_inside(text) } else { row.native.length == 0 };
        fits(inside, STUBS_SECTION, "has a stub outside of the text")?;
    }
    Ok(())
}

/// Covered calls ascend, and their landing pads are in the text.
fn handlers(table: &[u8], text: usize) -> Result<(), LoadError> {
    let sites: Vec<_> =
        Handlers::open(table).map(|table| table.sites().collect()).unwrap_or_default();
    let inside = |offset: u32| (offset as usize) < text;
    let valid = sites.iter().all(|site| inside(site.ret) && inside(site.landing))
        && sites.is_sorted_by(|a, b| a.ret < b.ret);
    fits(valid, HANDLERS_SECTION, "has a landing that cannot be")
}

/// The types of escaping functions have an entry; others may.
fn entries(table: &[u8], module: &ModuleInfo, text: usize) -> Result<(), LoadError> {
    let all: Vec<EntryRow> = rows(table).map(EntryRow::of).collect();
    let inside = all.iter().all(|row| row.0.length == 0 || row.0.is_inside(text));
    fits(inside, ENTRIES_SECTION, "has an entry outside of the text")?;
    let missing = module.escaping.iter().any(|&function| {
        let row = module.functions.get(function as usize).and_then(|&ty| all.get(ty as usize));
        row.is_none_or(|row| row.0.length == 0)
    });
    fits(!missing, ENTRIES_SECTION, "lacks the entry of a type")
}

/// Segments have their data, and a place if they are active.
fn segments(table: &[u8], module: &ModuleInfo, data: usize) -> Result<(), LoadError> {
    let inside = rows(table).all(|row| segment(row, module, data).is_some());
    fits(inside, SEGMENTS_SECTION, "has a segment that cannot be")
}

/// The segment of a row, if it is one of the module's.
pub(crate) fn segment(
    row: [u32; SegmentRow::WORDS],
    module: &ModuleInfo,
    data: usize,
) -> Option<SegmentRow> {
    let segment = SegmentRow::of(row)?;
    let placed = match segment.mode {
        SegmentMode::Passive => true,
        SegmentMode::Active { memory, at } => {
            let known = match at {
                SegmentPlace::Constant(_) => true,
                SegmentPlace::Expression(index) => (index as usize) < module.data_offsets.len(),
            };
            known && (memory as usize) < module.memories.len()
        }
    };
    let end = (segment.offset as usize).checked_add(segment.length as usize)?;
    (placed && end <= data).then_some(segment)
}

/// Sites ascend, lie in the text and have codes that are known.
fn traps(table: &[u8], text: usize) -> Result<(), LoadError> {
    let mut next = 0;
    for site in TrapTable::of(table).into_iter().flat_map(|table| table.sites()) {
        let known = site.filter(|site| site.offset >= next && (site.offset as usize) < text);
        let Some(site) = known else {
            return fits(false, TRAPS_SECTION, "has a site that cannot be");
        };
        next = site.offset.saturating_add(1);
    }
    Ok(())
}

fn rows<const N: usize>(table: &[u8]) -> impl Iterator<Item = [u32; N]> {
    Table::of(table).into_iter().flat_map(|table| table.rows())
}
