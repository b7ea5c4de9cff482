//! The module's DWARF, carried over to its machine code: line tables, functions and what was inlined into them.
//!
//! ```text
//! custom sections ─guest→ units, by module offset ─(table of lines)→ native units, by code offset ─native→ sections
//! ```
//!
//! Debuggers and profilers read the result as they read any other ELF file's, and so do our own backtraces.
//! Variables and types are not carried over: a guest's variable is no place in this machine's registers or stack.
//!
//! # Invariants
//!
//! * Who made the module made its DWARF too, so it may say anything. Reading it costs time and memory in proportion to
//!   its size and the code's ([`budget`]): what costs more is dropped, and so is what makes no sense.
//! * What is dropped is said in a note, and is never a reason to refuse a module.

mod budget;
mod entries;
mod guest;
mod lines;
mod map;
mod native;
mod strings;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Range;

use faasm_abi::lines::Line;
use faasm_abi::object::CodeRange;
use wasmparser::Payload;

use crate::env::Env;
pub(crate) use native::NativeSection;

/// The DWARF sections of a module and where its code section is, which their addresses count from
/// (WebAssembly tool conventions, *DWARF for WebAssembly*).
#[derive(Debug, Default)]
pub(crate) struct GuestDwarf<'a> {
    sections: HashMap<&'a str, &'a [u8]>,
    /// Where the contents of the code section are in the module.
    code: Range<u64>,
}

impl<'a> GuestDwarf<'a> {
    /// Notes what the payload says about debugging.
    pub(crate) fn add(&mut self, payload: &Payload<'a>) {
        match payload {
            Payload::CodeSectionStart { unchecked_range, .. } => {
                self.code = unchecked_range.clone();
            }
            Payload::CustomSection(custom) if custom.name().starts_with(".debug_") => {
                self.sections.entry(custom.name()).or_insert(custom.data());
            }
            _ => {}
        }
    }

    fn section(&self, name: &str) -> &'a [u8] {
        self.sections.get(name).copied().unwrap_or_default()
    }

    /// The bytes of all sections.
    fn len(&self) -> u64 {
        self.sections.values().map(|section| section.len() as u64).sum()
    }
}

/// A function as the code generator left it.
#[derive(Clone, Copy)]
pub(crate) struct Function<'a> {
    /// Where its code is.
    pub(crate) range: CodeRange,
    /// From which operators it came.
    pub(crate) lines: &'a [Line],
}

/// Native DWARF and what could not be carried over.
#[derive(Default)]
pub(crate) struct Translated {
    pub(crate) sections: Vec<NativeSection>,
    /// One line each.
    pub(crate) notes: Vec<String>,
}

/// Carries a module's DWARF over to the code of its defined functions.
pub(crate) fn translate(
    env: &Env<'_>,
    dwarf: &GuestDwarf<'_>,
    functions: &[Function<'_>],
) -> Translated {
    if dwarf.section(".debug_info").is_empty() || dwarf.section(".debug_line").is_empty() {
        return Translated::default();
    }
    // The limits above leave nothing that is known to panic; if the reader does, the module still compiles.
    let translated = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        native::write(env, dwarf, functions)
    }));
    translated.unwrap_or_else(|_| Translated {
        sections: Vec::new(),
        notes: vec!["debugging information dropped: reading it failed inside".to_owned()],
    })
}
