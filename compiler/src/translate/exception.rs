//! Exceptions (WebAssembly specification, section 4.4.8 *Control Instructions*: `throw`, `throw_ref`, `try_table`).
//!
//! # Protocol
//!
//! 1. An exception is an object of the heap, whose header names the store's number of its tag; see `faasm_abi::gc`.
//! 2. Inside a `try_table` each call has an exceptional exit to the *landing pad* of the innermost one. The pad first
//!    sets the context register, which holds the thrower's, from the value that the `try_table` began with, and goes
//!    to the *dispatch*.
//! 3. The dispatch compares the exception's tag with those of the clauses, in order, and branches to the label of the
//!    first that matches. If none does it goes to the dispatch of the enclosing `try_table`, or throws again.
//! 4. A `throw` inside a `try_table` of the same function goes to the dispatch directly.
//!
//! # Invariants
//!
//! * Builtins throw nothing but [`Builtin::Throw`], so only calls of functions are covered.
//! * A tail call is not covered: it has left the function.
//! * Dispatch and landing pad come at the `end` of the `try_table`, where operand stack and frames are those of its
//!   labels. Without anything that can throw there are none.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, ExceptionTableData, ExceptionTableItem, FuncRef, InstBuilder, SigRef, Value,
    types,
};
use faasm_abi::builtin::Builtin;
use faasm_abi::gc::{self, FieldsLayout};
use faasm_abi::trap::TrapCode;
use faasm_abi::types::{StorageType, ValType};
use wasmparser::{Catch, TryTable};

use super::gc::Sign;
use super::{FuncTranslator, control, user_trap};
use crate::env::passed_type;

/// A `try_table` that is open.
pub(super) struct Try {
    clauses: Vec<Catch>,
    /// The own context, kept over the calls inside.
    context: Value,
    /// Where exceptions of calls arrive, once there is a call.
    landing: Option<Block>,
    /// Where the clauses are compared, once something goes there.
    dispatch: Option<Block>,
}

/// What is called.
#[derive(Clone, Copy)]
pub(super) enum Callee {
    /// Code of this object.
    Direct(FuncRef),
    /// Code at an address.
    Indirect(SigRef, Value),
}

/// `try_table`.
pub(super) fn try_table(f: &mut FuncTranslator<'_, '_>, table: &TryTable) {
    if table.catches.is_empty() {
        // The enclosing one's exceptions are its own.
        return control::block(f, table.ty);
    }
    let context = f.context_to_keep();
    let clauses = table.catches.clone();
    f.tries.push(Try { clauses, context, landing: None, dispatch: None });
    control::open_try(f, table.ty);
}

/// Makes what the calls and throws of a `try_table` go to; its frame is closed already, and nothing falls into it.
pub(super) fn end_try(f: &mut FuncTranslator<'_, '_>, ended: Try) {
    if let Some(landing) = ended.landing {
        f.builder.switch_to_block(landing);
        f.builder.seal_block(landing);
        f.builder.ins().set_pinned_reg(ended.context);
        let payload = f.builder.block_params(landing)[0];
        let exception = f.builder.ins().ireduce(types::I32, payload);
        let dispatch = ended.dispatch.expect("made with the landing pad");
        f.builder.ins().jump(dispatch, &[BlockArg::Value(exception)]);
    }
    if let Some(dispatch) = ended.dispatch {
        f.builder.switch_to_block(dispatch);
        f.builder.seal_block(dispatch);
        f.forget_context();
        let exception = f.builder.block_params(dispatch)[0];
        f.dispatch(&ended.clauses, exception);
    }
    f.reachable = false;
}

impl Try {
    /// Whether anything inside can throw.
    pub(super) fn is_used(&self) -> bool {
        self.dispatch.is_some()
    }
}

/// `throw`.
pub(super) fn throw(f: &mut FuncTranslator<'_, '_>, tag: u32) {
    let (fields, size) = f.payload(tag);
    let word = f.exception_word(tag);
    let bytes = f.builder.ins().iconst(types::I64, i64::from(size));
    let exception = f.allocate_headed(word, bytes);
    let object = f.known_object(exception);
    for &(storage, offset) in fields.iter().rev() {
        let value = f.pop();
        f.store_field(object.behind(offset), storage, value);
    }
    f.throw_on(exception);
}

/// `throw_ref`.
pub(super) fn throw_ref(f: &mut FuncTranslator<'_, '_>) {
    let exception = f.pop();
    f.builder.ins().trapz(exception, user_trap(TrapCode::NullException));
    f.throw_on(exception);
}

impl FuncTranslator<'_, '_> {
    /// Calls a function of type `ty`: its results take the place of its arguments on the operand stack.
    pub(super) fn call_on_stack(&mut self, ty: u32, callee: Callee) {
        if let Some(landing) = self.landing_pad() {
            return self.covered_call(ty, callee, landing);
        }
        let args = self.pass_args(ty);
        let call = match callee {
            Callee::Direct(function) => self.builder.ins().call(function, &self.stack[args..]),
            Callee::Indirect(signature, code) => {
                self.builder.ins().call_indirect(signature, code, &self.stack[args..])
            }
        };
        self.stack.truncate(args);
        self.stack.extend_from_slice(self.builder.inst_results(call));
        self.receive_results(ty, args);
    }

    /// The same with an exit to `landing`.
    fn covered_call(&mut self, ty: u32, callee: Callee, landing: Block) {
        let args = self.pass_args(ty);
        let signature = match callee {
            Callee::Direct(function) => self.builder.func.dfg.ext_funcs[function].signature,
            Callee::Indirect(signature, _) => signature,
        };
        let next = self.builder.create_block();
        let results = &self.env.func_type(ty).results;
        for &result in results {
            self.builder.append_block_param(next, passed_type(result));
        }
        let returned: Vec<_> = (0..).take(results.len()).map(BlockArg::TryCallRet).collect();
        let dfg = &mut self.builder.func.dfg;
        let normal = dfg.block_call(next, &returned);
        let thrown = dfg.block_call(landing, &[BlockArg::TryCallExn(0), BlockArg::TryCallExn(1)]);
        let table =
            ExceptionTableData::new(signature, normal, [ExceptionTableItem::Default(thrown)]);
        let table = dfg.exception_tables.push(table);
        match callee {
            Callee::Direct(function) => {
                self.builder.ins().try_call(function, &self.stack[args..], table);
            }
            Callee::Indirect(_, code) => {
                self.builder.ins().try_call_indirect(code, &self.stack[args..], table);
            }
        }
        self.n_args += returned.len();
        self.fall_into(next);
        self.stack.truncate(args);
        self.stack.extend_from_slice(self.builder.block_params(next));
        self.receive_results(ty, args);
    }

    /// Makes what a call has returned, from the operand stack's element `from` on, the type's results.
    fn receive_results(&mut self, ty: u32, from: usize) {
        for (at, &ty) in (from..).zip(&self.env.func_type(ty).results) {
            self.stack[at] = self.received(self.stack[at], ty);
            self.declare(self.stack[at], ty);
        }
    }

    /// The own context to keep over a call: one that is kept anyway, if there is one.
    pub(super) fn context_to_keep(&mut self) -> Value {
        match self.tries.last() {
            Some(outer) => outer.context,
            None => self.context(),
        }
    }

    /// The landing pad of the innermost open `try_table`; `None` outside.
    fn landing_pad(&mut self) -> Option<Block> {
        self.tries.last()?;
        self.dispatch_block();
        let innermost = self.tries.last_mut()?;
        let landing = *innermost.landing.get_or_insert_with(|| {
            let landing = self.builder.create_block();
            self.builder.set_cold_block(landing);
            self.builder.append_block_param(landing, types::I64);
            self.builder.append_block_param(landing, types::I64);
            landing
        });
        Some(landing)
    }

    /// The dispatch of the innermost open `try_table`; `None` outside.
    fn dispatch_block(&mut self) -> Option<Block> {
        let innermost = self.tries.last_mut()?;
        let dispatch = *innermost.dispatch.get_or_insert_with(|| {
            let dispatch = self.builder.create_block();
            self.builder.set_cold_block(dispatch);
            let exception = self.builder.append_block_param(dispatch, types::I32);
            self.builder.declare_value_needs_stack_map(exception);
            dispatch
        });
        Some(dispatch)
    }

    /// Goes to the dispatch of the innermost open `try_table`, or leaves the function.
    fn throw_on(&mut self, exception: Value) {
        if let Some(dispatch) = self.dispatch_block() {
            self.builder.ins().jump(dispatch, &[BlockArg::Value(exception)]);
        } else {
            let exception = self.builder.ins().uextend(types::I64, exception);
            self.call_builtin(Builtin::Throw, &[exception]);
            // It does not return.
            self.builder.ins().trap(user_trap(TrapCode::Unreachable));
        }
        self.reachable = false;
    }

    /// Branches to the label of the first clause that matches.
    fn dispatch(&mut self, clauses: &[Catch], exception: Value) {
        for clause in clauses {
            // The operators' loop tells of it.
            if self.check_size().is_err() {
                break;
            }
            match *clause {
                Catch::One { tag, label } => self.clause(tag, exception, |f| control::br(f, label)),
                Catch::OneRef { tag, label } => self.clause(tag, exception, |f| {
                    f.push(exception);
                    control::br(f, label);
                }),
                Catch::All { label } => return control::br(self, label),
                Catch::AllRef { label } => {
                    let height = self.stack.len();
                    self.push(exception);
                    control::br(self, label);
                    return self.stack.truncate(height);
                }
            }
        }
        self.throw_on(exception);
    }

    /// If the exception has this tag, pushes its payload and branches.
    fn clause(&mut self, tag: u32, exception: Value, branch: impl FnOnce(&mut Self)) {
        let expected = self.exception_word(tag);
        let object = self.known_object(exception);
        self.load_field(object.behind(gc::TYPE), StorageType::Val(ValType::I32), Sign::Unsigned);
        let found = self.pop();
        let matches = self.builder.ins().icmp(IntCC::Equal, found, expected);
        let matching = self.builder.create_block();
        let next = self.builder.create_block();
        self.builder.set_cold_block(next);
        self.builder.ins().brif(matches, matching, &[], next, &[]);
        self.fall_into(matching);
        let height = self.stack.len();
        for (storage, offset) in self.payload(tag).0 {
            self.load_field(object.behind(offset), storage, Sign::Unsigned);
        }
        branch(self);
        self.stack.truncate(height);
        self.fall_into(next);
    }

    /// How each of a tag's parameters is stored and at which offset, and the bytes of its exceptions.
    fn payload(&self, tag: u32) -> (Vec<(StorageType, u32)>, u32) {
        let params = &self.env.func_type(self.env.info.tags[tag as usize]).params;
        let storages = || params.iter().map(|&ty| StorageType::Val(ty));
        let layout = FieldsLayout::of(storages());
        (storages().zip(layout.offsets).collect(), layout.size)
    }

    /// What the header of exceptions with a tag of this module says.
    fn exception_word(&mut self, tag: u32) -> Value {
        // The layout has placed an entry for each tag, so the offset is in range.
        let offset = i32::try_from(tag).unwrap_or(i32::MAX).saturating_mul(4);
        let at = self.env.layout.tags.saturating_add(offset);
        let number = self.fixed_field(types::I32, at);
        self.builder.ins().bor_imm_u(number, i64::from(gc::EXCEPTION))
    }
}
