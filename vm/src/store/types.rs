//! A store's numbers of types: equal types have equal numbers (WebAssembly specification, section 3.1 *Conventions*,
//! and 3.3 *Matching*).
//!
//! Types are equal if their recursion groups are, member by member, where a reference to a member of the own group is
//! a position in it and any other is the store's number.
//!
//! # Invariants
//!
//! * A number's supertype is a smaller number, and so is every number that a type outside its group is referred to by.
//! * Numbers are given in the order of first use, so they are the same in every store that is filled in one order.

use std::collections::HashMap;

use faasm_abi::module::ModuleInfo;
use faasm_abi::types::{CompositeType, FuncType, HeapType, RefType, SubType, ValType};
use foldhash::fast::RandomState;

use crate::heap::ObjectLayout;

/// Marks a position in the own recursion group, in the keys of [`Types::groups`].
const OWN_GROUP: u32 = 1 << 31;

/// The most supertypes above a type (specification, appendix *Implementation Limitations*).
const MAX_DEPTH: usize = 63;

/// See the file's page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Types {
    list: Vec<TypeRecord>,
    /// The first number of each known group.
    groups: HashMap<Box<[SubType]>, u32, RandomState>,
}

/// A type, with the store's numbers in it.
#[derive(Clone, Debug)]
struct TypeRecord {
    ty: SubType,
    /// From the one without supertype down to the type itself.
    ancestors: Box<[u32]>,
    layout: ObjectLayout,
}

impl Types {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The numbers of a module's types, by type index; new ones for those that are not known.
    pub(crate) fn intern_module(&mut self, info: &ModuleInfo) -> Box<[u32]> {
        let mut numbers: Vec<u32> = Vec::with_capacity(info.types.len());
        for &count in &info.rec_groups {
            let start = numbers.len();
            let group = info.types[start..].iter().take(count as usize);
            let key = group.map(|ty| ty.map_indices(|index| key_index(index, start, &numbers)));
            let first = self.intern_group(key.collect());
            numbers.extend((0..count).map(|position| first + position));
        }
        numbers.into()
    }

    /// The number of a function type that refers to no other types; `None` if it does.
    pub(crate) fn intern_func(&mut self, ty: &FuncType) -> Option<u32> {
        let refers =
            |ty: &ValType| matches!(ty, ValType::Ref(RefType { heap: HeapType::Concrete(_), .. }));
        if ty.params.iter().chain(&ty.results).any(refers) {
            return None;
        }
        Some(self.intern_group([SubType::func(ty.clone())].into()))
    }

    fn intern_group(&mut self, key: Box<[SubType]>) -> u32 {
        if let Some(first) = self.groups.get(&key) {
            return *first;
        }
        self.add_group(key)
    }

    /// Gives a group that is not known its numbers.
    fn add_group(&mut self, key: Box<[SubType]>) -> u32 {
        let first = number(self.list.len());
        for ty in &key {
            let ty = ty.map_indices(|index| match index & OWN_GROUP {
                0 => index,
                _ => first + (index & !OWN_GROUP),
            });
            let mut ancestors = match ty.supertype {
                Some(supertype) => self.list[supertype as usize].ancestors.to_vec(),
                None => Vec::new(),
            };
            ancestors.push(number(self.list.len()));
            let layout = ObjectLayout::default();
            self.list.push(TypeRecord { ty, ancestors: ancestors.into(), layout });
        }
        // Now that all members are there, it can be told which fields hold what is collected.
        for number in first as usize..self.list.len() {
            self.list[number].layout = ObjectLayout::of(self, &self.list[number].ty);
        }
        self.groups.insert(key, first);
        first
    }

    /// The groups, in the order of their numbers, as [`Self::restore_group`] takes them.
    pub(crate) fn groups(&self) -> Vec<Box<[SubType]>> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        // A group may be empty, and has the number of the next one then.
        groups.sort_by_key(|(group, first)| (**first, group.len()));
        groups.into_iter().map(|(group, _)| group.clone()).collect()
    }

    /// Makes a group known that another store's [`Self::groups`] had behind the ones that are known; false if it is
    /// none of theirs.
    pub(crate) fn restore_group(&mut self, group: &[SubType]) -> bool {
        let good = !self.groups.contains_key(group) && self.is_sound(group);
        if good {
            self.add_group(group.into());
        }
        good
    }

    /// Whether a group refers to its own members and known types only, and no type has too many ancestors.
    fn is_sound(&self, group: &[SubType]) -> bool {
        let all_known = std::cell::Cell::new(true);
        let look = |index: u32| {
            let (position, len) = match index & OWN_GROUP {
                0 => (index, self.list.len()),
                _ => (index & !OWN_GROUP, group.len()),
            };
            all_known.set(all_known.get() && (position as usize) < len);
            index
        };
        let mut depths: Vec<usize> = Vec::with_capacity(group.len());
        for ty in group {
            drop(ty.map_indices(look));
            let depth = match ty.supertype {
                None => Some(0),
                Some(index) if index & OWN_GROUP == 0 => {
                    self.list.get(index as usize).map(|ty| ty.ancestors.len())
                }
                // A member's supertype is an earlier one.
                Some(index) => depths.get((index & !OWN_GROUP) as usize).map(|depth| depth + 1),
            };
            match depth {
                Some(depth) if depth <= MAX_DEPTH => depths.push(depth),
                _ => return false,
            }
        }
        all_known.get()
    }

    /// The type with this number.
    pub(crate) fn get(&self, number: u32) -> &SubType {
        &self.list[number as usize].ty
    }

    /// The function type with this number, which is a function's.
    pub(crate) fn func(&self, number: u32) -> &FuncType {
        match self.get(number).as_func() {
            Some(ty) => ty,
            None => unreachable!("functions have function types"),
        }
    }

    /// What objects of this type look like; of a function type, exceptions that carry its parameters.
    pub(crate) fn layout(&self, number: u32) -> &ObjectLayout {
        &self.list[number as usize].layout
    }

    /// Whether references of a heap type are the collector's.
    pub(crate) fn is_collected(&self, heap: HeapType) -> bool {
        match heap {
            HeapType::Func | HeapType::NoFunc => false,
            HeapType::Concrete(number) => self.kind(number) != HeapType::Func,
            _ => true,
        }
    }

    /// The ancestors of a type, the one without supertype first, itself last.
    pub(crate) fn ancestors(&self, number: u32) -> &[u32] {
        &self.list[number as usize].ancestors
    }

    /// Whether a defined type is another one or declares it as an ancestor.
    pub(crate) fn is_subtype(&self, sub: u32, ancestor: u32) -> bool {
        let depth = self.ancestors(ancestor).len() - 1;
        self.ancestors(sub).get(depth) == Some(&ancestor)
    }

    /// Whether every value of type `sub` is one of `ty` (specification, 3.3.3).
    pub(crate) fn matches(&self, sub: ValType, ty: ValType) -> bool {
        match (sub, ty) {
            (ValType::Ref(sub), ValType::Ref(ty)) => self.ref_matches(sub, ty),
            (sub, ty) => sub == ty,
        }
    }

    /// As [`Self::matches`], of reference types.
    pub(crate) fn ref_matches(&self, sub: RefType, ty: RefType) -> bool {
        (ty.nullable || !sub.nullable) && self.heap_matches(sub.heap, ty.heap)
    }

    /// As [`Self::matches`], of heap types (specification, 3.3.4).
    pub(crate) fn heap_matches(&self, sub: HeapType, ty: HeapType) -> bool {
        use HeapType::{
            Any, Array, Concrete, Eq, Exn, Extern, Func, I31, NoExn, NoExtern, NoFunc, None, Struct,
        };
        match (sub, ty) {
            (Concrete(sub), Concrete(ty)) => self.is_subtype(sub, ty),
            (Concrete(sub), ty) => self.heap_matches(self.kind(sub), ty),
            (None, Concrete(ty)) => self.kind(ty) != Func,
            (NoFunc, Concrete(ty)) => self.kind(ty) == Func,
            (None, Any | Eq | I31 | Struct | Array) => true,
            (I31 | Struct | Array, Eq | Any) | (Eq, Any) => true,
            (NoFunc, Func) | (NoExtern, Extern) | (NoExn, Exn) => true,
            (sub, ty) => sub == ty,
        }
    }

    /// The abstract type right above a defined one.
    pub(crate) fn kind(&self, number: u32) -> HeapType {
        match self.get(number).composite {
            CompositeType::Func(_) => HeapType::Func,
            CompositeType::Struct(_) => HeapType::Struct,
            CompositeType::Array(_) => HeapType::Array,
        }
    }
}

/// A type index of a module, as keys have it: the group begins at `start`, and earlier ones have `numbers`.
fn key_index(index: u32, start: usize, numbers: &[u32]) -> u32 {
    match numbers.get(index as usize) {
        Some(number) => *number,
        None => OWN_GROUP | number(index as usize - start),
    }
}

/// A position as a number; far below the limit, as modules have a million types at most and stores few modules.
fn number(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(OWN_GROUP - 1)
}

#[cfg(test)]
mod tests {
    use faasm_abi::types::StructType;

    use super::*;

    fn node(link: u32, supertype: Option<u32>) -> SubType {
        let link = ValType::Ref(RefType { nullable: true, heap: HeapType::Concrete(link) });
        let field = faasm_abi::types::FieldType {
            storage: faasm_abi::types::StorageType::Val(link),
            mutable: true,
        };
        let composite = CompositeType::Struct(StructType { fields: [field].into() });
        SubType { is_final: false, supertype, composite }
    }

    fn module(groups: &[&[SubType]]) -> ModuleInfo {
        ModuleInfo {
            types: groups.concat(),
            rec_groups: groups.iter().map(|group| number(group.len())).collect(),
            ..ModuleInfo::default()
        }
    }

    #[test]
    fn equal_recursive_types_have_one_number_whatever_their_index() {
        let mut types = Types::default();
        let first = types.intern_module(&module(&[&[node(0, None)]]));
        let second = types
            .intern_module(&module(&[&[SubType::func(FuncType::default())], &[node(1, None)]]));
        assert_eq!(first[0], second[1]);
        let pair = types.intern_module(&module(&[&[node(0, None), node(1, None)]]));
        assert_ne!(pair[0], first[0], "a member of another group is another type");
    }

    #[test]
    fn subtypes_are_found_by_their_declared_ancestors() {
        let mut types = Types::default();
        let numbers = types.intern_module(&module(&[
            &[node(0, None)],
            &[node(0, Some(0))],
            &[node(0, Some(1))],
        ]));
        assert!(types.is_subtype(numbers[2], numbers[0]));
        assert!(!types.is_subtype(numbers[0], numbers[2]));
        assert!(types.heap_matches(HeapType::Concrete(numbers[2]), HeapType::Eq));
        assert!(types.heap_matches(HeapType::None, HeapType::Concrete(numbers[1])));
        assert!(!types.heap_matches(HeapType::NoFunc, HeapType::Concrete(numbers[1])));
    }
}
