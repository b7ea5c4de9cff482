//! Benchmarks against rival engines, in `benches/`; nothing depends on this package.
#![forbid(unsafe_code)]
