//! Whether a description is consistent in itself: later code indexes by it.

use std::cell::Cell;

use faasm_abi::module::{ExportItem, ModuleInfo, SegmentMode};

use super::ensure;
use crate::module::LoadError;

/// Checks a module's description.
pub(super) fn check(module: &ModuleInfo) -> Result<(), LoadError> {
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
