//! Random modules on our VM and on an interpreter: see `faasm_fuzz::differential`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| faasm_fuzz::differential(data));
