//! The text section: all code in its place, with its calls resolved.

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

use crate::env::Env;
use crate::error::CompileError;
use crate::function::Code;

/// Every piece of code begins at a multiple of this.
const ALIGNMENT: u32 = 16;

/// A direct call reaches 2 GiB.
const MAX_TEXT: u64 = (1 << 31) - 1;

/// The text section and what is known of each place in it.
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
    let total: u64 = codes.iter().map(|code| code.bytes.len() as u64 + u64::from(ALIGNMENT)).sum();
    if total > MAX_TEXT {
        return Err(CompileError::TextTooLarge);
    }
    let control = &mut ControlPlane::default();
    let mut builder = env.isa.text_section_builder(codes.len());
    let (mut ranges, mut traps, mut unwind) = (Vec::new(), Vec::new(), Vec::new());
    let mut stack_maps = Vec::new();
    let mut handlers = Vec::new();
    let mut lines = Vec::with_capacity(codes.len());
    for code in codes {
        let at = builder.append(true, &code.bytes, ALIGNMENT, control);
        let offset = u32::try_from(at).map_err(|_| CompileError::TextTooLarge)?;
        let length = u32::try_from(code.bytes.len()).map_err(|_| CompileError::TextTooLarge)?;
        ranges.push(CodeRange { offset, length });
        for call in &code.calls {
            let target = label(&call.target).ok_or_else(|| unresolved(call.kind))?;
            if !builder.resolve_reloc(at + u64::from(call.offset), call.kind, call.addend, target) {
                return Err(unresolved(call.kind));
            }
        }
        traps.extend(
            code.traps.iter().map(|site| TrapSite { offset: offset + site.offset, ..*site }),
        );
        let placed = |map: StackMap| StackMap { offset: offset + map.offset, ..map };
        stack_maps.extend(code.stack_maps.into_iter().map(placed));
        handlers.extend(code.handlers.iter().map(|site| HandlerSite {
            ret: offset + site.ret,
            landing: offset + site.landing,
            ..*site
        }));
        lines.push(code.lines);
        unwind.extend(code.unwind.map(|info| (offset, info)));
    }
    let mut bytes = builder.finish(control);
    bytes.resize(bytes.len().next_multiple_of(TEXT_PAGE as usize), filler(env));
    Ok(Text { bytes, ranges, traps, stack_maps, handlers, lines, unwind })
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
