//! The WebAssembly specification's suite, run on the compiler and the VM.
//!
//! * [`suite`]: where the scripts come from.
//! * [`script`]: runs one script and tallies its directives.
//! * [`cross`]: compiles one script's modules for another machine.
#![forbid(unsafe_code)]

pub mod cross;
pub mod script;
mod session;
mod spectest;
pub mod suite;
mod threads;
mod values;
