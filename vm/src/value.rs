//! Values as the host sees them, and the Rust types that stand for them.

use faasm_abi::types::ValType;

use crate::func::Func;

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
    /// Reference to something of the host's: a number of its own choice below `u32::MAX`.
    ExternRef(Option<u32>),
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
        }
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
    /// Writes each value's bits into the low half of a cell. `cells` has at least as many as there are values.
    #[doc(hidden)]
    fn store(self, cells: &mut [u128]);
    /// Reads them back.
    #[doc(hidden)]
    fn load(cells: &[u128]) -> Self;
}

impl sealed::Sealed for () {}
impl Values for () {
    const TYPES: &'static [ValType] = &[];
    fn store(self, _: &mut [u128]) {}
    fn load(_: &[u128]) -> Self {}
}

impl<S: Scalar> Values for S {
    const TYPES: &'static [ValType] = &[S::TYPE];
    #[inline]
    fn store(self, cells: &mut [u128]) {
        cells[0] = u128::from(self.to_bits());
    }
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a scalar is in the low half")]
    fn load(cells: &[u128]) -> Self {
        S::from_bits(cells[0] as u64)
    }
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),*);)*) => {
        $(
            impl<$($name: Scalar),*> sealed::Sealed for ($($name,)*) {}
            impl<$($name: Scalar),*> Values for ($($name,)*) {
                const TYPES: &'static [ValType] = &[$($name::TYPE),*];
                #[inline]
                fn store(self, cells: &mut [u128]) {
                    $(cells[$index] = u128::from(self.$index.to_bits());)*
                }
                #[inline]
                #[expect(clippy::cast_possible_truncation, reason = "a scalar is in the low half")]
                fn load(cells: &[u128]) -> Self {
                    ($($name::from_bits(cells[$index] as u64),)*)
                }
            }
        )*
    };
}

tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
    (A 0, B 1, C 2, D 3, E 4);
    (A 0, B 1, C 2, D 3, E 4, F 5);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
}

mod sealed {
    /// Only this file's types are values.
    pub trait Sealed {}
}
