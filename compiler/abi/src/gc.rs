//! References other than functions, and the objects that they refer to.
//!
//! # References
//!
//! ```text
//!  0                                null
//!  …000  offset in the heap         an object: a structure, an array or an exception
//!  …xx1  value << 1 | 1             an unboxed 31-bit integer
//!  …010  number << 2 | 2            something of the host's, by the host's own number
//! ```
//!
//! All hierarchies but the functions' share this form, so `any.convert_extern` and its inverse change nothing.
//!
//! # Heap
//!
//! ```text
//!  0                    one page     OBJECTS
//!  | never accessible   | control …  | objects, one behind the other …
//! ```
//!
//! The first page is never accessible: a field of null is there, and the hardware finds it.
//!
//! # Objects
//!
//! Each begins at a multiple of [`ALIGN`] with a header of [`HEADER`] bytes and takes a multiple of [`ALIGN`].
//! A structure's fields follow in order, each at a multiple of its size up to 8; an exception's are its tag's parameters.
//! An array has its length at [`ARRAY_LENGTH`] and its elements from [`array_elements`] on.

use crate::types::StorageType;

/// Bytes of the heap's first page.
pub const NULL_PAGE: u32 = 4096;

/// Offset in the heap of the control block's `u32`: where the next object begins.
pub const NEXT: u32 = NULL_PAGE;
/// Offset in the heap of the control block's `u32`: where objects must end. Less than [`NEXT`] when no object may be
/// made without the VM.
pub const LIMIT: u32 = NULL_PAGE + 4;
/// Offset in the heap of the first object.
pub const OBJECTS: u32 = NULL_PAGE + 64;

/// Objects' alignment in bytes, and the granularity of their sizes.
pub const ALIGN: u32 = 8;

/// Bytes of an object's header.
pub const HEADER: u32 = 8;
/// Offset in an object of a `u32`: the store's number of its type, with [`ARRAY`] if it is an array; of an exception,
/// the number of its tag with [`EXCEPTION`].
pub const TYPE: u32 = 0;
/// Offset in an object of a `u32` that is the collector's; 0 while guests run.
pub const MARK: u32 = 4;
/// Set in the type of an exception.
pub const EXCEPTION: u32 = 1 << 31;
/// Set in the type of an array.
pub const ARRAY: u32 = 1 << 30;

/// Offset in an array of a `u32`: how many elements it has.
pub const ARRAY_LENGTH: u32 = HEADER;

/// Set in a reference that is an unboxed integer.
pub const I31_BIT: u32 = 1;
/// The low bits of a reference that is not to an object.
pub const TAG_BITS: u32 = 3;
/// The low bits of a reference to something of the host's.
pub const EXTERN_TAG: u32 = 2;
/// Numbers of the host's are below this.
pub const MAX_EXTERN: u32 = 1 << 30;

/// Offset of an array's first element, where elements take so many bytes.
#[must_use]
pub const fn array_elements(element_bytes: u32) -> u32 {
    if element_bytes > 4 { ARRAY_LENGTH + 8 } else { ARRAY_LENGTH + 4 }
}

/// Bytes of an array, header included; 64 bits, as it may be more than a heap can have.
#[must_use]
pub const fn array_bytes(element_bytes: u32, length: u32) -> u64 {
    let bytes = array_elements(element_bytes) as u64 + element_bytes as u64 * length as u64;
    bytes.next_multiple_of(ALIGN as u64)
}

/// Where the fields of a structure or an exception lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldsLayout {
    /// Offset in the object of each field.
    pub offsets: Box<[u32]>,
    /// Bytes of the object, header included.
    pub size: u32,
}

impl FieldsLayout {
    /// Lays out fields of these types. WebAssembly's limit of 10,000 fields keeps the sum small.
    #[must_use]
    pub fn of(fields: impl Iterator<Item = StorageType>) -> Self {
        let mut end = HEADER;
        let offsets = fields
            .map(|field| {
                let bytes = field.bytes();
                let at = end.next_multiple_of(bytes.min(ALIGN));
                end = at.saturating_add(bytes);
                at
            })
            .collect();
        Self { offsets, size: end.next_multiple_of(ALIGN) }
    }
}

/// How many ancestors a row of the store's table of supertypes names.
///
/// The table has a row of `u32`s for each type, by the store's number: at position *d* the ancestor of depth *d* (a type
/// without supertype has depth 0), the type itself at its own depth, and [`crate::layout::funcref::NO_TYPE`] beyond.
/// Deeper types are compared by [`crate::builtin::Builtin::IsSubtype`].
pub const ROW: u32 = 8;
/// log2 of the bytes of a row.
pub const ROW_BYTES_LOG2: u8 = 5;

const _: () = assert!(1 << ROW_BYTES_LOG2 == 4 * ROW);
const _: () = assert!(OBJECTS.is_multiple_of(ALIGN) && HEADER.is_multiple_of(ALIGN));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ValType;

    #[test]
    fn fields_are_aligned_and_a_subtype_begins_as_its_supertype() {
        let of = |fields: &[StorageType]| FieldsLayout::of(fields.iter().copied());
        let (byte, word) = (StorageType::I8, StorageType::Val(ValType::I64));
        let sub = of(&[byte, word, byte, StorageType::Val(ValType::V128)]);
        assert_eq!((&*sub.offsets, sub.size), (&[8, 16, 24, 32][..], 48));
        assert_eq!(of(&[byte, word]).offsets, sub.offsets[..2].into());
        assert_eq!(of(&[]).size, HEADER);
    }

    #[test]
    fn arrays_pack_their_elements() {
        assert_eq!(array_bytes(1, 0), 16);
        assert_eq!(array_bytes(1, 5), 24);
        assert_eq!(array_bytes(8, 1), 24);
        assert_eq!(array_bytes(16, u32::MAX), 16 * (1 << 32));
    }
}
