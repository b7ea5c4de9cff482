//! What can happen to each table: who can reach it, and what code does to it.

use faasm_abi::module::{ConstExpr, ConstOp, ElementItems, ExportItem, ModuleInfo, SegmentMode};
use wasmparser::{FunctionBody, Operator};

/// What is known of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TableUse {
    /// Others can reach it: it is imported or exported.
    pub(super) shared: bool,
    /// Code makes it grow.
    pub(super) grown: bool,
    /// Code writes elements, or it is initialised with what is not an own function or null.
    pub(super) foreign: bool,
}

/// Looks at a module's tables, one fact for each.
pub(super) fn uses(
    info: &ModuleInfo,
    bodies: &[FunctionBody<'_>],
) -> wasmparser::Result<Vec<TableUse>> {
    let mut tables = vec![TableUse::default(); info.tables.len()];
    let imported = info.imported.tables as usize;
    tables[..imported].iter_mut().for_each(|table| table.shared = true);
    for export in &info.exports {
        if let ExportItem::Table(index) = export.item {
            tables[index as usize].shared = true;
        }
    }
    for (table, init) in tables[imported..].iter_mut().zip(&info.table_inits) {
        table.foreign = init.as_ref().is_some_and(|init| !is_own(info, init));
    }
    for segment in &info.elements {
        if let SegmentMode::Active { index, .. } = segment.mode {
            tables[index as usize].foreign |= !all_own(info, &segment.items);
        }
    }
    // What is shared can grow and be written anyway.
    if tables.iter().any(|table| !table.shared) {
        for body in bodies {
            note_body(&mut tables, body)?;
        }
    }
    Ok(tables)
}

fn is_own(info: &ModuleInfo, expr: &ConstExpr) -> bool {
    match expr.0[..] {
        [ConstOp::RefNull] => true,
        [ConstOp::RefFunc(function)] => function >= info.imported.functions,
        _ => false,
    }
}

fn all_own(info: &ModuleInfo, items: &ElementItems) -> bool {
    match items {
        ElementItems::Functions(items) => items.iter().all(|&f| f >= info.imported.functions),
        ElementItems::Expressions(items) => items.iter().all(|expr| is_own(info, expr)),
    }
}

fn note_body(tables: &mut [TableUse], body: &FunctionBody<'_>) -> wasmparser::Result<()> {
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        match reader.read()? {
            Operator::TableGrow { table } => {
                tables[table as usize].grown = true;
                tables[table as usize].foreign = true;
            }
            Operator::TableSet { table }
            | Operator::TableFill { table }
            | Operator::TableInit { table, .. }
            | Operator::TableCopy { dst_table: table, .. } => tables[table as usize].foreign = true,
            _ => {}
        }
    }
    Ok(())
}

/// The tables whose length can change, by index.
pub(super) fn growable(info: &ModuleInfo, tables: &[TableUse]) -> Vec<u32> {
    let fixed = |limits: faasm_abi::types::Limits| limits.max == Some(limits.min);
    (0..)
        .zip(tables.iter().zip(&info.tables))
        .filter(|(_, (table, ty))| (table.shared || table.grown) && !fixed(ty.limits))
        .map(|(index, _)| index)
        .collect()
}
