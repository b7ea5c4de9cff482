//! What compiled code and the VM must agree on, as plain data.
//!
//! The compiler writes these descriptions and the VM reads them; neither room depends on the other.
//!
//! * [`types`]: value, reference, function and aggregate types of WebAssembly.
//! * [`module`]: the description of a module, without its code.
//! * [`dylink`]: what it says of how it is linked at run time.
//! * [`layout`]: where each field of an instance's context lies, computed on both sides by one function.
//! * [`gc`]: references, and what the objects of the garbage-collected heap look like.
//! * [`lines`]: from which operator each piece of code came.
//! * [`trap`]: why compiled code may stop, and the table of places where it can.
//! * [`stack_map`]: where references are in frames of compiled code.
//! * [`handler`]: the table of the places where exceptions land.
//! * [`builtin`]: the VM's functions that compiled code calls.
//! * [`host`]: how compiled code calls host functions and how the host enters compiled code.
//! * [`object`]: the sections of an object file and its version; [`tables`]: its tables; [`seal`]: its seal.
//!
//! # Not here
//!
//! Anything that only one side needs.
#![forbid(unsafe_code)]

pub mod builtin;
pub mod dylink;
pub mod gc;
pub mod handler;
pub mod host;
pub mod layout;
pub mod lines;
pub mod module;
mod notation;
pub mod object;
pub mod seal;
pub mod stack_map;
pub mod tables;
pub mod trap;
mod tripwires;
pub mod types;
mod words;
