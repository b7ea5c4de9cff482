//! Native debugging information: DWARF 5 whose addresses are in the object's text.

use std::collections::HashMap;
use std::ops::Range;

use gimli::write::{
    Address, AttributeValue, Dwarf, EndianVec, FileId, LineProgram, LineString, RangeList,
    RelocateWriter, Relocation, RelocationTarget, Sections, Unit as NativeUnit, UnitEntryId,
};
use gimli::{Encoding, Format, LineEncoding, LittleEndian, constants};

use super::budget::{Budget, Dropped};
use super::entries::{Names, Subprogram};
use super::guest::{Unit, Units};
use super::lines::Row;
use super::map::CodeMap;
use super::{Function, GuestDwarf, Translated};
use crate::env::Env;

/// A section of debugging information for the object.
pub(crate) struct NativeSection {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// Offset in the section of an 8-byte address, and the offset in the text section that it is of, which stands in
    /// its place, too.
    pub(crate) addresses: Vec<(u64, i64)>,
}

const ENCODING: Encoding = Encoding { format: Format::Dwarf32, version: 5, address_size: 8 };

/// Notes that are kept.
const MAX_NOTES: usize = 8;

/// Translates unit after unit.
pub(super) fn write(
    env: &Env<'_>,
    guest: &GuestDwarf<'_>,
    functions: &[Function<'_>],
) -> Translated {
    let (units, end) = Units::find(guest);
    let n_lines: u64 = functions.iter().map(|function| function.lines.len() as u64).sum();
    let mut budget = Budget::new(guest.len() + n_lines);
    let mut output = Output::new(env, guest, functions);
    let mut dropped: Vec<String> = Vec::new();
    let mut n_dropped = 0;
    for (at, header) in (0..).zip(units.headers()) {
        let unit = units.read(guest, header, &mut budget);
        if let Err(error) = unit.and_then(|unit| output.add(&unit, &mut budget)) {
            note(&mut dropped, &mut n_dropped, &format!("unit {at}"), error);
        }
    }
    if let Some(error) = end {
        note(&mut dropped, &mut n_dropped, "units", error);
    }
    if n_dropped > dropped.len() {
        dropped.push(format!("debugging information of {n_dropped} units dropped in all"));
    }
    let sections = output.finish().unwrap_or_else(|error| {
        dropped.push(format!("debugging information dropped: it cannot be written: {error}"));
        Vec::new()
    });
    Translated { sections, notes: dropped }
}

fn note(notes: &mut Vec<String>, count: &mut usize, what: &str, error: Dropped) {
    *count += 1;
    if notes.len() < MAX_NOTES {
        notes.push(format!("debugging information of {what} dropped: {error}"));
    }
}

/// Native units while they are collected.
struct Output<'a> {
    functions: &'a [Function<'a>],
    /// The first operator of each function, as an offset in the code section; ascending.
    starts: Vec<u32>,
    /// Functions that a unit has described.
    claimed: Vec<bool>,
    /// Where the code section begins in the module.
    section: u32,
    producer: String,
    dwarf: Dwarf,
}

/// What one unit says of one function.
struct Described<'u> {
    function: usize,
    /// Offsets in the function's code.
    rows: Vec<(u32, Row)>,
    subprogram: Option<Placed<'u>>,
}

/// A function's entry, and the code of each of its inlined calls.
type Placed<'u> = (&'u Subprogram, Vec<Vec<Range<u32>>>);

impl<'a> Output<'a> {
    fn new(env: &Env<'_>, guest: &GuestDwarf<'_>, functions: &'a [Function<'a>]) -> Self {
        let section = u32::try_from(guest.code.start).unwrap_or(u32::MAX);
        let mut last = 0;
        let starts = functions.iter().map(|function| {
            // A function without lines has the place of the one before, and none to say.
            let first = function.lines.iter().map(|line| line.wasm).min();
            last = first.map_or(last, |first| first.saturating_sub(section));
            last
        });
        let starts = starts.collect();
        let producer = format!("faasm {} for {}", env!("CARGO_PKG_VERSION"), env.isa.triple());
        let claimed = vec![false; functions.len()];
        Self { functions, starts, claimed, section, producer, dwarf: Dwarf::new() }
    }

    /// Adds what `unit` says of the functions that none before has described.
    fn add(&mut self, unit: &Unit, budget: &mut Budget) -> Result<(), Dropped> {
        let mut described = Vec::new();
        for sequence in &unit.table.sequences {
            let first = sequence.rows.first().map_or(sequence.end, |row| row.address);
            let from = self.starts.partition_point(|&start| start < first);
            let to = self.starts.partition_point(|&start| start < sequence.end);
            for function in from..to {
                let lines = self.functions[function].lines;
                budget.spend(1)?;
                if lines.is_empty() || self.claimed[function] {
                    continue;
                }
                budget.spend(lines.len() as u64)?;
                let row = |wasm: u32| sequence.row(wasm.saturating_sub(self.section)).copied();
                let rows = lines.iter().filter_map(|line| Some((line.code, row(line.wasm)?)));
                let rows = changes(rows);
                let subprogram = self.subprogram(unit, function, budget)?;
                described.push(Described { function, rows, subprogram });
            }
        }
        if !described.is_empty() {
            self.build(unit, &described);
        }
        Ok(())
    }

    /// The entry of a function, and the code of what was inlined into it.
    fn subprogram<'u>(
        &self,
        unit: &'u Unit,
        function: usize,
        budget: &mut Budget,
    ) -> Result<Option<Placed<'u>>, Dropped> {
        let start = self.starts[function];
        let next = unit.functions.partition_point(|subprogram| subprogram.range.start <= start);
        let found = next.checked_sub(1).map(|at| &unit.functions[at]);
        let Some(found) = found.filter(|found| start < found.range.end) else { return Ok(None) };
        let map = CodeMap::new(&self.functions[function], self.section);
        let inlined = found.inlined.iter().map(|call| {
            budget.spend(1)?;
            map.code(&call.ranges, budget)
        });
        Ok(Some((found, inlined.collect::<Result<_, _>>()?)))
    }

    /// Makes the native unit.
    fn build(&mut self, unit: &Unit, described: &[Described<'_>]) {
        let nonempty = |text: &str| if text.is_empty() { "?" } else { text }.to_owned();
        let (name, folder) = (nonempty(&unit.name), nonempty(&unit.folder));
        let mut string = |text: &str| LineString::new(text, ENCODING, &mut self.dwarf.line_strings);
        let program = LineProgram::new(
            ENCODING,
            LineEncoding::default(),
            string(&folder),
            None,
            string(&name),
            None,
        );
        let mut native = NativeUnit::new(ENCODING, program);
        let mut files = Files { unit, ids: HashMap::new() };
        for described in described {
            self.claimed[described.function] = true;
            self.lines(&mut native, &mut files, described);
            self.entries(&mut native, &mut files, described);
        }
        let root = native.root();
        let all = described.iter().map(|described| {
            let range = self.functions[described.function].range;
            range.offset..range.offset + range.length
        });
        set_code(&mut native, root, &all.collect::<Vec<_>>(), 0);
        let language = unit.language.map(AttributeValue::Language);
        let root = native.get_mut(root);
        // Ranges count from here.
        root.set(constants::DW_AT_low_pc, AttributeValue::Address(text(0)));
        for (attribute, value) in [
            (constants::DW_AT_name, name),
            (constants::DW_AT_comp_dir, folder),
            (constants::DW_AT_producer, self.producer.clone()),
        ] {
            root.set(attribute, AttributeValue::StringRef(self.dwarf.strings.add(value)));
        }
        if let Some(language) = language {
            root.set(constants::DW_AT_language, language);
        }
        self.dwarf.units.add(native);
    }

    /// The function's lines, as a sequence of their own.
    fn lines(&mut self, native: &mut NativeUnit, files: &mut Files<'_>, described: &Described<'_>) {
        let range = self.functions[described.function].range;
        native.line_program.begin_sequence(Some(text(range.offset)));
        for (code, row) in &described.rows {
            let file = files.id(&mut self.dwarf, &mut native.line_program, row.file);
            let next = native.line_program.row();
            next.address_offset = u64::from(*code);
            next.file = file;
            next.line = row.line.into();
            next.column = row.column.into();
            native.line_program.generate_row();
        }
        native.line_program.end_sequence(range.length.into());
    }

    /// The function's entry, and those of what was inlined.
    fn entries(
        &mut self,
        native: &mut NativeUnit,
        files: &mut Files<'_>,
        described: &Described<'_>,
    ) {
        let Some((subprogram, code)) = &described.subprogram else { return };
        let range = self.functions[described.function].range;
        let function = native.add(native.root(), constants::DW_TAG_subprogram);
        self.name(native, function, &subprogram.names);
        set_code(native, function, &[Range { start: 0, end: range.length }], range.offset);
        // The entries that are open: whose calls come next.
        let mut open = vec![function];
        for (call, code) in subprogram.inlined.iter().zip(code) {
            open.truncate(call.depth);
            let parent = open.last().copied().unwrap_or(function);
            let entry = native.add(parent, constants::DW_TAG_inlined_subroutine);
            open.push(entry);
            self.name(native, entry, &call.names);
            set_code(native, entry, code, range.offset);
            let [file, line, column] = call.call;
            let file = files.id(&mut self.dwarf, &mut native.line_program, file);
            let entry = native.get_mut(entry);
            entry.set(constants::DW_AT_call_file, AttributeValue::FileIndex(Some(file)));
            entry.set(constants::DW_AT_call_line, AttributeValue::Udata(line.into()));
            entry.set(constants::DW_AT_call_column, AttributeValue::Udata(column.into()));
        }
    }

    fn name(&mut self, native: &mut NativeUnit, entry: UnitEntryId, names: &Names) {
        let attributes =
            [(constants::DW_AT_name, &names.name), (constants::DW_AT_linkage_name, &names.linkage)];
        for (attribute, name) in attributes {
            if let Some(name) = name {
                let name = AttributeValue::StringRef(self.dwarf.strings.add(name.as_bytes()));
                native.get_mut(entry).set(attribute, name);
            }
        }
    }

    fn finish(mut self) -> gimli::write::Result<Vec<NativeSection>> {
        if self.dwarf.units.count() == 0 {
            return Ok(Vec::new());
        }
        let mut sections = Sections::new(Section::default());
        self.dwarf.write(&mut sections)?;
        let mut native = Vec::new();
        sections.for_each(|id, section| {
            if !section.bytes.slice().is_empty() {
                native.push(section.finish(id.name()));
            }
            Ok(())
        })?;
        Ok(native)
    }
}

/// The rows at which the source line changes.
fn changes(rows: impl Iterator<Item = (u32, Row)>) -> Vec<(u32, Row)> {
    let place = |row: &Row| (row.file, row.line, row.column);
    let mut changes: Vec<(u32, Row)> = Vec::new();
    for (code, row) in rows {
        if changes.last().is_none_or(|(_, last)| place(last) != place(&row)) {
            changes.push((code, row));
        }
    }
    changes
}

const fn text(offset: u32) -> Address {
    Address::Symbol { symbol: 0, addend: offset as i64 }
}

/// Says where the code of an entry is: in ranges of a function, or of the text, that begins at `base`.
fn set_code(native: &mut NativeUnit, entry: UnitEntryId, code: &[Range<u32>], base: u32) {
    let at = |offset: u32| u64::from(base) + u64::from(offset);
    match *code {
        [] => {}
        [Range { start, end }] => {
            let entry = native.get_mut(entry);
            entry.set(constants::DW_AT_low_pc, AttributeValue::Address(text(base + start)));
            entry.set(constants::DW_AT_high_pc, AttributeValue::Udata((end - start).into()));
        }
        _ => {
            let ranges = code.iter().map(|range| gimli::write::Range::OffsetPair {
                begin: at(range.start),
                end: at(range.end),
            });
            let ranges = native.ranges.add(RangeList(ranges.collect()));
            native
                .get_mut(entry)
                .set(constants::DW_AT_ranges, AttributeValue::RangeListRef(ranges));
        }
    }
}

/// The files of a unit that are used, by their index in its line program.
struct Files<'u> {
    unit: &'u Unit,
    ids: HashMap<u32, FileId>,
}

impl Files<'_> {
    fn id(&mut self, dwarf: &mut Dwarf, program: &mut LineProgram, file: u32) -> FileId {
        *self.ids.entry(file).or_insert_with(|| {
            let name = self.unit.table.files.get(file as usize).filter(|name| !name.is_empty());
            let name = name.map_or("?", String::as_str);
            let name = LineString::new(name, ENCODING, &mut dwarf.line_strings);
            program.add_file(name, program.default_directory(), None)
        })
    }
}

#[derive(Clone)]
struct Section {
    bytes: EndianVec<LittleEndian>,
    relocations: Vec<Relocation>,
}

impl Default for Section {
    fn default() -> Self {
        Self { bytes: EndianVec::new(LittleEndian), relocations: Vec::new() }
    }
}

impl Section {
    /// Fills in what is known: each kind of section is there once, so offsets in them are what they are; and the text
    /// begins at 0 until it is loaded.
    fn finish(&self, name: &'static str) -> NativeSection {
        let mut bytes = self.bytes.slice().to_vec();
        let mut addresses = Vec::new();
        for relocation in &self.relocations {
            let (at, size) = (relocation.offset, usize::from(relocation.size));
            bytes[at..at + size].copy_from_slice(&relocation.addend.to_le_bytes()[..size]);
            if matches!(relocation.target, RelocationTarget::Symbol(_)) {
                addresses.push((at as u64, relocation.addend));
            }
        }
        NativeSection { name, bytes, addresses }
    }
}

impl RelocateWriter for Section {
    type Writer = EndianVec<LittleEndian>;

    fn writer(&self) -> &Self::Writer {
        &self.bytes
    }

    fn writer_mut(&mut self) -> &mut Self::Writer {
        &mut self.bytes
    }

    fn relocate(&mut self, relocation: Relocation) {
        self.relocations.push(relocation);
    }
}
