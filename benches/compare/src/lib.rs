//! Benchmarks against rival engines, in `benches/`; nothing depends on this package.
#![forbid(unsafe_code)]

/// The rival engine, as the results name it.
pub const RIVAL: &str = "wasmtime 48";
