//! Validation and compilation of arbitrary bytes and of random modules: see `faasm_fuzz::compile`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| faasm_fuzz::compile(data));
