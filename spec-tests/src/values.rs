//! Values of scripts: arguments become values of the VM, results are compared with patterns.

use anyhow::{Result, bail};
use faasm_vm::{GcRef, HeapType, Val};
use wast::core::{NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};
use wast::{WastArg, WastRet};

/// The VM's value for an argument.
pub(crate) fn argument(arg: &WastArg<'_>) -> Result<Val> {
    let WastArg::Core(arg) = arg else { bail!("arguments of components are not supported") };
    Ok(match arg {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefExtern(value) => Val::ExternRef(Some(*value)),
        WastArgCore::RefNull(heap) => null(heap)?,
        WastArgCore::RefHost(value) => Val::ExternRef(Some(*value)),
    })
}

fn null(heap: &wast::core::HeapType<'_>) -> Result<Val> {
    use wast::core::{AbstractHeapType as Abstract, HeapType};
    let HeapType::Abstract { ty, .. } = heap else {
        bail!("a null reference of type {heap:?} has no value by itself")
    };
    Ok(match ty {
        Abstract::Func | Abstract::NoFunc => Val::FuncRef(None),
        Abstract::Extern | Abstract::NoExtern => Val::ExternRef(None),
        Abstract::Exn | Abstract::NoExn => Val::ExnRef(None),
        Abstract::Any
        | Abstract::Eq
        | Abstract::I31
        | Abstract::Struct
        | Abstract::Array
        | Abstract::None => Val::AnyRef(None),
        other => bail!("null references of type {other:?} are not supported"),
    })
}

/// Whether `values` are what the script expects; `kind` tells what a reference refers to.
pub(crate) fn all_match(
    values: &[Val],
    expected: &[WastRet<'_>],
    kind: &dyn Fn(&GcRef) -> HeapType,
) -> bool {
    values.len() == expected.len()
        && values.iter().zip(expected).all(|(value, expected)| match expected {
            WastRet::Core(expected) => matches(value, expected, kind),
            _ => false,
        })
}

/// One arm for each pattern.
fn matches(value: &Val, expected: &WastRetCore<'_>, kind: &dyn Fn(&GcRef) -> HeapType) -> bool {
    let is = |wanted| matches!(value, Val::AnyRef(Some(found)) if kind(found) == wanted);
    match expected {
        WastRetCore::I32(expected) => *value == Val::I32(*expected),
        WastRetCore::I64(expected) => *value == Val::I64(*expected),
        WastRetCore::F32(expected) => {
            matches!(value, Val::F32(bits) if f32_matches(*bits, expected))
        }
        WastRetCore::F64(expected) => {
            matches!(value, Val::F64(bits) if f64_matches(*bits, expected))
        }
        WastRetCore::V128(expected) => {
            matches!(value, Val::V128(bits) if v128_matches(*bits, expected))
        }
        // A null is that of the bottom of its hierarchy, whatever its static type was.
        WastRetCore::RefNull(Some(heap)) if null(heap).is_ok() => {
            null(heap).is_ok_and(|null| *value == null)
        }
        WastRetCore::RefNull(_) => matches!(
            value,
            Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None) | Val::ExnRef(None)
        ),
        WastRetCore::RefFunc(_) => matches!(value, Val::FuncRef(Some(_))),
        WastRetCore::RefExtern(None) => {
            matches!(value, Val::ExternRef(Some(_)) | Val::AnyRef(Some(_)))
        }
        WastRetCore::RefExtern(Some(expected)) | WastRetCore::RefHost(expected) => {
            *value == Val::ExternRef(Some(*expected))
        }
        WastRetCore::RefAny => matches!(value, Val::AnyRef(Some(_)) | Val::ExternRef(Some(_))),
        WastRetCore::RefEq => matches!(value, Val::AnyRef(Some(_))),
        WastRetCore::RefI31 | WastRetCore::RefI31Shared => is(HeapType::I31),
        WastRetCore::RefStruct => is(HeapType::Struct),
        WastRetCore::RefArray => is(HeapType::Array),
        WastRetCore::Either(cases) => cases.iter().any(|case| matches(value, case, kind)),
    }
}

fn f32_matches(bits: u32, expected: &NanPattern<F32>) -> bool {
    const CANONICAL: u32 = 0x7fc0_0000;
    match expected {
        NanPattern::Value(expected) => bits == expected.bits,
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == CANONICAL,
        NanPattern::ArithmeticNan => bits & CANONICAL == CANONICAL,
    }
}

fn f64_matches(bits: u64, expected: &NanPattern<F64>) -> bool {
    const CANONICAL: u64 = 0x7ff8_0000_0000_0000;
    match expected {
        NanPattern::Value(expected) => bits == expected.bits,
        NanPattern::CanonicalNan => bits & (u64::MAX >> 1) == CANONICAL,
        NanPattern::ArithmeticNan => bits & CANONICAL == CANONICAL,
    }
}

fn v128_matches(bits: u128, expected: &V128Pattern) -> bool {
    let bytes = bits.to_le_bytes();
    match expected {
        V128Pattern::I8x16(lanes) => bytes.map(u8::cast_signed) == *lanes,
        V128Pattern::I16x8(lanes) => lanes_match(&bytes, lanes, |b, l| i16::from_le_bytes(b) == *l),
        V128Pattern::I32x4(lanes) => lanes_match(&bytes, lanes, |b, l| i32::from_le_bytes(b) == *l),
        V128Pattern::I64x2(lanes) => lanes_match(&bytes, lanes, |b, l| i64::from_le_bytes(b) == *l),
        V128Pattern::F32x4(lanes) => {
            lanes_match(&bytes, lanes, |b, l| f32_matches(u32::from_le_bytes(b), l))
        }
        V128Pattern::F64x2(lanes) => {
            lanes_match(&bytes, lanes, |b, l| f64_matches(u64::from_le_bytes(b), l))
        }
    }
}

fn lanes_match<const BYTES: usize, L>(
    bytes: &[u8; 16],
    lanes: &[L],
    matches: impl Fn([u8; BYTES], &L) -> bool,
) -> bool {
    let (chunks, rest) = bytes.as_chunks::<BYTES>();
    rest.is_empty()
        && chunks.len() == lanes.len()
        && chunks.iter().zip(lanes).all(|(chunk, lane)| matches(*chunk, lane))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_patterns_ignore_the_sign_and_canonical_ones_the_payload_not() {
        assert!(f32_matches(0xffc0_0000, &NanPattern::CanonicalNan));
        assert!(!f32_matches(0x7fc0_0001, &NanPattern::CanonicalNan));
        assert!(f32_matches(0x7fc0_0001, &NanPattern::ArithmeticNan));
        assert!(!f32_matches(0x7f80_0001, &NanPattern::ArithmeticNan));
        assert!(f64_matches(0xfff8_0000_0000_0000, &NanPattern::CanonicalNan));
        assert!(!f64_matches(0x7ff4_0000_0000_0000, &NanPattern::ArithmeticNan));
    }

    #[test]
    fn vectors_are_compared_lane_by_lane_from_the_lowest() {
        let bits = u128::from_le_bytes([1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 255, 255]);
        assert!(v128_matches(bits, &V128Pattern::I16x8([1, 2, 3, 4, 5, 6, 7, -1])));
        assert!(!v128_matches(bits, &V128Pattern::I16x8([-1, 7, 6, 5, 4, 3, 2, 1])));
    }
}
