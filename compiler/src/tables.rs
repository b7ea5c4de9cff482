//! The object's tables; their rows are in `faasm_abi::tables`.

use std::collections::HashMap;

use faasm_abi::module::ModuleInfo;
use faasm_abi::object::CodeRange;
use faasm_abi::tables::{EntryRow, FunctionRow, NO_NAME, StubsRow, push_name, push_row};

use crate::compile::Unit;
use crate::validate::Validated;

/// The bytes of each table.
pub(crate) struct Tables {
    pub(crate) functions: Vec<u8>,
    pub(crate) stubs: Vec<u8>,
    pub(crate) entries: Vec<u8>,
    pub(crate) segments: Vec<u8>,
    pub(crate) names: Vec<u8>,
}

/// Says where each unit came to lie, and what the functions are called.
pub(crate) fn tables(module: &Validated<'_>, units: &[Unit], ranges: &[CodeRange]) -> Tables {
    let info = module.info();
    let places = Places::of(info, units, ranges);
    let (mut functions, mut names) = (Vec::new(), Vec::new());
    for (index, code) in (0..).zip(places.functions) {
        let name = module.function_name(index).map_or(NO_NAME, |name| push_name(&mut names, name));
        push_row(&mut functions, FunctionRow { code, name }.words());
    }
    let (mut stubs, mut entries, mut segments) = (Vec::new(), Vec::new(), Vec::new());
    for row in places.stubs {
        push_row(&mut stubs, row.words());
    }
    for lowest in lowest_types(info) {
        let code = places.entries.get(&lowest).copied().unwrap_or_default();
        push_row(&mut entries, EntryRow(code).words());
    }
    for row in module.segments() {
        push_row(&mut segments, row.words());
    }
    Tables { functions, stubs, entries, segments, names }
}

/// For each type, the lowest index of a function type that passes the same; its own if it is no function's.
pub(crate) fn lowest_types(info: &ModuleInfo) -> Vec<u32> {
    let mut lowest = HashMap::new();
    let types = info.types.iter().zip(0..);
    types
        .map(|(ty, index)| ty.as_func().map_or(index, |ty| *lowest.entry(ty).or_insert(index)))
        .collect()
}

/// The code of each thing that has some.
struct Places {
    /// By function index; nothing for imported ones.
    functions: Vec<CodeRange>,
    /// By imported function.
    stubs: Vec<StubsRow>,
    /// By the lowest index of a type.
    entries: HashMap<u32, CodeRange>,
}

impl Places {
    fn of(info: &ModuleInfo, units: &[Unit], ranges: &[CodeRange]) -> Self {
        let mut places = Self {
            functions: vec![CodeRange::default(); info.functions.len()],
            stubs: vec![StubsRow::default(); info.imported.functions as usize],
            entries: HashMap::new(),
        };
        for (unit, &range) in units.iter().zip(ranges) {
            match *unit {
                Unit::Function(index) => places.functions[index as usize] = range,
                Unit::Builtin(_) => {}
                Unit::HostArray(index) => places.stubs[index as usize].array = range,
                Unit::HostNative(index) => places.stubs[index as usize].native = range,
                Unit::Entry(ty) => _ = places.entries.insert(ty, range),
            }
        }
        places
    }
}
