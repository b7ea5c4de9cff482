//! Debugging information as compilers write it, and as an enemy would.

use std::time::{Duration, Instant};

use faasm_abi::lines::Lines;
use faasm_abi::object::CodeRange;

use super::*;
use crate::inspect::ObjectFile;
use crate::isa;
use crate::options::CompileOptions;
use crate::validate::{Validated, validate};

const GUESTS: [&[u8]; 2] = [
    include_bytes!("../../../guests/c/build/source-lines-dwarf4.wasm"),
    include_bytes!("../../../guests/c/build/source-lines-dwarf5.wasm"),
];

/// The guest's functions with their lines, as the code generator left them.
fn code_of(module: &Validated<'_>) -> Vec<(CodeRange, Vec<Line>)> {
    let object = crate::compile(module, &CompileOptions::default()).unwrap();
    let object = ObjectFile::parse(&object).unwrap();
    assert_eq!(object.notes, [""; 0], "nothing is dropped of what a compiler wrote");
    let imported = object.info.module.imported.functions;
    let ranges = (imported..).map_while(|index| object.code(index));
    (0..).zip(ranges).map(|(at, range)| (range, object.lines(at).unwrap().collect())).collect()
}

/// Translates without the net below: a panic fails the test.
fn translated(
    module: &Validated<'_>,
    dwarf: &GuestDwarf<'_>,
    code: &[(CodeRange, Vec<Line>)],
) -> Translated {
    let options = CompileOptions::default();
    let isas = isa::all(&options).unwrap();
    let env = Env::new(module, &isas, &options).unwrap();
    let functions: Vec<_> =
        code.iter().map(|(range, lines)| Function { range: *range, lines }).collect();
    native::write(&env, dwarf, &functions)
}

#[test]
fn every_version_of_dwarf_becomes_the_same_lines() {
    let sections = GUESTS.map(|wasm| {
        let module = validate(wasm).unwrap();
        let translated = translated(&module, module.dwarf(), &code_of(&module));
        assert!(translated.notes.is_empty(), "{:?}", translated.notes);
        let line = translated.sections.into_iter().find(|one| one.name == ".debug_line").unwrap();
        assert!(!line.addresses.is_empty());
        line.bytes
    });
    assert!(sections[0] == sections[1]);
}

#[test]
fn lines_are_of_the_function_they_are_in() {
    let module = validate(GUESTS[0]).unwrap();
    for (body, (_, lines)) in module.bodies().iter().zip(code_of(&module)) {
        let range = body.range();
        assert!(!lines.is_empty() && lines[0].code == 0);
        assert!(lines.iter().all(|line| range.contains(&line.wasm.into())));
        assert!(lines.is_sorted_by_key(|line| line.code));
    }
    let none = CompileOptions { debug: crate::DebugInfo::None, ..Default::default() };
    let object = crate::compile(&module, &none).unwrap();
    let object = ObjectFile::parse(&object).unwrap();
    assert!(object.lines(0).is_none());
    assert!(Lines::parse(&[]).is_none());
}

#[test]
fn damaged_sections_are_dropped_without_a_panic() {
    for wasm in GUESTS {
        let module = validate(wasm).unwrap();
        let code = code_of(&module);
        let names: Vec<_> = module.dwarf().sections.keys().copied().collect();
        for name in names {
            let whole = module.dwarf().section(name).to_vec();
            for at in 0..whole.len() {
                for byte in [0, 1, 0x7f, 0x80, 0xff, whole[at].wrapping_add(1)] {
                    let mut damaged = whole.clone();
                    damaged[at] = byte;
                    with_section(&module, name, &damaged, &code);
                }
                with_section(&module, name, &whole[..at], &code);
            }
        }
    }
}

fn with_section(
    module: &Validated<'_>,
    name: &str,
    bytes: &[u8],
    code: &[(CodeRange, Vec<Line>)],
) -> Translated {
    let whole = module.dwarf();
    let mut sections: HashMap<&str, &[u8]> =
        whole.sections.iter().map(|(name, bytes)| (*name, *bytes)).collect();
    sections.insert(name, bytes);
    translated(module, &GuestDwarf { sections, code: whole.code.clone() }, code)
}

/// A unit of version 4, little-endian, whose entries are `entries`.
fn unit(entries: &[u8]) -> Vec<u8> {
    let mut unit = u32::try_from(7 + entries.len()).unwrap().to_le_bytes().to_vec();
    // Version, offset of the abbreviations, bytes of an address.
    unit.extend_from_slice(&[4, 0, 0, 0, 0, 0, 4]);
    unit.extend_from_slice(entries);
    unit
}

/// Translates hostile information that is made of these sections, and fails if that takes long.
fn soon(info: &[u8], abbreviations: &[u8], ranges: &[u8]) -> Vec<String> {
    let module = validate(GUESTS[0]).unwrap();
    let code = code_of(&module);
    let mut sections = module.dwarf().sections.clone();
    sections.insert(".debug_info", info);
    sections.insert(".debug_abbrev", abbreviations);
    sections.insert(".debug_ranges", ranges);
    let begun = Instant::now();
    let dwarf = GuestDwarf { sections, code: module.dwarf().code.clone() };
    let notes = translated(&module, &dwarf, &code).notes;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    notes
}

/// Abbreviation 1 is a unit with a line program, abbreviation 2 what `attributes` says.
fn abbreviations(tag: u8, attributes: &[u8]) -> Vec<u8> {
    let mut table = vec![1, 0x11, 1, 0x10, 0x17, 0, 0, 2, tag, 0];
    table.extend_from_slice(attributes);
    table.extend_from_slice(&[0, 0, 0]);
    table
}

#[test]
fn entries_with_attributes_of_no_bytes_cost_what_they_weigh() {
    // 100 000 entries of a byte, each with 50 000 attributes that are always true.
    let flags = [0x3f, 0x19].repeat(50_000);
    let mut entries = vec![1, 0, 0, 0, 0];
    entries.extend(vec![2; 100_000]);
    let notes = soon(&unit(&entries), &abbreviations(0x2e, &flags), &[]);
    assert_eq!(
        notes,
        ["debugging information of unit 0 dropped: it costs more to read than its size allows"]
    );
}

#[test]
fn lists_that_many_entries_share_cost_what_they_weigh() {
    // 100 000 functions with the same list of 100 000 ranges.
    let ranges = [[1, 0, 0, 0], [2, 0, 0, 0]].concat().repeat(100_000);
    let mut entries = vec![1, 0, 0, 0, 0];
    entries.extend([2, 0, 0, 0, 0].repeat(100_000));
    let notes = soon(&unit(&entries), &abbreviations(0x2e, &[0x55, 0x17]), &ranges);
    assert_eq!(
        notes,
        ["debugging information of unit 0 dropped: it costs more to read than its size allows"]
    );
}

#[test]
fn units_that_share_a_line_program_run_it_as_often_as_it_is_long() {
    let many = unit(&[1, 0, 0, 0, 0, 0]).repeat(100_000);
    let notes = soon(&many, &abbreviations(0x2e, &[]), &[]);
    assert!(notes.len() <= 9, "{notes:?}");
}
