//! Gives each vector load the lanes that its users want.
//!
//! A load comes as bytes, since what follows it is not known yet; if every user then casts it to the same lanes, the
//! cast moves into the load. Cranelift folds a load into the instruction that uses it, but not through a cast.

use std::collections::HashMap;

use cranelift_codegen::ir::types::I8X16;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Opcode, Type, Value};

/// How a loaded vector is used.
enum Uses {
    /// By these casts, all to the same lanes.
    Casts(Type, Vec<Inst>),
    /// Otherwise too.
    Mixed,
}

/// Changes loads of bytes that are only ever cast to lanes of one type into loads of that type.
pub(crate) fn retype_loads(func: &mut Function) {
    let uses = uses_of_loads(func);
    for (value, uses) in uses {
        if let (Some(load), Uses::Casts(ty, casts)) = (byte_load(func, value), uses) {
            retype(func, load, ty, &casts);
        }
    }
}

fn uses_of_loads(func: &Function) -> Vec<(Value, Uses)> {
    let mut positions: HashMap<Value, usize> = HashMap::new();
    let mut uses: Vec<(Value, Uses)> = Vec::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            for value in func.dfg.inst_values(inst) {
                let value = func.dfg.resolve_aliases(value);
                if byte_load(func, value).is_none() {
                    continue;
                }
                let cast = cast_to(func, inst);
                match positions.get(&value) {
                    Some(&at) => uses[at].1.add(inst, cast),
                    None => {
                        positions.insert(value, uses.len());
                        uses.push((value, Uses::first(inst, cast)));
                    }
                }
            }
        }
    }
    uses
}

impl Uses {
    fn first(inst: Inst, cast: Option<Type>) -> Self {
        cast.map_or(Self::Mixed, |ty| Self::Casts(ty, vec![inst]))
    }

    fn add(&mut self, inst: Inst, cast: Option<Type>) {
        match self {
            Self::Casts(ty, casts) if cast == Some(*ty) => casts.push(inst),
            _ => *self = Self::Mixed,
        }
    }
}

/// The load that defines `value`, if it is one of bytes.
fn byte_load(func: &Function, value: Value) -> Option<Inst> {
    if func.dfg.value_type(value) != I8X16 {
        return None;
    }
    let inst = func.dfg.value_def(value).inst()?;
    (func.dfg.insts[inst].opcode() == Opcode::Load).then_some(inst)
}

/// The lanes to which `inst` casts its operand, if it does.
fn cast_to(func: &Function, inst: Inst) -> Option<Type> {
    match func.dfg.insts[inst] {
        InstructionData::LoadNoOffset { opcode: Opcode::Bitcast, .. } => {
            Some(func.dfg.value_type(func.dfg.first_result(inst)))
        }
        _ => None,
    }
}

fn retype(func: &mut Function, load: Inst, ty: Type, casts: &[Inst]) {
    func.dfg.detach_inst_results(load);
    func.dfg.make_inst_results(load, ty);
    let loaded = func.dfg.first_result(load);
    for &cast in casts {
        let value = func.dfg.first_result(cast);
        func.layout.remove_inst(cast);
        func.dfg.detach_inst_results(cast);
        func.dfg.change_to_alias(value, loaded);
    }
}

#[cfg(test)]
mod tests {
    use cranelift_codegen::ir::types::{F32X4, I64};
    use cranelift_codegen::ir::{AbiParam, Endianness, InstBuilder, MemFlagsData};
    use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

    use super::*;

    /// A function that loads, casts twice to floats, and adds; with `stored`, it stores the bytes too.
    fn loading(stored: bool) -> Function {
        let mut func = Function::new();
        func.signature.params.push(AbiParam::new(I64));
        func.signature.returns.push(AbiParam::new(F32X4));
        let mut context = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut func, &mut context);
        let block = builder.create_block();
        builder.append_block_params_for_function_params(block);
        builder.switch_to_block(block);
        let address = builder.block_params(block)[0];
        let little = MemFlagsData::new().with_endianness(Endianness::Little);
        let bytes = builder.ins().load(I8X16, little, address, 0);
        let x = builder.ins().bitcast(F32X4, little, bytes);
        let y = builder.ins().bitcast(F32X4, little, bytes);
        if stored {
            builder.ins().store(little, bytes, address, 16);
        }
        let sum = builder.ins().fadd(x, y);
        builder.ins().return_(&[sum]);
        func
    }

    #[test]
    fn a_load_that_is_only_cast_loads_the_lanes() {
        let mut func = loading(false);
        retype_loads(&mut func);
        let text = func.display().to_string();
        assert!(text.contains("load.f32x4") && !text.contains("bitcast"), "{text}");
    }

    #[test]
    fn a_load_of_which_the_bytes_are_used_stays() {
        let mut func = loading(true);
        retype_loads(&mut func);
        let text = func.display().to_string();
        assert!(text.contains("load.i8x16") && text.contains("bitcast"), "{text}");
    }
}
