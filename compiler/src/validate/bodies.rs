//! Validation of function bodies, on all threads, and what each may ask for.

use rayon::prelude::*;
use wasmparser::{
    BinaryReader, BlockType, FrameKind, FuncToValidate, FuncValidator, FuncValidatorAllocations,
    FunctionBody, Operator, ValidatorResources, WasmModuleResources,
};

use super::features::refuse;
use crate::error::ValidateError;
use crate::limits::{Clock, Limit, LimitExceeded, Limits};

type Function<'a> = (FuncToValidate<ValidatorResources>, FunctionBody<'a>);

/// Below so many bytes of code, waking other threads costs more than it saves.
const PARALLEL_BYTES: usize = 64 << 10;

/// Operators between two looks at the clock.
const OPERATORS_PER_LOOK: u64 = 4096;

/// The first byte of `br_table` (specification, section 5.4.1 *Control Instructions*).
const BR_TABLE: u8 = 0x0e;

/// What bodies may ask for, and what they are called.
#[derive(Clone, Copy)]
pub(super) struct Bounds<'m> {
    /// Of functions: index and name, ascending.
    pub(super) names: &'m [(u32, &'m str)],
    pub(super) limits: &'m Limits,
    pub(super) clock: Clock,
}

/// Why a body is refused.
enum Refusal {
    Invalid(wasmparser::Error),
    Limit(LimitExceeded),
}

impl From<wasmparser::Error> for Refusal {
    fn from(error: wasmparser::Error) -> Self {
        Self::Invalid(error)
    }
}

impl From<LimitExceeded> for Refusal {
    fn from(error: LimitExceeded) -> Self {
        Self::Limit(error)
    }
}

impl Bounds<'_> {
    /// Validates all bodies.
    pub(super) fn validate<'a>(
        self,
        functions: Vec<Function<'a>>,
    ) -> Result<Vec<FunctionBody<'a>>, ValidateError> {
        let bytes: usize = functions.iter().map(|(_, body)| body.as_bytes().len()).sum();
        if bytes < PARALLEL_BYTES {
            let mut allocations = FuncValidatorAllocations::default();
            let one = |function| self.validate_one(&mut allocations, function);
            functions.into_iter().map(one).collect()
        } else {
            let results: Vec<_> = functions
                .into_par_iter()
                .map_init(FuncValidatorAllocations::default, |a, f| self.validate_one(a, f))
                .collect();
            // The first error in the module's order, whichever thread found its own first.
            results.into_iter().collect()
        }
    }

    fn validate_one<'a>(
        self,
        allocations: &mut FuncValidatorAllocations,
        (function, body): Function<'a>,
    ) -> Result<FunctionBody<'a>, ValidateError> {
        let index = function.index;
        let mut validator = function.into_validator(std::mem::take(allocations));
        self.validate_body(&mut validator, &body).map_err(|refusal| match refusal {
            Refusal::Invalid(error) => refuse(error),
            Refusal::Limit(error) => error.in_function(self.names, index).into(),
        })?;
        *allocations = validator.into_allocations();
        Ok(body)
    }

    /// As [`FuncValidator::validate`], looking at the limits on the way.
    fn validate_body(
        self,
        validator: &mut FuncValidator<ValidatorResources>,
        body: &FunctionBody<'_>,
    ) -> Result<(), Refusal> {
        let Self { limits, clock, .. } = self;
        limits.check(Limit::FunctionBytes, body.as_bytes().len() as u64)?;
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader)?;
        limits.check(Limit::Locals, validator.len_locals().into())?;
        reader.set_features(*validator.features());
        let (mut n_operators, mut n_branch_values) = (0, 0);
        while !reader.eof() {
            if n_operators % OPERATORS_PER_LOOK == 0 {
                clock.check(limits)?;
            }
            n_operators += 1;
            // The validator does this much work for the operator: it must be known before.
            if body.as_bytes().get(position(body, &reader)) == Some(&BR_TABLE) {
                n_branch_values += branch_values(validator, &reader)?;
                limits.check(Limit::BranchValues, n_branch_values)?;
            }
            reader.visit_operator(&mut validator.visitor(reader.original_position()))??;
            limits.check(Limit::Nesting, validator.control_stack_height().into())?;
        }
        limits.check(Limit::Operators, n_operators)?;
        Ok(reader.finish_expression(&validator.visitor(reader.original_position()))?)
    }
}

/// Where the reader is in the body.
fn position(body: &FunctionBody<'_>, reader: &BinaryReader<'_>) -> usize {
    usize::try_from(reader.original_position() - body.range().start).unwrap_or(usize::MAX)
}

/// How many values the entries of the `br_table` at the reader's position pass on, all together.
fn branch_values(
    validator: &mut FuncValidator<ValidatorResources>,
    reader: &BinaryReader<'_>,
) -> wasmparser::Result<u64> {
    let at = reader.original_position();
    let Operator::BrTable { targets } = reader.peek_operator(&validator.visitor(at))? else {
        return Ok(0);
    };
    let mut values = 0;
    for depth in targets.targets().chain([Ok(targets.default())]) {
        values += 1 + arity(validator, depth?);
    }
    Ok(values)
}

/// How many values a branch to the block at `depth` passes on; 0 for one that is not there, which validation refuses.
fn arity(validator: &FuncValidator<ValidatorResources>, depth: u32) -> u64 {
    let Some(frame) = validator.get_control_frame(depth as usize) else { return 0 };
    let BlockType::FuncType(ty) = frame.block_type else {
        return (frame.block_type != BlockType::Empty).into();
    };
    let Some(ty) = validator.resources().sub_type_at(ty) else { return 0 };
    let ty = ty.unwrap_func();
    let list = if frame.kind == FrameKind::Loop { ty.params() } else { ty.results() };
    list.len() as u64
}
