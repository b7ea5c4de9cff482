//! The object file; its layout is in `faasm_abi::object`.

use cranelift_codegen::isa::TargetIsa;
use faasm_abi::lines::{self, LINES_SECTION};
use faasm_abi::object::{
    CodeRange, DATA_SECTION, FORMAT, INFO_SECTION, NOTES_SECTION, ObjectInfo, STACK_MAPS_SECTION,
    TRAPS_SECTION,
};
use faasm_abi::stack_map;
use faasm_abi::trap::encode_sites;
use object::write::{
    Mangling, Object, Relocation, SectionId, StandardSection, Symbol, SymbolSection,
};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope, elf,
};

use crate::compile::Unit;
use crate::debug::{NativeSection, Translated};
use crate::env::Env;
use crate::error::CompileError;
use crate::isa;
use crate::symbols::Symbols;
use crate::text::Text;
use crate::unwind::{self, Unwind};

/// The text is mapped as it lies in the file, so it begins at a page.
const TEXT_ALIGNMENT: u64 = 4096;

/// What the object holds beside its text.
pub(crate) struct Contents<'a> {
    pub(crate) units: &'a [Unit],
    pub(crate) symbols: &'a Symbols<'a>,
    pub(crate) info: ObjectInfo,
    pub(crate) data: &'a [&'a [u8]],
    pub(crate) debug: &'a Translated,
}

/// An object's description of itself, for `env`'s module and target.
pub(crate) fn describe(env: &Env<'_>, code: faasm_abi::object::CodeInfo) -> ObjectInfo {
    ObjectInfo {
        format: FORMAT,
        target: env.isa.triple().to_string(),
        features: isa::features(env.isa),
        compiler: format!(
            "faasm {} cranelift {}",
            env!("CARGO_PKG_VERSION"),
            cranelift_codegen::VERSION
        ),
        module: env.info.clone(),
        code,
    }
}

/// Writes the file.
pub(crate) fn write(
    env: &Env<'_>,
    text: &Text,
    contents: &Contents<'_>,
) -> Result<Vec<u8>, CompileError> {
    let mut file = Object::new(BinaryFormat::Elf, architecture(env.isa)?, Endianness::Little);
    file.mangling = Mangling::None;
    let section = file.section_id(StandardSection::Text);
    file.set_section_data(section, text.bytes.as_slice(), TEXT_ALIGNMENT);
    for (&unit, &range) in contents.units.iter().zip(&text.ranges) {
        add_symbol(&mut file, section, contents.symbols.of(unit), range);
    }
    add_unwind(&mut file, section, env.isa, unwind::write(env, &text.unwind)?)?;
    let info = postcard::to_allocvec(&contents.info).map_err(|e| failed(&e))?;
    add_section(&mut file, INFO_SECTION, info);
    add_section(&mut file, DATA_SECTION, contents.data.concat());
    add_section(&mut file, TRAPS_SECTION, encode_sites(&text.traps));
    add_section(&mut file, STACK_MAPS_SECTION, stack_map::encode(&text.stack_maps));
    if env.lines {
        let functions = contents.info.code.functions.len();
        add_section(&mut file, LINES_SECTION, lines::encode(&text.lines[..functions]));
    }
    for native in &contents.debug.sections {
        add_debug(&mut file, section, env.isa, native)?;
    }
    if !contents.debug.notes.is_empty() {
        add_section(&mut file, NOTES_SECTION, contents.debug.notes.join("\n").into_bytes());
    }
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

fn add_symbol(file: &mut Object<'_>, text: SectionId, name: String, range: CodeRange) {
    file.add_symbol(Symbol {
        name: name.into_bytes(),
        value: range.offset.into(),
        size: range.length.into(),
        kind: SymbolKind::Text,
        scope: SymbolScope::Compilation,
        weak: false,
        section: SymbolSection::Section(text),
        flags: SymbolFlags::None,
    });
}

fn add_unwind(
    file: &mut Object<'_>,
    text: SectionId,
    isa: &dyn TargetIsa,
    unwind: Unwind,
) -> Result<(), CompileError> {
    let section = file.section_id(StandardSection::EhFrame);
    file.set_section_data(section, unwind.bytes, 8);
    let r_type = match isa.triple().architecture {
        target_lexicon::Architecture::X86_64 => elf::R_X86_64_PC32,
        _ => elf::R_AARCH64_PREL32,
    };
    relocate(file, [section, text], r_type, &unwind.addresses)
}

/// A section of native debugging information.
fn add_debug(
    file: &mut Object<'_>,
    text: SectionId,
    isa: &dyn TargetIsa,
    native: &NativeSection,
) -> Result<(), CompileError> {
    let name = native.name.as_bytes().to_vec();
    let section = file.add_section(Vec::new(), name, SectionKind::Debug);
    file.set_section_data(section, native.bytes.clone(), 1);
    let r_type = match isa.triple().architecture {
        target_lexicon::Architecture::X86_64 => elf::R_X86_64_64,
        _ => elf::R_AARCH64_ABS64,
    };
    relocate(file, [section, text], r_type, &native.addresses)
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

fn add_section(file: &mut Object<'_>, name: &str, bytes: Vec<u8>) {
    let section = file.add_section(Vec::new(), name.as_bytes().to_vec(), SectionKind::Other);
    file.set_section_data(section, bytes, 16);
}
