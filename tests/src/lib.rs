//! The tests of the whole system are in `tests/it`, one binary; here is nothing.
#![forbid(unsafe_code)]
