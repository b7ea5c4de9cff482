//! The unwind tables, for debuggers and profilers.

use cranelift_codegen::isa::unwind::CfaUnwindInfo;
use gimli::constants::{DW_EH_PE_pcrel, DW_EH_PE_sdata4};
use gimli::write::{Address, EhFrame, EndianVec, FrameTable, RelocateWriter, Relocation};
use gimli::{DwEhPe, LittleEndian};

use crate::env::Env;
use crate::error::CompileError;

/// An `.eh_frame` section whose code addresses are to be filled in.
pub(crate) struct Unwind {
    pub(crate) bytes: Vec<u8>,
    /// Offset in the section of a 4-byte distance, and the offset in the text section of what it is the distance to.
    pub(crate) addresses: Vec<(u64, i64)>,
}

/// Writes the tables of all code.
pub(crate) fn write(
    env: &Env<'_>,
    tables: Vec<(u32, CfaUnwindInfo)>,
) -> Result<Unwind, CompileError> {
    let mut frames = FrameTable::default();
    if let Some(mut cie) = env.isa.create_systemv_cie() {
        cie.fde_address_encoding = DwEhPe(DW_EH_PE_pcrel.0 | DW_EH_PE_sdata4.0);
        let cie = frames.add_cie(cie);
        for (offset, info) in tables {
            let address = Address::Symbol { symbol: 0, addend: i64::from(offset) };
            frames.add_fde(cie, info.to_fde(address));
        }
    }
    let mut section = EhFrame(Section::default());
    frames
        .write_eh_frame(&mut section)
        .map_err(|error| CompileError::Object(format!("unwind tables: {error}")))?;
    Ok(Unwind { bytes: section.0.bytes.into_vec(), addresses: section.0.addresses })
}

struct Section {
    bytes: EndianVec<LittleEndian>,
    addresses: Vec<(u64, i64)>,
}

impl Default for Section {
    fn default() -> Self {
        Self { bytes: EndianVec::new(LittleEndian), addresses: Vec::new() }
    }
}

impl RelocateWriter for Section {
    type Writer = EndianVec<LittleEndian>;

    fn writer(&self) -> &Self::Writer {
        &self.bytes
    }

    fn writer_mut(&mut self) -> &mut Self::Writer {
        &mut self.bytes
    }

    fn relocate(&mut self, relocation: Relocation) {
        self.addresses.push((relocation.offset as u64, relocation.addend));
    }
}
