//! Calls (WebAssembly specification, section 4.4.8 *Control Instructions*, and 4.4.10 *Function Calls*).
//!
//! # Protocol
//!
//! A call of an own function is a direct one: the context pointer stays in its register.
//! A *foreign* call, of an import or through a reference:
//! 1. finds the code and the callee's context;
//! 2. sets the context register to the callee's;
//! 3. calls; the callee leaves in the register what it found there;
//! 4. sets the register to the caller's context, which is kept in a value over this call only.
//!
//! A call through a *closed* table, which holds functions of the same instance only, needs neither 2 nor 4.
//!
//! A foreign tail call is a real one if the callee's context turns out to be the caller's own, as for all functions of
//! the same instance and for the host's; otherwise somebody must restore the context after it, so it is an ordinary
//! call followed by a return and takes stack.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    ExtFuncData, ExternalName, FuncRef, GlobalValueData, InstBuilder, InstructionData,
    MemFlagsData, Opcode, SigRef, Signature, UserExternalName, Value, types,
};
use faasm_abi::builtin::Builtin;
use faasm_abi::layout::{funcref, header, imported_function};
use faasm_abi::trap::TrapCode;

use super::exception::Callee;
use super::table::Element;
use super::{FuncTranslator, user_trap};
use crate::constant_table::{self, ConstantTable};
use crate::env::{Env, namespace};

/// Code, and the context with which to call it.
struct Foreign {
    code: Value,
    context: Value,
}

/// What is known of a number: it is the sum of a masked one and a constant. The sum may wrap.
#[derive(Clone, Copy)]
struct Range {
    masked: Value,
    mask: u64,
    first: u64,
}

impl Range {
    /// The greatest that it can be if the sum does not wrap.
    fn last(self) -> u64 {
        self.mask.saturating_add(self.first)
    }
}

/// What a table holds.
enum Callable {
    /// Code of this instance.
    Own(Value),
    /// Code of any instance.
    Foreign(Foreign),
}

/// `call`.
pub(super) fn call(f: &mut FuncTranslator<'_, '_>, function: u32) {
    let ty = f.env.info.functions[function as usize];
    let Some(callee) = f.own_function(function) else {
        let foreign = f.imported_function(function);
        return f.foreign_call(ty, &foreign);
    };
    f.call_on_stack(ty, Callee::Direct(callee));
    f.forget_context();
}

/// `return_call`.
pub(super) fn return_call(f: &mut FuncTranslator<'_, '_>, function: u32) {
    let ty = f.env.info.functions[function as usize];
    let Some(callee) = f.own_function(function) else {
        let foreign = f.imported_function(function);
        return f.foreign_return_call(ty, &foreign);
    };
    let args = f.pass_args(ty);
    f.builder.ins().return_call(callee, &f.stack[args..]);
    f.reachable = false;
}

/// `call_indirect`.
pub(super) fn call_indirect(f: &mut FuncTranslator<'_, '_>, ty: u32, table: u32) {
    let code = match f.indirect_callee(ty, table) {
        Callable::Own(code) => code,
        Callable::Foreign(foreign) => return f.foreign_call(ty, &foreign),
    };
    let signature = f.signature_ref(ty);
    f.call_on_stack(ty, Callee::Indirect(signature, code));
    f.forget_context();
}

/// `return_call_indirect`.
pub(super) fn return_call_indirect(f: &mut FuncTranslator<'_, '_>, ty: u32, table: u32) {
    let code = match f.indirect_callee(ty, table) {
        Callable::Own(code) => code,
        Callable::Foreign(foreign) => return f.foreign_return_call(ty, &foreign),
    };
    let signature = f.signature_ref(ty);
    let args = f.pass_args(ty);
    f.builder.ins().return_call_indirect(signature, code, &f.stack[args..]);
    f.reachable = false;
}

/// `call_ref`.
pub(super) fn call_ref(f: &mut FuncTranslator<'_, '_>, ty: u32) {
    let foreign = f.referenced_function();
    f.foreign_call(ty, &foreign);
}

/// `return_call_ref`.
pub(super) fn return_call_ref(f: &mut FuncTranslator<'_, '_>, ty: u32) {
    let foreign = f.referenced_function();
    f.foreign_return_call(ty, &foreign);
}

impl FuncTranslator<'_, '_> {
    /// A reference to code of this object.
    pub(super) fn function_ref(
        &mut self,
        name: (u32, u32),
        signature: impl FnOnce(&Env<'_>) -> Signature,
    ) -> FuncRef {
        if let Some(&function) = self.functions.get(&name) {
            return function;
        }
        let (namespace, index) = name;
        let signature = self.builder.import_signature(signature(self.env));
        let user =
            self.builder.func.declare_imported_user_function(UserExternalName { namespace, index });
        let function = self.builder.import_function(ExtFuncData {
            name: ExternalName::user(user),
            signature,
            colocated: true,
            patchable: false,
        });
        self.functions.insert(name, function);
        function
    }

    fn own_function(&mut self, function: u32) -> Option<FuncRef> {
        let info = self.env.info;
        if function < info.imported.functions {
            return None;
        }
        let ty = info.functions[function as usize] as usize;
        Some(self.function_ref((namespace::FUNCTION, function), |env| env.signatures[ty].clone()))
    }

    fn signature_ref(&mut self, ty: u32) -> SigRef {
        if let Some(&signature) = self.signatures.get(&ty) {
            return signature;
        }
        let signature = self.env.signatures[ty as usize].clone();
        let signature = self.builder.import_signature(signature);
        self.signatures.insert(ty, signature);
        signature
    }

    fn imported_function(&mut self, function: u32) -> Foreign {
        let entry = self.env.layout.imported_functions[function as usize];
        Foreign {
            code: self.fixed_field(types::I64, entry + imported_function::CODE),
            context: self.place_at(entry + imported_function::CONTEXT),
        }
    }

    /// Pops an index and yields the function there; traps unless it is one of type `ty`.
    fn indirect_callee(&mut self, ty: u32, table: u32) -> Callable {
        let index = table as usize;
        if let Some(constant) = self.env.constant_tables[index]
            && let Some(number) = self.env.type_numbers[ty as usize]
        {
            return Callable::Own(self.constant_callee(constant, number, table));
        }
        let descriptor = self.table_function(ty, table);
        if self.env.closed_tables[index] {
            return Callable::Own(self.code_of(descriptor));
        }
        Callable::Foreign(self.resolve(descriptor))
    }

    /// The same by the table's copy in the text, whose functions' types have numbers.
    fn constant_callee(&mut self, constant: &ConstantTable, number: u32, table: u32) -> Value {
        let index = self.pop();
        let range = self.range(index);
        let rows = u64::try_from(constant.len()).unwrap_or(u64::MAX);
        // Where the copy ends with the table, the row of null is only that of what is beyond.
        let ends_together = self.fixed_length(table) == Some(rows);
        let (number_of_row, first) = if range.last() < rows {
            // All rows are there, so a sum does not wrap: its constant goes into the loads.
            (self.extend_index(range.masked), range.first)
        } else {
            let index = self.extend_index(index);
            let rows = self.builder.ins().iconst(types::I64, rows.cast_signed());
            let beyond = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, rows);
            (self.builder.ins().select_spectre_guard(beyond, rows, index), 0)
        };
        let copy = self.constant_copy(table);
        let distance = self.builder.ins().ishl_imm_u(number_of_row, constant_table::ROW_LOG2);
        let row = self.builder.ins().iadd(copy, distance);
        let offset = first << constant_table::ROW_LOG2;
        let (row, offset) = self.split_offset(row, offset);
        let flags = MemFlagsData::trusted().with_readonly();
        let (first, last) = (range.first, range.last());
        if !constant.are_all((first, last), number, self.env.info, &self.env.type_numbers) {
            let at = offset + constant_table::TYPE;
            let actual = self.builder.ins().load(types::I32, flags, row, at);
            let fits = self.builder.ins().icmp_imm_u(IntCC::Equal, actual, i64::from(number));
            self.trap_unless(fits, |f| {
                let index = if ends_together { number_of_row } else { f.extend_index(index) };
                let length = f.table_length(table);
                let beyond = f.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
                f.builder.ins().trapnz(beyond, user_trap(TrapCode::UndefinedElement));
                let distance = f.builder.ins().load(types::I32, flags, row, offset);
                f.builder.ins().trapz(distance, user_trap(TrapCode::UninitializedElement));
                None
            });
        }
        let distance = self.builder.ins().sload32(flags, row, offset);
        self.builder.ins().iadd(copy, distance)
    }

    /// What is known of an operand's number, as far as it is seen where it is computed.
    fn range(&self, operand: Value) -> Range {
        let dfg = &self.builder.func.dfg;
        let unknown = Range { masked: operand, mask: u64::MAX, first: 0 };
        let masked = |value| {
            let inst = dfg.value_def(value).inst()?;
            let InstructionData::Binary { opcode: Opcode::Band, args } = dfg.insts[inst] else {
                return None;
            };
            args.iter().filter_map(|&arg| self.constant(arg)).min()
        };
        if let Some(mask) = masked(operand) {
            return Range { mask, ..unknown };
        }
        let sum = dfg.value_def(operand).inst().and_then(|inst| match dfg.insts[inst] {
            InstructionData::Binary { opcode: Opcode::Iadd, args: [one, other] } => {
                let sides = [(one, other), (other, one)].into_iter();
                let mut sides = sides.filter_map(|(a, b)| Some((a, masked(a)?, self.constant(b)?)));
                sides.next()
            }
            _ => None,
        });
        sum.map_or(unknown, |(masked, mask, first)| Range { masked, mask, first })
    }

    /// The address of a constant table's copy.
    fn constant_copy(&mut self, table: u32) -> Value {
        let func = &mut self.builder.func;
        let copy = *self.constant_copies.entry(table).or_insert_with(|| {
            let name = UserExternalName { namespace: namespace::TABLE, index: table };
            let name = ExternalName::user(func.declare_imported_user_function(name));
            let (offset, colocated, tls) = (0.into(), true, false);
            func.create_global_value(GlobalValueData::Symbol { name, offset, colocated, tls })
        });
        self.builder.ins().symbol_value(types::I64, copy)
    }

    /// Pops an index and yields the descriptor of the function there; traps unless it is one of type `ty`.
    fn table_function(&mut self, ty: u32, table: u32) -> Value {
        let index = self.pop();
        let element = self.element(table, index);
        let flags = self.element_flags();
        let reference = self.builder.ins().load(types::I32, flags, element.address, 0);
        let descriptor = self.descriptor(reference);
        let of_descriptor = MemFlagsData::trusted().with_readonly();
        let actual = self.builder.ins().load(types::I32, of_descriptor, descriptor, funcref::TYPE);
        let expected = self.canonical_type(ty);
        let fits = self.builder.ins().icmp(IntCC::Equal, actual, expected);
        self.trap_unless_callable(fits, &element, reference, |f| f.is_subtype(ty, actual));
        descriptor
    }

    /// Pops a function reference, whose type validation has checked; traps if it is null.
    fn referenced_function(&mut self) -> Foreign {
        let reference = self.pop();
        self.builder.ins().trapz(reference, user_trap(TrapCode::NullFunction));
        let descriptor = self.descriptor(reference);
        self.resolve(descriptor)
    }

    /// Whether the type with the store's number `actual`, which is not `ty` itself, is a subtype of `ty`; `None` if
    /// none can be.
    fn is_subtype(&mut self, ty: u32, actual: Value) -> Option<Value> {
        if self.env.info.types[ty as usize].is_final {
            return None;
        }
        let expected = self.canonical_type(ty);
        let args = [self.extend_index(actual), self.extend_index(expected)];
        Some(self.call_builtin(Builtin::IsSubtype, &args))
    }

    /// The address of a reference's descriptor. Null has one too: its type is none.
    pub(super) fn descriptor(&mut self, reference: Value) -> Value {
        let table = self.place_at(header::FUNCREFS);
        let reference = self.builder.ins().uextend(types::I64, reference);
        let distance = self.builder.ins().ishl_imm_u(reference, i64::from(funcref::SIZE_LOG2));
        self.builder.ins().iadd(table, distance)
    }

    /// The store's id of a type of this module.
    pub(super) fn canonical_type(&mut self, ty: u32) -> Value {
        // The layout has placed an entry for each type, so the offset is in range.
        let offset = i32::try_from(ty).unwrap_or(i32::MAX).saturating_mul(4);
        self.fixed_field(types::I32, self.env.layout.types.saturating_add(offset))
    }

    /// One branch on the hot path; on the cold one it is found out which of the three traps it is.
    fn trap_unless_callable(
        &mut self,
        fits: Value,
        element: &Element,
        reference: Value,
        fits_after_all: impl FnOnce(&mut Self) -> Option<Value>,
    ) {
        self.trap_unless(fits, |f| {
            f.builder.ins().trapnz(element.beyond, user_trap(TrapCode::UndefinedElement));
            f.builder.ins().trapz(reference, user_trap(TrapCode::UninitializedElement));
            fits_after_all(f)
        });
    }

    /// Traps unless `fits`, or what `otherwise` finds out on the cold path, says that the type is right.
    fn trap_unless(&mut self, fits: Value, otherwise: impl FnOnce(&mut Self) -> Option<Value>) {
        let cold = self.builder.create_block();
        let next = self.builder.create_block();
        self.builder.set_cold_block(cold);
        self.builder.ins().brif(fits, next, &[], cold, &[]);
        self.fall_into(cold);
        let mismatch = user_trap(TrapCode::IndirectCallTypeMismatch);
        if let Some(fits) = otherwise(self) {
            self.builder.ins().trapz(fits, mismatch);
            self.builder.ins().jump(next, &[]);
        } else {
            self.builder.ins().trap(mismatch);
        }
        self.fall_into(next);
    }

    fn code_of(&mut self, descriptor: Value) -> Value {
        let flags = MemFlagsData::trusted().with_readonly();
        self.builder.ins().load(types::I64, flags, descriptor, funcref::CODE)
    }

    /// The code and the context of a descriptor.
    fn resolve(&mut self, descriptor: Value) -> Foreign {
        let flags = MemFlagsData::trusted().with_readonly();
        let code = self.code_of(descriptor);
        let distance = self.builder.ins().sload32(flags, descriptor, funcref::CONTEXT);
        let distance = self.builder.ins().ishl_imm_u(distance, i64::from(funcref::CONTEXT_SHIFT));
        let anchor = self.place_at(header::ANCHOR);
        Foreign { code, context: self.builder.ins().iadd(anchor, distance) }
    }

    /// Where on the operand stack the arguments of a call begin.
    pub(super) fn args_from(&self, ty: u32) -> usize {
        self.stack.len() - self.env.func_type(ty).params.len()
    }

    /// Makes the operands of a call what it passes; where on the operand stack they begin.
    pub(super) fn pass_args(&mut self, ty: u32) -> usize {
        let from = self.args_from(ty);
        for (at, &ty) in (from..).zip(&self.env.func_type(ty).params) {
            self.stack[at] = self.passed(self.stack[at], ty);
        }
        from
    }

    /// Calls with the callee's context and restores the own.
    fn foreign_call(&mut self, ty: u32, foreign: &Foreign) {
        let own = self.context_to_keep();
        let signature = self.signature_ref(ty);
        self.builder.ins().set_pinned_reg(foreign.context);
        self.call_on_stack(ty, Callee::Indirect(signature, foreign.code));
        self.builder.ins().set_pinned_reg(own);
        self.forget_context();
    }

    fn foreign_return_call(&mut self, ty: u32, foreign: &Foreign) {
        let own = self.context();
        let args = self.pass_args(ty);
        let same = self.builder.ins().icmp(IntCC::Equal, foreign.context, own);
        let tail = self.builder.create_block();
        let other = self.builder.create_block();
        self.builder.set_cold_block(other);
        self.builder.ins().brif(same, tail, &[], other, &[]);
        self.fall_into(tail);
        let signature = self.signature_ref(ty);
        self.builder.ins().return_call_indirect(signature, foreign.code, &self.stack[args..]);
        self.fall_into(other);
        // No `try_table` of this function covers it, as it stands for a tail call.
        self.builder.ins().set_pinned_reg(foreign.context);
        let call = self.builder.ins().call_indirect(signature, foreign.code, &self.stack[args..]);
        self.builder.ins().set_pinned_reg(own);
        let results = self.builder.inst_results(call).to_vec();
        self.builder.ins().return_(&results);
        self.reachable = false;
    }
}
