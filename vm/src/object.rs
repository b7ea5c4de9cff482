//! Opening an object file: from sealed bytes to checked pieces, nothing mapped yet.

use std::cell::Cell;

use faasm_abi::layout::ContextLayout;
use faasm_abi::module::{ExportItem, ModuleInfo, SegmentMode};
use faasm_abi::object::{
    DATA_SECTION, FORMAT, INFO_SECTION, ObjectInfo, STACK_MAPS_SECTION, SealKey, TEXT_SECTION,
    TRAPS_SECTION,
};
use faasm_abi::stack_map::StackMaps;
use faasm_abi::trap::{TrapSite, decode_sites};
use object::{Object as _, ObjectSection as _};

use crate::module::LoadError;

/// The pieces of an object file whose seal held and whose parts fit one another.
pub(crate) struct Opened<'a> {
    /// The whole file without its seal.
    pub(crate) bytes: &'a [u8],
    pub(crate) file: object::File<'a>,
    pub(crate) info: ObjectInfo,
    pub(crate) layout: ContextLayout,
    pub(crate) text: &'a [u8],
    pub(crate) data: &'a [u8],
    pub(crate) sites: Vec<TrapSite>,
    /// [`faasm_abi::stack_map`].
    pub(crate) stack_maps: &'a [u8],
}

/// Checks `sealed` and takes it apart.
pub(crate) fn open<'a>(key: &SealKey, sealed: &'a [u8]) -> Result<Opened<'a>, LoadError> {
    let bytes = key.open(sealed)?;
    let file = object::File::parse(bytes).map_err(|_| malformed("it is not an ELF file"))?;
    let section = |name: &str| {
        file.section_by_name(name)
            .and_then(|section| section.data().ok())
            .ok_or(malformed("a section is missing"))
    };
    let info: ObjectInfo = postcard::from_bytes(section(INFO_SECTION)?)
        .map_err(|_| malformed("the description cannot be decoded"))?;
    check_machine(&info)?;
    let sites =
        decode_sites(section(TRAPS_SECTION)?).ok_or(malformed("the trap table is damaged"))?;
    let layout = ContextLayout::of(&info.module)?;
    let opened = Opened {
        text: section(TEXT_SECTION)?,
        data: file.section_by_name(DATA_SECTION).map_or(Ok(&[][..]), |section| {
            section.data().map_err(|_| malformed("a section is missing"))
        })?,
        stack_maps: section(STACK_MAPS_SECTION)?,
        info,
        layout,
        sites,
        bytes,
        file,
    };
    ensure(StackMaps::open(opened.stack_maps).is_some(), "the stack maps are damaged")?;
    check_code(&opened)?;
    check_module(&opened.info.module, opened.data.len())?;
    Ok(opened)
}

const fn malformed(what: &'static str) -> LoadError {
    LoadError::Malformed { what }
}

fn ensure(holds: bool, what: &'static str) -> Result<(), LoadError> {
    if holds { Ok(()) } else { Err(malformed(what)) }
}

fn check_machine(info: &ObjectInfo) -> Result<(), LoadError> {
    if info.format != FORMAT {
        return Err(LoadError::Format { found: info.format, expected: FORMAT });
    }
    let mut parts = info.target.split('-');
    let arch = parts.next() == Some(std::env::consts::ARCH);
    if !arch || !parts.any(|part| part == std::env::consts::OS) {
        let expected = std::env::consts::ARCH;
        return Err(LoadError::Target { found: info.target.clone(), expected });
    }
    let missing: Vec<_> =
        info.features.iter().filter(|feature| !has_feature(feature)).cloned().collect();
    if missing.is_empty() { Ok(()) } else { Err(LoadError::Features { missing }) }
}

/// Whether this processor has a feature that the compiler may use; unknown ones it has not.
#[cfg(target_arch = "x86_64")]
fn has_feature(name: &str) -> bool {
    macro_rules! detect {
        ($($feature:tt),*) => {
            match name {
                $($feature => std::is_x86_feature_detected!($feature),)*
                _ => false,
            }
        };
    }
    detect!(
        "sse",
        "sse2",
        "sse3",
        "ssse3",
        "sse4.1",
        "sse4.2",
        "popcnt",
        "avx",
        "avx2",
        "avxvnni",
        "fma",
        "bmi1",
        "bmi2",
        "lzcnt",
        "cmpxchg16b",
        "avx512bitalg",
        "avx512bw",
        "avx512cd",
        "avx512dq",
        "avx512f",
        "avx512vbmi",
        "avx512vl",
        "avx512vnni"
    )
}

/// Whether this processor has a feature that the compiler may use; unknown ones it has not.
#[cfg(target_arch = "aarch64")]
fn has_feature(name: &str) -> bool {
    macro_rules! detect {
        ($($feature:tt),*) => {
            match name {
                $($feature => std::arch::is_aarch64_feature_detected!($feature),)*
                _ => false,
            }
        };
    }
    detect!("neon", "lse", "paca", "pacg", "fp16", "dotprod", "bti")
}

/// The code's table fits the text and the module.
fn check_code(opened: &Opened<'_>) -> Result<(), LoadError> {
    let (code, module) = (&opened.info.code, &opened.info.module);
    let stubs =
        code.host_stubs.iter().flat_map(|stubs| [Some(stubs.array), stubs.native]).flatten();
    let entries = code.entries.iter().map(|(_, range)| *range);
    let fits = code.functions.iter().copied().chain(stubs).chain(entries).all(|range| {
        (range.offset as usize)
            .checked_add(range.length as usize)
            .is_some_and(|end| end <= opened.text.len())
    });
    ensure(fits, "a function lies outside the text")?;
    let imported = module.imported.functions as usize;
    ensure(
        imported + code.functions.len() == module.functions.len(),
        "functions without code, or code without functions",
    )?;
    ensure(code.host_stubs.len() == imported, "imports without stubs")?;
    ensure(
        code.entries.iter().all(|(ty, _)| (*ty as usize) < module.types.len()),
        "an entry of no type",
    )?;
    ensure(
        opened.sites.last().is_none_or(|site| (site.offset as usize) < opened.text.len()),
        "a trap site outside the text",
    )
}

/// The description is consistent in itself: later code indexes by it.
fn check_module(module: &ModuleInfo, data: usize) -> Result<(), LoadError> {
    let below = |index: u32, len: usize| (index as usize) < len;
    let is_func = |&ty: &u32| module.func_type(ty).is_some();
    ensure(module.functions.iter().all(is_func), "a function of no type")?;
    ensure(module.tags.iter().all(is_func), "a tag of no type")?;
    check_types(module)?;
    let defined = |all: usize, imported: u32| all.checked_sub(imported as usize);
    ensure(
        defined(module.globals.len(), module.imported.globals) == Some(module.global_inits.len()),
        "globals without values",
    )?;
    ensure(
        defined(module.tables.len(), module.imported.tables) == Some(module.table_inits.len()),
        "tables without elements",
    )?;
    ensure(
        defined(module.memories.len(), module.imported.memories).is_some()
            && defined(module.functions.len(), module.imported.functions).is_some()
            && defined(module.tags.len(), module.imported.tags).is_some(),
        "more imports than entries",
    )?;
    let functions = module.functions.len();
    ensure(
        module.escaping.iter().all(|&f| below(f, functions))
            && module.escaping.is_sorted_by(|a, b| a < b)
            && module.start.is_none_or(|f| below(f, functions)),
        "a function that is not there",
    )?;
    let exported = module.exports.iter().all(|export| match export.item {
        ExportItem::Function(index) => module.escaping_position(index).is_some(),
        ExportItem::Table(index) => below(index, module.tables.len()),
        ExportItem::Memory(index) => below(index, module.memories.len()),
        ExportItem::Global(index) => below(index, module.globals.len()),
        ExportItem::Tag(index) => below(index, module.tags.len()),
    });
    ensure(exported, "an export that is not there")?;
    let inside = module.data.iter().all(|segment| {
        let end = (segment.offset as usize).checked_add(segment.length as usize);
        end.is_some_and(|end| end <= data) && active_below(&segment.mode, module.memories.len())
    });
    ensure(inside, "a data segment outside the data")?;
    let elements =
        module.elements.iter().all(|segment| active_below(&segment.mode, module.tables.len()));
    ensure(elements, "an element segment of no table")
}

/// Groups that are all types, supertypes that come before, references to types that there are.
fn check_types(module: &ModuleInfo) -> Result<(), LoadError> {
    let types = module.types.len();
    let grouped: usize = module.rec_groups.iter().map(|&count| count as usize).sum();
    ensure(grouped == types, "types outside of all groups")?;
    let valid = module.types.iter().enumerate().all(|(index, ty)| {
        let highest = Cell::new(0);
        let _ = ty.map_indices(|index| {
            highest.set(highest.get().max(index));
            index
        });
        ty.supertype.is_none_or(|supertype| (supertype as usize) < index)
            && (highest.get() as usize) < types
    });
    ensure(valid, "a type of no type")
}

fn active_below(mode: &SegmentMode, len: usize) -> bool {
    match mode {
        SegmentMode::Active { index, .. } => (*index as usize) < len,
        SegmentMode::Passive | SegmentMode::Declared => true,
    }
}
