//! A function's machine code beside the operators that it came from.
//!
//! The decoders are `yaxpeax-x86` and `yaxpeax-arm`, in Rust: Cranelift's own listing wants a C library for the same.

mod decode;
mod operators;

use std::collections::{BTreeMap, HashSet};

use faasm_abi::trap::TrapCode;

use crate::error::ValidateError;
use crate::inspect::ObjectFile;

/// A function's machine code.
#[derive(Debug)]
pub struct Disassembly {
    /// The symbol of the function.
    pub symbol: String,
    /// Its instructions, in order.
    pub instructions: Vec<Instruction>,
}

/// A machine instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Byte offset in the text section.
    pub offset: u32,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// In Intel's or Arm's notation.
    pub text: String,
    /// Where it branches to or what it calls, as an offset in the text section.
    pub target: Option<u32>,
    /// The name of the code at the target, if it begins there.
    pub target_symbol: Option<String>,
    /// Whether another instruction of the function branches here.
    pub is_target: bool,
    /// Why it may trap.
    pub trap: Option<TrapCode>,
    /// The operator from which it and what follows came, at the first instruction of each.
    pub operator: Option<Operator>,
}

/// An operator of the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Byte offset in the module.
    pub offset: u32,
    /// In the text format; `None` when the module is not at hand.
    pub text: Option<String>,
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum DisassembleError {
    /// No such function, or it has no code here.
    #[error("function {0} is not one that the module defines")]
    Undefined(u32),
    /// The object has code for a machine that we know no notation of.
    #[error("no disassembler for {0}")]
    Target(String),
    /// The module is not the one that the object was made of.
    #[error("the module is not the one that the object was compiled from")]
    Module,
    /// The module cannot be read.
    #[error(transparent)]
    Validate(#[from] ValidateError),
    /// The module cannot be printed.
    #[error("the module cannot be printed: {0}")]
    Print(String),
}

/// Disassembles function `index`, and shows its operators if `wasm` is the module that the object was made of.
///
/// # Errors
///
/// [`DisassembleError`].
pub fn disassemble(
    object: &ObjectFile<'_>,
    index: u32,
    wasm: Option<&[u8]>,
) -> Result<Disassembly, DisassembleError> {
    let undefined = DisassembleError::Undefined(index);
    let position = index.checked_sub(object.info.module.imported.functions);
    let range = object.code(index);
    let (Some(position), Some(range)) = (position, range) else { return Err(undefined) };
    let (start, end) = (range.offset as usize, range.offset as usize + range.length as usize);
    let code = object.text.get(start..end).ok_or(undefined)?;
    let mut instructions = decode::decode(&object.info.target, code, range.offset)?;
    let texts = match wasm {
        Some(wasm) => operators::of_function(object, position, wasm)?,
        None => BTreeMap::new(),
    };
    let targets: HashSet<u32> =
        instructions.iter().filter_map(|instruction| instruction.target).collect();
    let mut lines = object.lines(position).into_iter().flatten().peekable();
    for instruction in &mut instructions {
        instruction.is_target = targets.contains(&instruction.offset);
        instruction.target_symbol =
            instruction.target.and_then(|target| object.symbol(target)).map(str::to_owned);
        instruction.trap = trap(object, instruction);
        let next = instruction.offset - range.offset + length(instruction);
        while let Some(line) = lines.next_if(|line| line.code < next) {
            let text = texts.get(&line.wasm).cloned();
            instruction.operator = Some(Operator { offset: line.wasm, text });
        }
    }
    let symbol = object.symbol(range.offset).unwrap_or("?").to_owned();
    Ok(Disassembly { symbol, instructions })
}

fn length(instruction: &Instruction) -> u32 {
    u32::try_from(instruction.bytes.len()).unwrap_or(u32::MAX)
}

/// The first trap site within an instruction.
fn trap(object: &ObjectFile<'_>, instruction: &Instruction) -> Option<TrapCode> {
    let first = object.traps.partition_point(|site| site.offset < instruction.offset);
    let site = object.traps.get(first)?;
    (site.offset < instruction.offset + length(instruction)).then_some(site.code)
}
