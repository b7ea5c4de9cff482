//! Which parts of WebAssembly are accepted, and how others are refused.

use wasmparser::WasmFeatures;

use crate::error::ValidateError;

/// What the translation knows.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::CUSTOM_PAGE_SIZES)
    .union(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::FUNCTION_REFERENCES)
    .union(WasmFeatures::GC)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::THREADS)
    .union(WasmFeatures::WIDE_ARITHMETIC);

/// The error for what wasmparser refuses: a part that is not supported yet has its own.
pub(crate) fn refuse(error: wasmparser::Error) -> ValidateError {
    match error.missing_wasm_feature() {
        Some(missing) => ValidateError::Unsupported { feature: name(missing), source: error },
        None => ValidateError::Invalid(error),
    }
}

/// The proposals' names, as their repositories are called.
fn name(features: WasmFeatures) -> String {
    let names: Vec<_> = features
        .iter_names()
        .map(|(name, _)| format!("the {} proposal", name.to_lowercase().replace('_', "-")))
        .collect();
    names.join(" and ")
}
