//! The object file; its layout is in `faasm_abi::object`.

use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::isa::unwind::CfaUnwindInfo;
use faasm_abi::handler::{HandlerSite, encode_handlers};
use faasm_abi::lines::{self, LINES_SECTION, Line};
use faasm_abi::object::{
    CodeRange, DATA_SECTION, ENTRIES_SECTION, FUNCTIONS_SECTION, HANDLERS_SECTION, INFO_SECTION,
    NAMES_SECTION, NOTES_SECTION, ObjectInfo, SECTION_ALIGNMENT, SEGMENTS_SECTION,
    STACK_MAPS_SECTION, STUBS_SECTION, TEXT_PAGE, TRAPS_SECTION,
};
use faasm_abi::stack_map::{self, StackMap};
use faasm_abi::trap::{TrapSite, encode_sites};
use object::write::{
    Mangling, Object, Relocation, SectionId, StandardSection, Symbol, SymbolSection,
};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope, elf,
};

use crate::compile::Unit;
use crate::debug::Translated;
use crate::env::Env;
use crate::error::CompileError;
use crate::isa;
use crate::symbols::Symbols;
use crate::tables::Tables;
use crate::text::Text;
use crate::unwind;

/// What the object holds beside its text.
pub(crate) struct Contents<'a> {
    pub(crate) units: &'a [Unit],
    pub(crate) symbols: &'a Symbols<'a>,
    pub(crate) tables: Tables,
    pub(crate) data: &'a [&'a [u8]],
    pub(crate) debug: Translated,
}

/// Writes the file.
pub(crate) fn write(
    env: &Env<'_>,
    text: Text,
    contents: Contents<'_>,
) -> Result<Vec<u8>, CompileError> {
    let mut file = Object::new(BinaryFormat::Elf, architecture(env.isa)?, Endianness::Little);
    file.mangling = Mangling::None;
    let Text { bytes, ranges, traps, stack_maps, handlers, lines, unwind } = text;
    let section = add_text(&mut file, bytes);
    add_unwind(&mut file, section, env, unwind)?;
    add_info(&mut file, env)?;
    add_tables(&mut file, contents.tables);
    add_data(&mut file, contents.data);
    add_traps(&mut file, traps);
    add_stack_maps(&mut file, stack_maps);
    add_handlers(&mut file, &handlers);
    if env.lines {
        add_lines(&mut file, env, &lines);
    }
    add_debug(&mut file, section, env, contents.debug)?;
    add_symbols(&mut file, section, contents.units.iter().zip(&ranges), contents.symbols);
    file.write().map_err(|e| failed(&e))
}

fn failed(error: &dyn std::error::Error) -> CompileError {
    CompileError::Object(error.to_string())
}

fn architecture(isa: &dyn TargetIsa) -> Result<Architecture, CompileError> {
    match isa.triple().architecture {
        target_lexicon::Architecture::X86_64 => Ok(Architecture::X86_64),
        target_lexicon::Architecture::Aarch64(_) => Ok(Architecture::Aarch64),
        other => Err(CompileError::Object(format!("no format for {other}"))),
    }
}

fn add_text(file: &mut Object<'_>, bytes: Vec<u8>) -> SectionId {
    let section = file.section_id(StandardSection::Text);
    file.set_section_data(section, bytes, TEXT_PAGE.into());
    section
}

fn add_unwind(
    file: &mut Object<'_>,
    text: SectionId,
    env: &Env<'_>,
    tables: Vec<(u32, CfaUnwindInfo)>,
) -> Result<(), CompileError> {
    let unwind = unwind::write(env, tables)?;
    let section = file.section_id(StandardSection::EhFrame);
    file.set_section_data(section, unwind.bytes, 8);
    let r_type = match env.isa.triple().architecture {
        target_lexicon::Architecture::X86_64 => elf::R_X86_64_PC32,
        _ => elf::R_AARCH64_PREL32,
    };
    relocate(file, [section, text], r_type, &unwind.addresses)
}

/// The lines of the functions, which come before all other code.
fn add_lines(file: &mut Object<'_>, env: &Env<'_>, lines: &[Vec<Line>]) {
    let defined = env.info.functions.len() - env.info.imported.functions as usize;
    add_section(file, LINES_SECTION, lines::encode(&lines[..defined]));
}

/// The sections of native debugging information, and remarks about what is not there.
fn add_debug(
    file: &mut Object<'_>,
    text: SectionId,
    env: &Env<'_>,
    debug: Translated,
) -> Result<(), CompileError> {
    let r_type = match env.isa.triple().architecture {
        target_lexicon::Architecture::X86_64 => elf::R_X86_64_64,
        _ => elf::R_AARCH64_ABS64,
    };
    for native in debug.sections {
        let name = native.name.as_bytes().to_vec();
        let section = file.add_section(Vec::new(), name, SectionKind::Debug);
        file.set_section_data(section, native.bytes, 1);
        relocate(file, [section, text], r_type, &native.addresses)?;
    }
    if !debug.notes.is_empty() {
        add_section(file, NOTES_SECTION, debug.notes.join("\n").into_bytes());
    }
    Ok(())
}

/// Relocations of a section's addresses of the text, for those who load the text elsewhere.
fn relocate(
    file: &mut Object<'_>,
    [section, text]: [SectionId; 2],
    r_type: elf::RelocationType,
    addresses: &[(u64, i64)],
) -> Result<(), CompileError> {
    let symbol = file.section_symbol(text);
    for &(offset, addend) in addresses {
        let flags = RelocationFlags::Elf { r_type };
        file.add_relocation(section, Relocation { offset, symbol, addend, flags })
            .map_err(|e| failed(&e))?;
    }
    Ok(())
}

/// The object's description of itself.
fn add_info(file: &mut Object<'_>, env: &Env<'_>) -> Result<(), CompileError> {
    let info = ObjectInfo {
        target: env.isa.triple().to_string(),
        features: isa::features(env.isa),
        compiler: format!(
            "faasm {} cranelift {}",
            env!("CARGO_PKG_VERSION"),
            cranelift_codegen::VERSION
        ),
        module: env.info.clone(),
    };
    add_section(file, INFO_SECTION, info.encode().map_err(|e| failed(&e))?);
    Ok(())
}

fn add_tables(file: &mut Object<'_>, tables: Tables) {
    add_section(file, FUNCTIONS_SECTION, tables.functions);
    add_section(file, STUBS_SECTION, tables.stubs);
    add_section(file, ENTRIES_SECTION, tables.entries);
    add_section(file, NAMES_SECTION, tables.names);
    add_section(file, SEGMENTS_SECTION, tables.segments);
}

fn add_data(file: &mut Object<'_>, data: &[&[u8]]) {
    add_section(file, DATA_SECTION, data.concat());
}

fn add_traps(file: &mut Object<'_>, traps: Vec<TrapSite>) {
    add_section(file, TRAPS_SECTION, encode_sites(&traps));
}

fn add_stack_maps(file: &mut Object<'_>, maps: Vec<StackMap>) {
    add_section(file, STACK_MAPS_SECTION, stack_map::encode(&maps));
}

fn add_handlers(file: &mut Object<'_>, handlers: &[HandlerSite]) {
    add_section(file, HANDLERS_SECTION, encode_handlers(handlers));
}

fn add_section(file: &mut Object<'_>, name: &str, bytes: Vec<u8>) {
    let section = file.add_section(Vec::new(), name.as_bytes().to_vec(), SectionKind::Other);
    file.set_section_data(section, bytes, SECTION_ALIGNMENT.into());
}

/// Names for debuggers and profilers; nothing here reads them.
fn add_symbols<'a>(
    file: &mut Object<'_>,
    text: SectionId,
    units: impl Iterator<Item = (&'a Unit, &'a CodeRange)>,
    symbols: &Symbols<'_>,
) {
    for (&unit, range) in units {
        file.add_symbol(Symbol {
            name: symbols.of(unit).into_bytes(),
            value: range.offset.into(),
            size: range.length.into(),
            kind: SymbolKind::Text,
            scope: SymbolScope::Compilation,
            weak: false,
            section: SymbolSection::Section(text),
            flags: SymbolFlags::None,
        });
    }
}
