//! What a module says of how it is linked at run time: the section `dylink.0` of the tool conventions
//! (WebAssembly/tool-conventions, *Dynamic Linking*).
//!
//! It is what the module's bytes say, and no more: whoever links by it checks each number where it is used.

use serde::{Deserialize, Serialize};

/// The section `dylink.0`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dylink {
    /// Bytes of memory that the module's data needs, from `env.__memory_base` on.
    pub memory_size: u32,
    /// To what that base is aligned, as a power of two.
    pub memory_align_log2: u32,
    /// Elements of the table that its functions need, from `env.__table_base` on.
    pub table_size: u32,
    /// To what that base is aligned, as a power of two.
    pub table_align_log2: u32,
    /// Libraries that must be loaded before it, by name.
    pub needed: Vec<String>,
    /// Exports that are not what their kinds say.
    pub exports: Vec<Symbol>,
    /// Imports that need not be there, or are not what their kinds say.
    pub imports: Vec<Symbol>,
}

/// A symbol with flags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbol {
    /// Module name of an import; empty for an export.
    pub module: String,
    /// Its name.
    pub name: String,
    /// Of [`WEAK`], [`THREAD_LOCAL`] and [`ABSOLUTE`], and others that mean nothing here.
    pub flags: u32,
}

/// An import that may stay undefined (`WASM_SYM_BINDING_WEAK`).
pub const WEAK: u32 = 0x01;
/// An exported address that counts from the thread's own data (`WASM_SYM_TLS`).
pub const THREAD_LOCAL: u32 = 0x100;
/// An exported address that counts from 0 (`WASM_SYM_ABSOLUTE`).
pub const ABSOLUTE: u32 = 0x200;
