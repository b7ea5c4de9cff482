//! The check of what a snapshot says of references: each is of something that is there and of its static type.
//!
//! Behind it the collector can walk the heap and the host can look at what it is given, whatever the file was. A null
//! is not asked whether it may be one: what an instantiation that failed did not come to is null.

use faasm_abi::gc::{
    self, ALIGN, ARRAY, EXCEPTION, EXTERN_TAG, HEADER, LIMIT, MARK, NEXT, OBJECTS, TAG_BITS,
};
use faasm_abi::types::{HeapType, RefType, StorageType, ValType};

use super::{ObjectLayout, USABLE, array_length, base, heap_type, layout_of, object, type_word};
use crate::externs::global_bits;
use crate::segments::reference;
use crate::store::core::StoreCore;

/// Whether all references of globals, tables and objects are good.
pub(crate) fn is_sound(core: &StoreCore) -> bool {
    let Some(objects) = objects(core) else { return false };
    let check = Check { core, objects };
    check.globals() && check.tables() && check.fields()
}

/// The offsets in the heap of all objects, ascending; `None` if they are not one behind the other up to the free bytes.
fn objects(core: &StoreCore) -> Option<Vec<u32>> {
    let mut objects = Vec::new();
    let Some(heap) = base(core) else { return Some(objects) };
    let [next, limit, usable] =
        [NEXT, LIMIT, USABLE].map(|field| core.get::<u32>(heap + field as usize));
    if !(OBJECTS <= next && next <= usable && limit <= usable) {
        return None;
    }
    let mut at = OBJECTS;
    while at < next {
        objects.push(at);
        at = at.checked_add(size_of(core, heap + at as usize, next - at)?)?;
    }
    Some(objects)
}

/// The size of what must be an object in `room` bytes.
fn size_of(core: &StoreCore, object: usize, room: u32) -> Option<u32> {
    let contents = &core.contents;
    if room < HEADER || core.get::<u32>(object + MARK as usize) != 0 {
        return None;
    }
    let word = type_word(core, object);
    let number = word & !(EXCEPTION | ARRAY);
    let known = if word & EXCEPTION == 0 {
        let known = (number as usize) < contents.types.len();
        known && contents.types.kind(number) != HeapType::Func
    } else {
        word & ARRAY == 0 && (number as usize) < contents.tags.len()
    };
    let bytes = match known.then(|| layout_of(contents, word))? {
        ObjectLayout::Fields { size, .. } if word & ARRAY == 0 => (*size).into(),
        ObjectLayout::Elements { storage, .. } if word & ARRAY != 0 && room > HEADER => {
            gc::array_bytes(storage.bytes(), array_length(core, object))
        }
        _ => return None,
    };
    u32::try_from(bytes).ok()?.checked_next_multiple_of(ALIGN).filter(|&size| size <= room)
}

struct Check<'a> {
    core: &'a StoreCore,
    objects: Vec<u32>,
}

impl Check<'_> {
    fn globals(&self) -> bool {
        let globals = self.core.contents.globals.iter().zip(0..);
        globals.into_iter().all(|(global, index)| match global.ty.value {
            ValType::Ref(ty) => self.holds(ty, reference(global_bits(self.core, index))),
            _ => true,
        })
    }

    fn tables(&self) -> bool {
        let core = self.core;
        core.contents.tables.iter().all(|table| {
            let mut elements = (0..core.table_len(table)).map(|at| core.element(table, at));
            elements.all(|element| self.holds(table.ty.element, element))
        })
    }

    fn fields(&self) -> bool {
        self.objects.iter().filter_map(|&at| object(self.core, at)).all(|at| self.fields_of(at))
    }

    fn fields_of(&self, object: usize) -> bool {
        let core = self.core;
        let good = |offset: usize, storage: StorageType| match storage {
            StorageType::Val(ValType::Ref(ty)) => self.holds(ty, core.get(object + offset)),
            _ => true,
        };
        match layout_of(&core.contents, type_word(core, object)) {
            ObjectLayout::Fields { fields, .. } => {
                fields.iter().all(|&(offset, storage)| good(offset as usize, storage))
            }
            ObjectLayout::Elements {
                storage: storage @ StorageType::Val(ValType::Ref(_)), ..
            } => {
                let first = gc::array_elements(storage.bytes()) as usize;
                let bytes = storage.bytes() as usize;
                (0..array_length(core, object) as usize)
                    .all(|at| good(first + at * bytes, *storage))
            }
            ObjectLayout::Elements { .. } => true,
        }
    }

    /// Whether a value of type `ty` can be this reference.
    fn holds(&self, ty: RefType, reference: u32) -> bool {
        let contents = &self.core.contents;
        let types = &contents.types;
        if reference == 0 {
            return true;
        }
        if !types.is_collected(ty.heap) {
            let func = contents.func(reference);
            return func.is_some_and(|f| types.heap_matches(HeapType::Concrete(f.ty), ty.heap));
        }
        if object(self.core, reference).is_some() && self.objects.binary_search(&reference).is_err()
        {
            return false;
        }
        match (heap_type(self.core, reference), ty.heap) {
            (HeapType::Exn, wanted) => wanted == HeapType::Exn,
            // The two hierarchies convert to one another.
            (HeapType::Extern, wanted) => {
                reference & TAG_BITS == EXTERN_TAG
                    && matches!(wanted, HeapType::Extern | HeapType::Any)
            }
            (_, HeapType::Extern) => true,
            (found, wanted) => types.heap_matches(found, wanted),
        }
    }
}
