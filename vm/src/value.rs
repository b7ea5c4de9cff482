//! Values as the host sees them, and the Rust types that stand for them.

use std::mem::MaybeUninit;

use faasm_abi::gc;
use faasm_abi::types::{HeapType, RefType, ValType};

use crate::func::Func;
use crate::gc_ref::GcRef;
use crate::heap;
use crate::store::core::StoreCore;

/// Any WebAssembly value.
///
/// Equality is of bits, so a NaN equals itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Val {
    /// 32-bit integer.
    I32(i32),
    /// 64-bit integer.
    I64(i64),
    /// Bits of a binary32.
    F32(u32),
    /// Bits of a binary64.
    F64(u64),
    /// 128-bit vector, lane 0 lowest.
    V128(u128),
    /// Reference to a function.
    FuncRef(Option<Func>),
    /// Reference to something of the host's: a number of its own choice below 2³⁰.
    ExternRef(Option<u32>),
    /// Reference to an object or an unboxed integer; also as an external reference.
    AnyRef(Option<GcRef>),
    /// Reference to an exception.
    ExnRef(Option<GcRef>),
}

impl Val {
    /// The type; of references the nullable one.
    #[must_use]
    pub fn ty(&self) -> ValType {
        match self {
            Self::I32(_) => ValType::I32,
            Self::I64(_) => ValType::I64,
            Self::F32(_) => ValType::F32,
            Self::F64(_) => ValType::F64,
            Self::V128(_) => ValType::V128,
            Self::FuncRef(_) => ValType::FUNCREF,
            Self::ExternRef(_) => ValType::EXTERNREF,
            Self::AnyRef(_) => ValType::Ref(RefType { nullable: true, heap: HeapType::Any }),
            Self::ExnRef(_) => ValType::Ref(RefType { nullable: true, heap: HeapType::Exn }),
        }
    }
}

/// The bits of `value` as compiled code has them, if it is of type `ty` and of this store.
pub(crate) fn to_bits(core: &StoreCore, ty: ValType, value: Val) -> Option<u128> {
    let bits = match (ty, value) {
        (ValType::I32, Val::I32(value)) => value.cast_unsigned().into(),
        (ValType::I64, Val::I64(value)) => value.cast_unsigned().into(),
        (ValType::F32, Val::F32(bits)) => bits.into(),
        (ValType::F64, Val::F64(bits)) => bits.into(),
        (ValType::V128, Val::V128(bits)) => bits,
        (ValType::Ref(ty), value) => reference_bits(core, ty, value)?.into(),
        _ => return None,
    };
    Some(bits)
}

fn reference_bits(core: &StoreCore, ty: RefType, value: Val) -> Option<u32> {
    match (ty.heap, value) {
        (heap, Val::FuncRef(Some(func))) => {
            let record = core.contents.func(func.index).filter(|_| func.store == core.id)?;
            let fits = core.contents.types.heap_matches(HeapType::Concrete(record.ty), heap);
            fits.then_some(func.index)
        }
        (HeapType::Extern, Val::ExternRef(Some(number))) => {
            (number < gc::MAX_EXTERN).then_some(number << 2 | gc::EXTERN_TAG)
        }
        (_, Val::AnyRef(Some(reference)) | Val::ExnRef(Some(reference))) => {
            let bits = reference.bits(core)?;
            let found = heap::heap_type(core, bits);
            // What is converted to an external reference keeps its form.
            let external = ty.heap == HeapType::Extern && found != HeapType::Exn;
            (external || core.contents.types.heap_matches(found, ty.heap)).then_some(bits)
        }
        (HeapType::Any, Val::ExternRef(Some(number))) => {
            (number < gc::MAX_EXTERN).then_some(number << 2 | gc::EXTERN_TAG)
        }
        (heap, Val::FuncRef(None)) => is_null(core, ty, HeapType::NoFunc, heap),
        (heap, Val::ExternRef(None)) => is_null(core, ty, HeapType::NoExtern, heap),
        (heap, Val::AnyRef(None)) => is_null(core, ty, HeapType::None, heap),
        (heap, Val::ExnRef(None)) => is_null(core, ty, HeapType::NoExn, heap),
        _ => None,
    }
}

/// Null, if it belongs to the type and its hierarchy has this bottom.
fn is_null(core: &StoreCore, ty: RefType, bottom: HeapType, heap: HeapType) -> Option<u32> {
    (ty.nullable && core.contents.types.heap_matches(bottom, heap)).then_some(0)
}

/// The value of type `ty` with these bits of compiled code's.
#[expect(clippy::cast_possible_truncation, reason = "the low bits are the value")]
pub(crate) fn from_bits(core: &StoreCore, ty: ValType, bits: u128) -> Val {
    match ty {
        ValType::I32 => Val::I32((bits as u32).cast_signed()),
        ValType::I64 => Val::I64((bits as u64).cast_signed()),
        ValType::F32 => Val::F32(bits as u32),
        ValType::F64 => Val::F64(bits as u64),
        ValType::V128 => Val::V128(bits),
        ValType::Ref(ty) => reference_from_bits(core, ty.heap, bits as u32),
    }
}

fn reference_from_bits(core: &StoreCore, heap: HeapType, bits: u32) -> Val {
    if !core.contents.types.is_collected(heap) {
        return Val::FuncRef(core.func_handle(bits));
    }
    let rooted = || (bits != 0).then(|| GcRef::root(core, bits));
    match heap {
        _ if bits & gc::TAG_BITS == gc::EXTERN_TAG => Val::ExternRef(Some(bits >> 2)),
        HeapType::Extern | HeapType::NoExtern if bits == 0 => Val::ExternRef(None),
        HeapType::Exn | HeapType::NoExn => Val::ExnRef(rooted()),
        _ => Val::AnyRef(rooted()),
    }
}

/// A Rust type that stands for a numeric WebAssembly type, in parameters and results.
pub trait Scalar: Copy + Send + Sync + sealed::Sealed + 'static {
    /// The WebAssembly type.
    const TYPE: ValType;
    /// Its bits, zero-extended.
    fn to_bits(self) -> u64;
    /// From the low bits.
    fn from_bits(bits: u64) -> Self;
}

macro_rules! scalars {
    ($($rust:ty, $val:ident, $ty:ident, |$v:ident| $to:expr, |$b:ident| $from:expr, |$x:ident| $wrap:expr;)*) => {
        $(
            impl sealed::Sealed for $rust {}
            impl Scalar for $rust {
                const TYPE: ValType = ValType::$ty;
                fn to_bits(self) -> u64 { let $v = self; $to }
                #[expect(clippy::cast_possible_truncation, reason = "the low bits are the value")]
                #[allow(clippy::cast_possible_wrap, reason = "bits, not numbers")]
                fn from_bits($b: u64) -> Self { $from }
            }
            impl From<$rust> for Val {
                fn from($x: $rust) -> Self { Self::$val($wrap) }
            }
        )*
    };
}

scalars! {
    i32, I32, I32, |v| u64::from(v.cast_unsigned()), |b| b as u32 as i32, |x| x;
    u32, I32, I32, |v| u64::from(v), |b| b as u32, |x| x.cast_signed();
    f32, F32, F32, |v| u64::from(v.to_bits()), |b| f32::from_bits(b as u32), |x| x.to_bits();
}

macro_rules! wide_scalars {
    ($($rust:ty, $val:ident, $ty:ident, |$v:ident| $to:expr, |$b:ident| $from:expr, |$x:ident| $wrap:expr;)*) => {
        $(
            impl sealed::Sealed for $rust {}
            impl Scalar for $rust {
                const TYPE: ValType = ValType::$ty;
                fn to_bits(self) -> u64 { let $v = self; $to }
                fn from_bits($b: u64) -> Self { $from }
            }
            impl From<$rust> for Val {
                fn from($x: $rust) -> Self { Self::$val($wrap) }
            }
        )*
    };
}

wide_scalars! {
    i64, I64, I64, |v| v.cast_unsigned(), |b| b.cast_signed(), |x| x;
    u64, I64, I64, |v| v, |b| b, |x| x.cast_signed();
    f64, F64, F64, |v| v.to_bits(), |b| f64::from_bits(b), |x| x.to_bits();
}

/// A list of scalars as one Rust type: `()`, a scalar, or a tuple of up to twelve of them.
///
/// Parameters and results of a [`crate::TypedFunc`].
pub trait Values: Copy + sealed::Sealed + 'static {
    /// The WebAssembly types, in order.
    const TYPES: &'static [ValType];
    /// An array of [`Cell`]s.
    #[doc(hidden)]
    type Cells: Copy;
    /// The values as an entry takes them.
    #[doc(hidden)]
    fn into_cells(self) -> Self::Cells;
    /// The values as an entry left them.
    #[doc(hidden)]
    fn from_cells(cells: &Self::Cells) -> Self;
}

/// A value's place in the array that entries read and write.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub union Cell {
    narrow: u32,
    wide: u64,
    whole: [MaybeUninit<u64>; 2],
}

const _: () = assert!(size_of::<Cell>() == faasm_abi::host::VALUE_BYTES as usize);

impl Cell {
    #[inline]
    fn new(bits: u64) -> Self {
        Self { whole: [MaybeUninit::new(bits), MaybeUninit::uninit()] }
    }

    /// The bits of an `S`. No more is read than the entry has written: a load that is wider than the store before it
    /// has to wait until that store has left the processor, as long as the rest of a call takes.
    #[inline]
    fn bits<S: Scalar>(&self) -> u64 {
        match S::TYPE {
            // SAFETY: `new` or an entry has written the low bytes, and any bits are a number.
            ValType::I32 | ValType::F32 => u64::from(unsafe { self.narrow }),
            // SAFETY: as above.
            _ => unsafe { self.wide },
        }
    }
}

impl sealed::Sealed for () {}
impl Values for () {
    const TYPES: &'static [ValType] = &[];
    type Cells = [Cell; 0];
    fn into_cells(self) -> Self::Cells {
        []
    }
    fn from_cells(_: &Self::Cells) -> Self {}
}

impl<S: Scalar> Values for S {
    const TYPES: &'static [ValType] = &[S::TYPE];
    type Cells = [Cell; 1];
    #[inline]
    fn into_cells(self) -> Self::Cells {
        [Cell::new(self.to_bits())]
    }
    #[inline]
    fn from_cells(cells: &Self::Cells) -> Self {
        S::from_bits(cells[0].bits::<S>())
    }
}

macro_rules! tuples {
    ($($count:literal: $($name:ident $index:tt),*;)*) => {
        $(
            impl<$($name: Scalar),*> sealed::Sealed for ($($name,)*) {}
            impl<$($name: Scalar),*> Values for ($($name,)*) {
                const TYPES: &'static [ValType] = &[$($name::TYPE),*];
                type Cells = [Cell; $count];
                #[inline]
                fn into_cells(self) -> Self::Cells {
                    [$(Cell::new(self.$index.to_bits())),*]
                }
                #[inline]
                fn from_cells(cells: &Self::Cells) -> Self {
                    ($($name::from_bits(cells[$index].bits::<$name>()),)*)
                }
            }
        )*
    };
}

tuples! {
    1: A 0;
    2: A 0, B 1;
    3: A 0, B 1, C 2;
    4: A 0, B 1, C 2, D 3;
    5: A 0, B 1, C 2, D 3, E 4;
    6: A 0, B 1, C 2, D 3, E 4, F 5;
    7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
    9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8;
    10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9;
    11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10;
    12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11;
}

mod sealed {
    /// Only this file's types are values.
    pub trait Sealed {}
}
