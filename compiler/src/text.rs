//! The text section: all code in its place, with its calls resolved.

use std::iter;
use std::mem::replace;

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::UserExternalName;
use cranelift_codegen::isa::unwind::CfaUnwindInfo;
use cranelift_control::ControlPlane;
use faasm_abi::handler::HandlerSite;
use faasm_abi::lines::Line;
use faasm_abi::object::{CodeRange, TEXT_PAGE};
use faasm_abi::stack_map::StackMap;
use faasm_abi::trap::TrapSite;
use target_lexicon::Architecture;

use crate::constant_table::ROW_LOG2;
use crate::env::{Env, namespace};
use crate::error::CompileError;
use crate::function::Code;

/// Every function begins at a multiple of this. Its parts follow it as closely as they can: which of them are run, and
/// how often, is not known, but the fewer lines of the cache all of them are on, the better.
const ALIGNMENT: u32 = 16;

/// So does a constant table: a row is in one line of the cache.
const TABLE_ALIGNMENT: u32 = 64;

/// A direct call reaches 2 GiB.
const MAX_TEXT: u64 = (1 << 31) - 1;

/// The text section and what is known of each place in it.
#[derive(Default)]
pub(crate) struct Text {
    /// Whole pages.
    pub(crate) bytes: Vec<u8>,
    /// The pieces, in order.
    pub(crate) ranges: Vec<CodeRange>,
    pub(crate) traps: Vec<TrapSite>,
    pub(crate) stack_maps: Vec<StackMap>,
    pub(crate) handlers: Vec<HandlerSite>,
    /// The lines of each piece, with offsets from its start.
    pub(crate) lines: Vec<Vec<Line>>,
    /// Unwind tables, with the offset of the code that each is of.
    pub(crate) unwind: Vec<(u32, CfaUnwindInfo)>,
}

/// Places `codes` one after another; `label` says which of them a name stands for.
pub(crate) fn assemble(
    env: &Env<'_>,
    codes: Vec<Code>,
    label: impl Fn(&UserExternalName) -> Option<usize>,
) -> Result<Text, CompileError> {
    let tables = || env.constant_tables.iter().flatten();
    let n_pieces = pieces(&codes).count();
    if most_bytes(env, &codes) > MAX_TEXT {
        return Err(CompileError::TextTooLarge);
    }
    // Labels count pieces: a unit's is that of its first.
    let firsts: Vec<usize> = codes
        .iter()
        .scan(0, |next, code| Some(replace(next, *next + 1 + code.parts.len())))
        .collect();
    let place_of = |name: &UserExternalName, unit: usize| match name.namespace {
        namespace::PART => Some(firsts[unit] + 1 + name.index as usize),
        _ => label(name)
            .map(|at| firsts.get(at).copied().unwrap_or_else(|| at - codes.len() + n_pieces)),
    };
    let control = &mut ControlPlane::default();
    let mut builder = env.isa.text_section_builder(n_pieces + tables().count());
    let mut far = Vec::new();
    let mut text = Text::default();
    let mut labels: Vec<u32> = Vec::with_capacity(n_pieces);
    for (unit, code) in codes.iter().enumerate() {
        let mut range = CodeRange::default();
        let mut lines = Vec::new();
        for (nth, piece) in iter::once(code).chain(&code.parts).enumerate() {
            let alignment = if nth == 0 { ALIGNMENT } else { piece.alignment.min(ALIGNMENT) };
            let at = builder.append(true, &piece.bytes, alignment, control);
            let offset = offset_of(at)?;
            let length = offset_of(piece.bytes.len() as u64)?;
            if lines.is_empty() && range.length == 0 {
                range.offset = offset;
            }
            range.length = offset - range.offset + length;
            labels.push(offset);
            for call in &piece.calls {
                let target = place_of(&call.target, unit).ok_or_else(|| unresolved(call.kind))?;
                let place = at + u64::from(call.offset);
                if is_of_pages(call.kind) {
                    far.push((place, call.kind, target));
                } else if !builder.resolve_reloc(place, call.kind, call.addend, target) {
                    return Err(unresolved(call.kind));
                }
            }
            let from = offset - range.offset;
            lines.extend(piece.lines.iter().map(|line| Line { code: from + line.code, ..*line }));
            text.add_sites(piece, offset);
        }
        text.ranges.push(range);
        text.lines.push(lines);
    }
    for table in tables() {
        let size = (table.len() + 1) << ROW_LOG2;
        // Rows have distances from where they are: the place is known when they are there.
        let at = builder.append(true, &vec![0; size], TABLE_ALIGNMENT, control);
        let offset = offset_of(at)?;
        builder.write(at, &table.rows(env.info, &env.type_numbers, &text.ranges, offset));
        labels.push(offset);
    }
    let mut bytes = builder.finish(control);
    for (place, kind, target) in far {
        relocate_page(&mut bytes, place, kind, labels[target]).ok_or_else(|| unresolved(kind))?;
    }
    bytes.resize(bytes.len().next_multiple_of(TEXT_PAGE as usize), filler(env));
    text.bytes = bytes;
    Ok(text)
}

fn offset_of(at: u64) -> Result<u32, CompileError> {
    u32::try_from(at).map_err(|_| CompileError::TextTooLarge)
}

fn pieces(codes: &[Code]) -> impl Iterator<Item = &Code> {
    codes.iter().flat_map(|code| iter::once(code).chain(&code.parts))
}

/// How many bytes all code and tables have at most, wherever they are aligned.
fn most_bytes(env: &Env<'_>, codes: &[Code]) -> u64 {
    let code_bytes = pieces(codes).map(|code| code.bytes.len() as u64 + u64::from(ALIGNMENT));
    let tables = env.constant_tables.iter().flatten();
    let table_bytes = tables.map(|table| (table.len() as u64 + 1) << ROW_LOG2);
    code_bytes.chain(table_bytes).sum()
}

impl Text {
    /// Adds what is known of places in a piece of code that begins at `offset`.
    fn add_sites(&mut self, code: &Code, offset: u32) {
        let traps = code.traps.iter();
        self.traps.extend(traps.map(|site| TrapSite { offset: offset + site.offset, ..*site }));
        let maps = code.stack_maps.iter().cloned();
        self.stack_maps.extend(maps.map(|map| StackMap { offset: offset + map.offset, ..map }));
        self.handlers.extend(code.handlers.iter().map(|site| HandlerSite {
            ret: offset + site.ret,
            landing: offset + site.landing,
            ..*site
        }));
        self.unwind.extend(code.unwind.clone().map(|info| (offset, info)));
    }
}

/// Whether a relocation is of an address in two parts, its page and what is beyond: the text begins at a page, so both
/// are known from offsets.
fn is_of_pages(kind: Reloc) -> bool {
    matches!(kind, Reloc::Aarch64AdrPrelPgHi21 | Reloc::Aarch64AddAbsLo12Nc)
}

/// Puts a part of the address of `target` into the instruction at `place` (Arm Architecture Reference Manual, C6.2,
/// `ADRP` and `ADD (immediate)`).
fn relocate_page(text: &mut [u8], place: u64, kind: Reloc, target: u32) -> Option<()> {
    let at = usize::try_from(place).ok()?;
    let bytes: &mut [u8; 4] = text.get_mut(at..at + 4)?.try_into().ok()?;
    let instruction = u32::from_le_bytes(*bytes);
    let field = match kind {
        Reloc::Aarch64AdrPrelPgHi21 => {
            let pages = (target >> 12).wrapping_sub(u32::try_from(place >> 12).ok()?);
            (pages & 3) << 29 | (pages >> 2 & 0x7_ffff) << 5
        }
        _ => (target & 0xfff) << 10,
    };
    *bytes = (instruction | field).to_le_bytes();
    Some(())
}

/// What fills the last page: bytes that trap when they are run.
fn filler(env: &Env<'_>) -> u8 {
    match env.isa.triple().architecture {
        // `int3`.
        Architecture::X86_64 => 0xcc,
        // `udf #0`.
        _ => 0,
    }
}

fn unresolved(kind: Reloc) -> CompileError {
    CompileError::Object(format!("a relocation of kind {kind:?} cannot be resolved"))
}
