//! The object file: an ELF file of the target, its sections and its description. `docs/object-format.md` has every
//! byte.
//!
//! # Layout
//!
//! ```text
//! ELF64:  .text  .eh_frame  .faasm.info  .faasm.functions  .faasm.stubs  .faasm.entries  .faasm.names
//!         .faasm.segments  .faasm.data  .faasm.traps  .faasm.stackmaps  .faasm.handlers  .rela.eh_frame
//!         .symtab  .strtab  .shstrtab
//!         for debugging, each only if there is something to say:
//!         .faasm.lines  .faasm.notes  .debug_abbrev  .debug_info  .debug_line  .debug_line_str
//!         .debug_rnglists  .debug_str
//! seal:   see [`crate::seal`]
//! ```
//!
//! [`.faasm.lines`](crate::lines) says from which operator of the module code came.
//! The `.debug_` sections are DWARF 5 (little-endian, 32-bit offsets, 8-byte addresses) of the guest's functions, inlined
//! functions and source lines; addresses in them are offsets in `.text`, and a relocation against it says where each is.
//!
//! `.text` needs no relocation: it may lie at any address that is a multiple of a page.
//!
//! # Invariants
//!
//! * What grows with the code is in tables that are read where they lie ([`crate::tables`], [`crate::trap`],
//!   [`crate::stack_map`]), so that
//!   loading takes the same time however much code there is.
//! * The text is whole pages of the file, filled up with instructions that trap: what is mapped executable is code.

use serde::{Deserialize, Serialize};

use crate::module::ModuleInfo;
pub use crate::seal::{Digest, SEAL_BYTES, SealError, SealKey};

/// Version of the format; an object of another version is refused.
pub const FORMAT: u32 = 4;

/// Section of the description: [`FORMAT`] as a `u32`, then [`ObjectInfo`] in postcard's encoding.
pub const INFO_SECTION: &str = ".faasm.info";
/// Section of the functions (see [`crate::tables::FunctionRow`]).
pub const FUNCTIONS_SECTION: &str = ".faasm.functions";
/// Section of the host stubs (see [`crate::tables::StubsRow`]).
pub const STUBS_SECTION: &str = ".faasm.stubs";
/// Section of the entries (see [`crate::tables::EntryRow`]).
pub const ENTRIES_SECTION: &str = ".faasm.entries";
/// Section of the functions' names (see [`crate::tables::name_at`]).
pub const NAMES_SECTION: &str = ".faasm.names";
/// Section of the data segments (see [`crate::tables::SegmentRow`]).
pub const SEGMENTS_SECTION: &str = ".faasm.segments";
/// Section of the bytes of all data segments.
pub const DATA_SECTION: &str = ".faasm.data";
/// Section of the trap sites (see [`crate::trap::TrapTable`]).
pub const TRAPS_SECTION: &str = ".faasm.traps";
/// Section of the stack maps (see [`crate::stack_map`]).
pub const STACK_MAPS_SECTION: &str = ".faasm.stackmaps";
/// Section of the calls that have landing pads (see [`crate::handler::encode_handlers`]).
pub const HANDLERS_SECTION: &str = ".faasm.handlers";
/// Section of remarks for people, UTF-8, one a line; only where there are any: what debugging information was dropped.
pub const NOTES_SECTION: &str = ".faasm.notes";
/// Section of the machine code.
pub const TEXT_SECTION: &str = ".text";

/// The text begins and ends at multiples of this in the file, because it is mapped from there.
pub const TEXT_PAGE: u32 = 4096;

/// Sections begin at multiples of this in the file.
pub const SECTION_ALIGNMENT: u32 = 16;

/// What an object says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectInfo {
    /// Target triple.
    pub target: String,
    /// Processor features that the code uses, by the names of `std::is_x86_feature_detected`
    /// (or its like for the target).
    pub features: Vec<String>,
    /// Name and version of the compiler.
    pub compiler: String,
    /// The module.
    pub module: ModuleInfo,
}

/// A description section cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InfoError {
    /// Another version of the format.
    #[error("the object has format {found}, this version reads format {FORMAT}: compile it again")]
    Format {
        /// In the file.
        found: u32,
    },
    /// It is no description.
    #[error("the description cannot be decoded")]
    Damaged,
}

impl ObjectInfo {
    /// The contents of the description section.
    ///
    /// # Errors
    ///
    /// [`InfoError::Damaged`] when it cannot be encoded, which is not known to happen.
    pub fn encode(&self) -> Result<Vec<u8>, InfoError> {
        postcard::to_extend(self, FORMAT.to_le_bytes().to_vec()).map_err(|_| InfoError::Damaged)
    }

    /// Reads a description section.
    ///
    /// # Errors
    ///
    /// [`InfoError`]; the version is looked at first.
    pub fn decode(section: &[u8]) -> Result<Self, InfoError> {
        let (format, rest) = section.split_first_chunk::<4>().ok_or(InfoError::Damaged)?;
        match u32::from_le_bytes(*format) {
            FORMAT => postcard::from_bytes(rest).map_err(|_| InfoError::Damaged),
            found => Err(InfoError::Format { found }),
        }
    }
}

/// A piece of the text section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodeRange {
    /// Offset of the first byte.
    pub offset: u32,
    /// Length in bytes.
    pub length: u32,
}

impl CodeRange {
    /// Whether there is code, all of it in a text of `text` bytes.
    #[must_use]
    pub const fn is_inside(self, text: usize) -> bool {
        self.length > 0 && self.offset as u64 + self.length as u64 <= text as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_told_apart_from_damage() {
        let info = ObjectInfo {
            target: "t".into(),
            features: vec!["f".into()],
            compiler: "c".into(),
            module: ModuleInfo::default(),
        };
        let mut section = info.encode().unwrap();
        assert_eq!(ObjectInfo::decode(&section).as_ref(), Ok(&info));
        assert_eq!(ObjectInfo::decode(&section[..section.len() - 1]), Err(InfoError::Damaged));
        assert_eq!(ObjectInfo::decode(&[2]), Err(InfoError::Damaged));
        section[0] = 9;
        assert_eq!(ObjectInfo::decode(&section), Err(InfoError::Format { found: 9 }));
    }

    #[test]
    fn code_is_inside_or_not() {
        let inside = |offset, length| CodeRange { offset, length }.is_inside(64);
        assert!(inside(0, 64) && inside(63, 1));
        assert!(!inside(0, 65) && !inside(64, 1) && !inside(u32::MAX, u32::MAX) && !inside(0, 0));
    }
}
