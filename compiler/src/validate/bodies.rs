//! Validation of function bodies, on all threads.

use rayon::prelude::*;
use wasmparser::{FuncToValidate, FuncValidatorAllocations, FunctionBody, ValidatorResources};

use super::features::refuse;
use crate::error::ValidateError;

type Function<'a> = (FuncToValidate<ValidatorResources>, FunctionBody<'a>);

/// Below so many bytes of code, waking other threads costs more than it saves.
const PARALLEL_BYTES: usize = 64 << 10;

/// Validates all bodies.
pub(super) fn validate<'a>(
    functions: Vec<Function<'a>>,
) -> Result<Vec<FunctionBody<'a>>, ValidateError> {
    let bytes: usize = functions.iter().map(|(_, body)| body.as_bytes().len()).sum();
    let bodies = if bytes < PARALLEL_BYTES {
        let mut allocations = FuncValidatorAllocations::default();
        functions.into_iter().map(|function| validate_one(&mut allocations, function)).collect()
    } else {
        in_parallel(functions)
    };
    bodies.map_err(refuse)
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
