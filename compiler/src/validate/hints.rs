//! Branch hints: which way a branch likely goes (branch hinting proposal, section `metadata.code.branch_hint`), and the
//! check of what is in custom sections.
//!
//! A hint that is wrong is no reason to refuse a module: it is ignored, and only [`check_custom_sections`] tells.

use wasmparser::{
    BranchHintSectionReader, CustomSectionValidator, FunctionBody, Parser, ValidPayload, Validator,
};

use super::features::{self, refuse};
use crate::error::ValidateError;

/// Which way a branch likely goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hint {
    /// Of the operator, in the module's bytes.
    pub(crate) position: u64,
    /// Whether its condition is likely true.
    pub(crate) likely: bool,
}

/// The hints of a section, before the functions' places are known: function index, offset in its body, hint.
#[derive(Debug, Default)]
pub(super) struct Section(Vec<(u32, u32, bool)>);

impl Section {
    /// The hints of `section`; none if it is malformed.
    pub(super) fn read(section: BranchHintSectionReader<'_>) -> Self {
        Self(read(section).unwrap_or_default())
    }

    /// The hints by position, ascending; those of nothing are left out.
    pub(super) fn place(self, imported: u32, bodies: &[FunctionBody<'_>]) -> Vec<Hint> {
        let place = |(function, offset, likely): (u32, u32, bool)| {
            let body = bodies.get(function.checked_sub(imported)? as usize)?.range();
            let position = body.start.checked_add(offset.into())?;
            (position < body.end).then_some(Hint { position, likely })
        };
        let mut hints: Vec<Hint> = self.0.into_iter().filter_map(place).collect();
        hints.sort_by_key(|hint| hint.position);
        hints
    }
}

fn read(section: BranchHintSectionReader<'_>) -> wasmparser::Result<Vec<(u32, u32, bool)>> {
    let mut hints = Vec::new();
    for function in section {
        let function = function?;
        for hint in function.hints {
            let hint = hint?;
            hints.push((function.func, hint.func_offset, hint.taken));
        }
    }
    Ok(hints)
}

/// Checks the sections of names and of branch hints, which [`super::validate`] takes as far as they are good.
///
/// # Errors
///
/// [`ValidateError`] when one of them, or the module itself, is not valid.
pub fn check_custom_sections(wasm: &[u8]) -> Result<(), ValidateError> {
    let mut validator = Validator::new_with_features(features::FEATURES);
    let mut parser = Parser::new(0);
    parser.set_features(features::FEATURES);
    let mut sections = CustomSectionValidator::new();
    let mut bodies = Vec::new();
    for payload in parser.parse_all(wasm) {
        let payload = payload.map_err(refuse)?;
        if let ValidPayload::Func(function, body) = validator.payload(&payload).map_err(refuse)? {
            bodies.push((function.index, body));
        }
        sections.payload(&payload, &validator).map_err(refuse)?;
    }
    for (function, body) in bodies {
        sections.code_section_entry(0, function, &body).map_err(refuse)?;
    }
    Ok(())
}
