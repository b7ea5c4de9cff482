//! WebAssembly in, native objects out: validation, translation to Cranelift's IR, code generation, ELF.
//!
//! [`validate`] checks a module and describes it; [`compile`] makes an object file of it, as `faasm_abi::object` lays
//! down.
//! What compiled code may rely on, and the conventions of its calls, are in `faasm_abi`.
//!
//! # Not here
//!
//! Memory mapping and execution: nothing that this crate makes runs in it.
#![forbid(unsafe_code)]

mod compile;
mod constant_table;
mod context_reads;
mod debug;
mod disassemble;
mod env;
mod error;
mod function;
mod fuse;
mod inspect;
mod isa;
mod limits;
mod listing;
mod object;
mod offsets;
mod options;
mod sink;
mod split;
mod stubs;
mod symbols;
mod tables;
mod text;
mod translate;
mod unwind;
mod validate;
mod widen;

pub use compile::compile;
pub use disassemble::{DisassembleError, Disassembly, Instruction, Operator, disassemble};
pub use error::{CompileError, ValidateError};
pub use inspect::{ObjectError, ObjectFile, Section, proposals, sections};
pub use limits::{FunctionId, Limit, LimitExceeded, Limits};
pub use listing::{Emit, Stubs, listing};
pub use options::{CompileOptions, Cpu, DebugInfo, OptLevel, RelaxedSimd, Target};
pub use validate::{Validated, check_custom_sections, validate, validate_with};
