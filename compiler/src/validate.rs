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
pub(crate) mod features;
mod tables;

use faasm_abi::module::ModuleInfo;
use wasmparser::{FunctionBody, Parser, ValidPayload, Validator};

use crate::debug::GuestDwarf;
use crate::error::ValidateError;
pub(crate) use convert::{heap_type, ref_type, val_type};
use describe::Description;

/// A module that is valid WebAssembly and uses only what we support.
#[derive(Debug)]
pub struct Validated<'a> {
    info: ModuleInfo,
    bodies: Vec<FunctionBody<'a>>,
    data: Vec<&'a [u8]>,
    closed_tables: Vec<bool>,
    dwarf: GuestDwarf<'a>,
}

impl<'a> Validated<'a> {
    /// The module's description.
    #[must_use]
    pub fn info(&self) -> &ModuleInfo {
        &self.info
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

    /// The debugging information.
    pub(crate) fn dwarf(&self) -> &GuestDwarf<'a> {
        &self.dwarf
    }

    /// The bytes of each data segment.
    pub(crate) fn data(&self) -> &[&'a [u8]] {
        &self.data
    }
}

/// Validates a module and describes it.
///
/// # Errors
///
/// [`ValidateError`] when the bytes are no valid module, or use what is not supported yet.
pub fn validate(wasm: &[u8]) -> Result<Validated<'_>, ValidateError> {
    let mut validator = Validator::new_with_features(features::FEATURES);
    let mut parser = Parser::new(0);
    parser.set_features(features::FEATURES);
    let mut description = Description::default();
    let mut dwarf = GuestDwarf::default();
    let mut functions = Vec::new();
    for payload in parser.parse_all(wasm) {
        let payload = payload.map_err(features::refuse)?;
        if let ValidPayload::Func(function, body) =
            validator.payload(&payload).map_err(features::refuse)?
        {
            functions.push((function, body));
        }
        description.add(&payload)?;
        dwarf.add(&payload);
    }
    let (mut info, data) = description.finish();
    let bodies = bodies::validate(functions)?;
    let tables = tables::uses(&info, &bodies).map_err(features::refuse)?;
    info.growable_tables = tables::growable(&info, &tables);
    let closed_tables = tables.iter().map(|table| !table.shared && !table.foreign).collect();
    Ok(Validated { info, bodies, data, closed_tables, dwarf })
}

#[cfg(test)]
mod tests;
