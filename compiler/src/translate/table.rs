//! Tables (WebAssembly specification, section 4.4.6 *Table Instructions*).
//!
//! # Invariants
//!
//! * A table that nothing can make grow has its first length for ever, and its elements never move.
//! * An element is loaded only if the index is in bounds, also speculatively: beyond them the address is that of a
//!   field which holds null.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use faasm_abi::builtin::Builtin;
use faasm_abi::layout::{Place, header, imported_table, table};
use faasm_abi::trap::TrapCode;
use faasm_abi::types::{TableType, ValType};

use super::{FuncTranslator, Region, user_trap};

/// An element's place, and whether its index is out of bounds: then the place holds null.
pub(super) struct Element {
    pub(super) beyond: Value,
    pub(super) address: Value,
}

impl FuncTranslator<'_, '_> {
    fn table_type(&self, table: u32) -> &TableType {
        &self.env.info.tables[table as usize]
    }

    /// The length, if it can never change.
    pub(super) fn fixed_length(&self, table: u32) -> Option<u64> {
        let info = self.env.info;
        let limits = self.table_type(table).limits;
        let own = table >= info.imported.tables;
        let fixed =
            limits.max == Some(limits.min) || (own && !info.growable_tables.contains(&table));
        fixed.then_some(limits.min)
    }

    /// The length as a 64-bit number.
    pub(super) fn table_length(&mut self, table: u32) -> Value {
        if let Some(length) = self.fixed_length(table) {
            return self.builder.ins().iconst(types::I64, length.cast_signed());
        }
        let flags = self.field_flags(Region::Context);
        let (entry, offset) = match self.env.layout.tables[table as usize] {
            Place::Owned(entry) => (self.context(), entry + table::LENGTH),
            Place::Imported(entry) => {
                (self.place_at(entry + imported_table::DEFINITION), table::LENGTH)
            }
        };
        self.builder.ins().load(types::I64, flags, entry, offset)
    }

    /// The address of element 0.
    fn table_base(&mut self, table: u32) -> Value {
        if let Some(offset) = self.env.layout.inline_tables[table as usize] {
            let context = self.context();
            return self.builder.ins().iadd_imm_s(context, i64::from(offset));
        }
        let field = match self.env.layout.tables[table as usize] {
            Place::Owned(entry) => entry + table::BASE,
            Place::Imported(entry) => entry + imported_table::BASE,
        };
        if self.fixed_length(table).is_some() {
            return self.place_at(field);
        }
        let flags = self.field_flags(Region::Context);
        let context = self.context();
        let delta = self.builder.ins().load(types::I64, flags, context, field);
        self.builder.ins().iadd(context, delta)
    }

    /// The place of element `index`.
    pub(super) fn element(&mut self, table: u32, index: Value) -> Element {
        let index = self.extend_index(index);
        let length = self.table_length(table);
        let beyond = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
        let base = self.table_base(table);
        let distance = self.builder.ins().ishl_imm_u(index, 2);
        let address = self.builder.ins().iadd(base, distance);
        let context = self.context();
        let null = self.builder.ins().iadd_imm_s(context, i64::from(header::NULL));
        let address = self.builder.ins().select_spectre_guard(beyond, null, address);
        Element { beyond, address }
    }

    pub(super) fn element_flags(&mut self) -> MemFlagsData {
        self.field_flags(Region::Tables)
    }

    fn table_index(&mut self, index: u32) -> Value {
        self.builder.ins().iconst(types::I64, i64::from(index))
    }
}

/// `table.get`.
pub(super) fn get(f: &mut FuncTranslator<'_, '_>, table: u32) {
    let index = f.pop();
    let at = checked_element(f, table, index);
    let flags = f.element_flags();
    let value = f.builder.ins().load(types::I32, flags, at, 0);
    f.push_typed(value, ValType::Ref(f.table_type(table).element));
}

/// `table.set`.
pub(super) fn set(f: &mut FuncTranslator<'_, '_>, table: u32) {
    let (index, value) = f.pop2();
    let at = checked_element(f, table, index);
    let flags = f.element_flags();
    f.builder.ins().store(flags, value, at, 0);
}

fn checked_element(f: &mut FuncTranslator<'_, '_>, table: u32, index: Value) -> Value {
    let element = f.element(table, index);
    f.builder.ins().trapnz(element.beyond, user_trap(TrapCode::TableOutOfBounds));
    element.address
}

/// `table.size`.
pub(super) fn size(f: &mut FuncTranslator<'_, '_>, table: u32) {
    let length = f.table_length(table);
    let is_64 = f.table_type(table).table64;
    let length = f.narrow(is_64, length);
    f.push(length);
}

/// `table.grow`.
pub(super) fn grow(f: &mut FuncTranslator<'_, '_>, table: u32) {
    let (element, delta) = f.pop2();
    let args = [f.table_index(table), f.extend_index(element), f.extend_index(delta)];
    let old = f.call_builtin(Builtin::TableGrow, &args);
    let is_64 = f.table_type(table).table64;
    let old = f.narrow(is_64, old);
    f.push(old);
}

/// `table.fill`.
pub(super) fn fill(f: &mut FuncTranslator<'_, '_>, table: u32) {
    let (to, element, length) = f.pop3();
    let table = f.table_index(table);
    let args = [table, f.extend_index(to), f.extend_index(element), f.extend_index(length)];
    f.call_builtin(Builtin::TableFill, &args);
}

/// `table.copy`.
pub(super) fn copy(f: &mut FuncTranslator<'_, '_>, to_table: u32, from_table: u32) {
    let operands = f.pop3();
    f.call_copy(Builtin::TableCopy, (to_table, from_table), operands);
}

/// `table.init`.
pub(super) fn init(f: &mut FuncTranslator<'_, '_>, table: u32, segment: u32) {
    let operands = f.pop3();
    f.call_copy(Builtin::TableInit, (table, segment), operands);
}

/// `elem.drop`.
pub(super) fn drop_segment(f: &mut FuncTranslator<'_, '_>, segment: u32) {
    let segment = f.table_index(segment);
    f.call_builtin(Builtin::ElemDrop, &[segment]);
}
