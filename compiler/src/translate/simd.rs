//! Vector operators (WebAssembly specification, section 4.4.2 and the 0xFD prefix).

use wasmparser::Operator;

use super::FuncTranslator;
use crate::error::CompileError;

/// Translates any vector operator.
pub(super) fn translate(
    _f: &mut FuncTranslator<'_, '_>,
    op: &Operator<'_>,
) -> Result<(), CompileError> {
    Err(CompileError::Operator(format!("{op:?}")))
}
