//! Reset of a slot in which a random module ran: see `faasm_fuzz::reset`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| faasm_fuzz::reset(data));
