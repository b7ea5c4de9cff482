//! Opening and restoring of snapshots that anyone may have written: see `faasm_fuzz::snapshot_open`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| faasm_fuzz::snapshot_open(data));
