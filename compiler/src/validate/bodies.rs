//! Validation of function bodies, and what only they tell about the module.

use faasm_abi::module::{ExportItem, ModuleInfo};
use rayon::prelude::*;
use wasmparser::{
    FuncToValidate, FuncValidatorAllocations, FunctionBody, Operator, ValidatorResources,
};

use super::features::refuse;
use crate::error::ValidateError;

type Function<'a> = (FuncToValidate<ValidatorResources>, FunctionBody<'a>);

/// Below so many bytes of code, waking other threads costs more than it saves.
const PARALLEL_BYTES: usize = 64 << 10;

/// Validates all bodies and completes the description.
pub(super) fn validate<'a>(
    functions: Vec<Function<'a>>,
    info: &mut ModuleInfo,
) -> Result<Vec<FunctionBody<'a>>, ValidateError> {
    let bytes: usize = functions.iter().map(|(_, body)| body.as_bytes().len()).sum();
    let bodies = if bytes < PARALLEL_BYTES {
        let mut allocations = FuncValidatorAllocations::default();
        functions.into_iter().map(|function| validate_one(&mut allocations, function)).collect()
    } else {
        in_parallel(functions)
    };
    let bodies = bodies.map_err(refuse)?;
    info.growable_tables = growable_tables(info, &bodies).map_err(refuse)?;
    Ok(bodies)
}

fn in_parallel(functions: Vec<Function<'_>>) -> wasmparser::Result<Vec<FunctionBody<'_>>> {
    let results: Vec<_> = functions
        .into_par_iter()
        .map_init(FuncValidatorAllocations::default, validate_one)
        .collect();
    // The first error in the module's order, whichever thread found its own first.
    results.into_iter().collect()
}

fn validate_one<'a>(
    allocations: &mut FuncValidatorAllocations,
    (function, body): Function<'a>,
) -> wasmparser::Result<FunctionBody<'a>> {
    let mut validator = function.into_validator(std::mem::take(allocations));
    validator.validate(&body)?;
    *allocations = validator.into_allocations();
    Ok(body)
}

/// The tables that can change their length: those that others can reach, and those that code makes grow.
fn growable_tables(info: &ModuleInfo, bodies: &[FunctionBody<'_>]) -> wasmparser::Result<Vec<u32>> {
    let mut growable: Vec<bool> =
        (0..info.tables.len()).map(|table| table < info.imported.tables as usize).collect();
    for export in &info.exports {
        if let ExportItem::Table(table) = export.item {
            growable[table as usize] = true;
        }
    }
    let fixed = |table: usize| info.tables[table].limits.max == Some(info.tables[table].limits.min);
    if (0..growable.len()).any(|table| !growable[table] && !fixed(table)) {
        for body in bodies {
            mark_grown(&mut growable, body)?;
        }
    }
    let tables = (0..growable.len()).filter(|&table| growable[table] && !fixed(table));
    Ok(tables.filter_map(|table| u32::try_from(table).ok()).collect())
}

fn mark_grown(growable: &mut [bool], body: &FunctionBody<'_>) -> wasmparser::Result<()> {
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        if let Operator::TableGrow { table } = reader.read()? {
            growable[table as usize] = true;
        }
    }
    Ok(())
}
