//! What can happen to each table: who can reach it, and what code does to it.

use faasm_abi::module::{ConstExpr, ConstOp, ElementItems, ExportItem, ModuleInfo, SegmentMode};
use wasmparser::{FunctionBody, Operator};

use crate::constant_table::ConstantTable;

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

impl TableUse {
    /// Whether it holds functions of the same instance only.
    pub(super) fn is_closed(&self) -> bool {
        !self.shared && !self.foreign
    }
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

/// Rows that a constant table may have beside one for each element that the module lists.
const SPARE_ROWS: u64 = 1024;

/// The elements of the tables that have the same ones from their instantiation on, by table index.
pub(super) fn constant(info: &ModuleInfo, tables: &[TableUse]) -> Vec<Option<ConstantTable>> {
    (0..)
        .zip(tables)
        .map(|(index, table)| table.is_closed().then(|| elements(info, index)).flatten())
        .collect()
}

/// What the active segments put into a closed table; `None` if it is not known, or takes much more room than they do.
fn elements(info: &ModuleInfo, table: u32) -> Option<ConstantTable> {
    // If a segment did not fit into an imported one, instantiation would end with functions there and own tables empty.
    if info.imported.tables > 0 || info.table_inits[table as usize].is_some() {
        return None;
    }
    let segments = || {
        info.elements.iter().filter_map(|segment| match &segment.mode {
            SegmentMode::Active { index, offset } if *index == table => {
                Some((offset, &segment.items))
            }
            _ => None,
        })
    };
    let length = info.tables[table as usize].limits.min;
    let (mut end, mut listed) = (0, SPARE_ROWS);
    for (offset, items) in segments() {
        let count = u64::try_from(items.len()).ok()?;
        end = end.max(known_offset(offset)?.checked_add(count)?);
        listed = listed.saturating_add(count);
    }
    // A segment that does not fit traps at instantiation, and leaves those before it in the table.
    if end > length.min(listed) {
        return None;
    }
    let mut elements = vec![None; usize::try_from(end).ok()?];
    for (offset, items) in segments() {
        let from = usize::try_from(known_offset(offset)?).ok()?;
        let into = elements[from..].iter_mut();
        match items {
            ElementItems::Functions(items) => into.zip(items).for_each(|(e, &f)| *e = Some(f)),
            ElementItems::Expressions(items) => into.zip(items).for_each(|(e, item)| {
                *e = match item.0[..] {
                    [ConstOp::RefFunc(function)] => Some(function),
                    _ => None,
                };
            }),
        }
    }
    Some(ConstantTable::new(elements))
}

fn known_offset(offset: &ConstExpr) -> Option<u64> {
    match offset.0[..] {
        [ConstOp::I32(offset)] => Some(offset.cast_unsigned().into()),
        [ConstOp::I64(offset)] => Some(offset.cast_unsigned()),
        _ => None,
    }
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
