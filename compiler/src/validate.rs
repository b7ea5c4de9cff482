//! Validation: from bytes that anyone may have sent to a module that can be compiled
//! (WebAssembly specification, chapters 3 *Validation* and 5 *Binary Format*).
//!
//! # Invariants
//!
//! * Nothing that the bytes hold makes this panic, and what it allocates is proportional to their number.
//! * What is returned is valid: the translation relies on it.

mod bodies;
mod convert;
mod describe;
mod dylink;
pub(crate) mod features;
mod hints;
mod tables;

use faasm_abi::module::ModuleInfo;
use faasm_abi::tables::SegmentRow;
use wasmparser::{FunctionBody, Parser, Payload, ValidPayload, Validator};

use crate::constant_table::ConstantTable;
use crate::debug::GuestDwarf;
use crate::error::ValidateError;
use crate::limits::{Limit, LimitExceeded, Limits};
pub(crate) use convert::{heap_type, ref_type, val_type};
use describe::{Described, Description};
pub(crate) use hints::Hint;
pub use hints::check_custom_sections;

/// A module that is valid WebAssembly and uses only what we support.
#[derive(Debug)]
pub struct Validated<'a> {
    info: ModuleInfo,
    /// Index and name, ascending.
    names: Vec<(u32, &'a str)>,
    bodies: Vec<FunctionBody<'a>>,
    segments: Vec<SegmentRow>,
    data: Vec<&'a [u8]>,
    closed_tables: Vec<bool>,
    constant_tables: Vec<Option<ConstantTable>>,
    dwarf: GuestDwarf<'a>,
    hints: Vec<Hint>,
}

impl<'a> Validated<'a> {
    /// The module's description.
    #[must_use]
    pub fn info(&self) -> &ModuleInfo {
        &self.info
    }

    /// The name of function `index`, if the module gives one (name section).
    #[must_use]
    pub fn function_name(&self, index: u32) -> Option<&'a str> {
        let at = self.names.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        Some(self.names[at].1)
    }

    /// The defined functions' bodies, in order.
    pub(crate) fn bodies(&self) -> &[FunctionBody<'a>] {
        &self.bodies
    }

    /// For each table, whether it holds functions of the same instance only: nobody else can reach it, and no code
    /// writes to it.
    pub(crate) fn closed_tables(&self) -> &[bool] {
        &self.closed_tables
    }

    /// For each table, its elements, if they are known and stay what they are.
    pub(crate) fn constant_tables(&self) -> &[Option<ConstantTable>] {
        &self.constant_tables
    }

    /// The debugging information.
    pub(crate) fn dwarf(&self) -> &GuestDwarf<'a> {
        &self.dwarf
    }

    /// The functions that have names (name section): index and name, ascending.
    #[must_use]
    pub fn function_names(&self) -> &[(u32, &'a str)] {
        &self.names
    }

    /// The data segments.
    #[must_use]
    pub fn segments(&self) -> &[SegmentRow] {
        &self.segments
    }

    /// The branch hints, by position.
    pub(crate) fn hints(&self) -> &[Hint] {
        &self.hints
    }

    /// The bytes of each data segment.
    pub(crate) fn data(&self) -> &[&'a [u8]] {
        &self.data
    }
}

/// Validates a module and describes it, within the default [`Limits`].
///
/// # Errors
///
/// [`ValidateError`] when the bytes are no valid module, or use what is not supported yet, or ask for too much.
pub fn validate(wasm: &[u8]) -> Result<Validated<'_>, ValidateError> {
    validate_with(wasm, &Limits::default())
}

/// Validates a module and describes it, within these limits.
///
/// # Errors
///
/// As [`validate`].
pub fn validate_with<'a>(wasm: &'a [u8], limits: &Limits) -> Result<Validated<'a>, ValidateError> {
    let clock = limits.clock();
    let mut validator = Validator::new_with_features(features::FEATURES);
    let mut parser = Parser::new(0);
    parser.set_features(features::FEATURES);
    let mut description = Description::default();
    let mut dwarf = GuestDwarf::default();
    let mut functions = Vec::new();
    for payload in parser.parse_all(wasm) {
        let payload = payload.map_err(features::refuse)?;
        // Before the validator takes the section: what is refused costs nothing.
        check_counts(&payload, limits)?;
        clock.check(limits)?;
        if let ValidPayload::Func(function, body) =
            validator.payload(&payload).map_err(features::refuse)?
        {
            functions.push((function, body));
        }
        description.add(&payload)?;
        dwarf.add(&payload);
    }
    let Described { mut info, names, segments, data, hints } = description.finish();
    let bodies = bodies::Bounds { names: &names, limits, clock }.validate(functions)?;
    let hints = hints.place(info.imported.functions, &bodies);
    let tables = tables::uses(&info, &bodies).map_err(features::refuse)?;
    info.growable_tables = tables::growable(&info, &tables);
    let constant_tables = tables::constant(&info, &tables);
    let closed_tables = tables.iter().map(tables::TableUse::is_closed).collect();
    Ok(Validated {
        info,
        names,
        bodies,
        segments,
        data,
        closed_tables,
        constant_tables,
        dwarf,
        hints,
    })
}

/// Checks how many items a section says it has.
fn check_counts(payload: &Payload<'_>, limits: &Limits) -> Result<(), LimitExceeded> {
    let (limit, count) = match payload {
        Payload::TypeSection(section) => (Limit::Types, section.count()),
        Payload::ImportSection(section) => (Limit::Imports, section.count()),
        Payload::FunctionSection(section) => (Limit::Functions, section.count()),
        Payload::TableSection(section) => (Limit::Items, section.count()),
        Payload::MemorySection(section) => (Limit::Items, section.count()),
        Payload::GlobalSection(section) => (Limit::Items, section.count()),
        Payload::TagSection(section) => (Limit::Items, section.count()),
        Payload::ExportSection(section) => (Limit::Exports, section.count()),
        Payload::ElementSection(section) => (Limit::ElementSegments, section.count()),
        Payload::DataSection(section) => (Limit::DataSegments, section.count()),
        _ => return Ok(()),
    };
    limits.check(limit, count.into())
}

#[cfg(test)]
mod tests;
