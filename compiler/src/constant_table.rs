//! Tables whose elements are known when a module is compiled: a copy in the text, by which indirect calls find code.
//!
//! # Layout
//!
//! One row of 8 bytes for each element, and one of null behind the last:
//!
//! | bytes | |
//! |---|---|
//! | 0–3 | the code's distance from the copy, 0 for null |
//! | 4–7 | the number of the function's type, [`NO_TYPE`] for null |
//!
//! # Invariants
//!
//! * Functions of the copy and of calls through it have *plain* types: two of them are the same type exactly if they
//!   take and return the same, which their numbers say.
//! * The table itself is in the store as any other, for everything that is no call.

use faasm_abi::module::ModuleInfo;
use faasm_abi::object::CodeRange;
use faasm_abi::types::{HeapType, ValType};

use crate::tables::lowest_types;

/// log2 of the bytes of a row.
pub(crate) const ROW_LOG2: i64 = 3;
/// Where in a row the type's number is.
pub(crate) const TYPE: i32 = 4;
/// The number of no type.
const NO_TYPE: u32 = u32::MAX;

/// The functions of a table, up to the last that is not null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConstantTable(Vec<Option<u32>>);

impl ConstantTable {
    pub(crate) fn new(elements: Vec<Option<u32>>) -> Self {
        Self(elements)
    }

    /// How many rows there are before that of null.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the numbers of types say everything about its functions' types.
    pub(crate) fn is_plain(&self, info: &ModuleInfo, numbers: &[Option<u32>]) -> bool {
        let plain = |&function: &u32| numbers[info.functions[function as usize] as usize].is_some();
        self.0.iter().flatten().all(plain)
    }

    /// Whether all elements of a range, ends included, are functions of the type with this number.
    pub(crate) fn are_all(
        &self,
        (first, last): (u64, u64),
        number: u32,
        info: &ModuleInfo,
        numbers: &[Option<u32>],
    ) -> bool {
        let index = |at: u64| usize::try_from(at).ok();
        let (Some(first), Some(last)) = (index(first), index(last)) else { return false };
        let is_one =
            |function: u32| numbers[info.functions[function as usize] as usize] == Some(number);
        // The range of an operand of which nothing is known ends far behind the table.
        self.0.get(first..=last).is_some_and(|some| some.iter().all(|f| f.is_some_and(is_one)))
    }

    /// The bytes of the copy that begins at this offset of the text; `ranges` are of the own functions.
    pub(crate) fn rows(
        &self,
        info: &ModuleInfo,
        numbers: &[Option<u32>],
        ranges: &[CodeRange],
        at: u32,
    ) -> Vec<u8> {
        let row = |element: &Option<u32>| {
            let Some(function) = *element else { return [0, NO_TYPE] };
            let code = ranges[(function - info.imported.functions) as usize].offset;
            let number = numbers[info.functions[function as usize] as usize];
            [code.wrapping_sub(at), number.unwrap_or(NO_TYPE)]
        };
        let rows = self.0.iter().chain([&None]).flat_map(row);
        rows.flat_map(u32::to_le_bytes).collect()
    }
}

/// The number of each plain function type, by type index.
pub(crate) fn type_numbers(info: &ModuleInfo) -> Vec<Option<u32>> {
    let mut numbers = lowest_types(info).into_iter();
    let mut found = Vec::with_capacity(info.types.len());
    for &group in &info.rec_groups {
        for number in numbers.by_ref().take(group as usize) {
            found.push((group == 1 && is_plain(info, found.len())).then_some(number));
        }
    }
    found
}

/// Whether a type that is alone in its group is a final function type without supertype and without types of its own.
fn is_plain(info: &ModuleInfo, ty: usize) -> bool {
    let ty = &info.types[ty];
    let simple = |ty: &ValType| match ty {
        ValType::Ref(ty) => !matches!(ty.heap, HeapType::Concrete(_)),
        _ => true,
    };
    ty.is_final
        && ty.supertype.is_none()
        && ty.as_func().is_some_and(|ty| ty.params.iter().chain(&*ty.results).all(simple))
}
