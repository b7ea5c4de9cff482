//! Opening of objects that anyone may have written: see `faasm_fuzz::object_open`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| faasm_fuzz::object_open(data));
