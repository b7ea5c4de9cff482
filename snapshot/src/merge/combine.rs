//! Merges a run of values. The loops have no branches where the operation has none, so that they become vector code.

use std::ops::Range;

use super::number::Number;
use super::plan::{Operation, Region, ValueType};

/// A part of a diff that lies in one region.
#[derive(Debug)]
pub(super) struct Segment<'a> {
    pub(super) region: Region,
    /// Where it begins in the memory.
    pub(super) offset: u64,
    /// What the author left there.
    pub(super) new: &'a [u8],
    /// Where it lies in the window.
    pub(super) within: Range<usize>,
}

/// Why a segment cannot be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unmergeable {
    /// It begins or ends inside a value.
    Torn { offset: u64 },
    /// A value has no factor that makes it of the base's.
    NoFactor { offset: u64 },
}

impl Segment<'_> {
    /// Whether it can be merged with what is in the base at its place.
    pub(super) fn check(&self, base: &[u8]) -> Result<(), Unmergeable> {
        let size = self.region.ty.size();
        let end = self.offset + self.new.len() as u64;
        if let Some(offset) = [self.offset, end].into_iter().find(|at| !at.is_multiple_of(size)) {
            return Err(Unmergeable::Torn { offset });
        }
        if self.region.operation != Operation::Product {
            return Ok(());
        }
        let without = match self.region.ty {
            ValueType::I32 => without_factor::<i32, 4>(base, self.new),
            ValueType::I64 => without_factor::<i64, 8>(base, self.new),
            ValueType::F32 => without_factor::<f32, 4>(base, self.new),
            ValueType::F64 => without_factor::<f64, 8>(base, self.new),
            ValueType::Raw | ValueType::Bool => None,
        };
        match without {
            Some(index) => Err(Unmergeable::NoFactor { offset: self.offset + index as u64 * size }),
            None => Ok(()),
        }
    }

    /// Merges it into what is there so far. It was checked.
    pub(super) fn combine(&self, base: &[u8], target: &mut [u8]) {
        let values = (base, self.new, target);
        match (self.region.operation, self.region.ty) {
            (Operation::Ignore, _) => {}
            (Operation::Xor, _) => each(values, |[base], [new], [so_far]| [so_far ^ base ^ new]),
            (_, ValueType::Raw) => changed::<1>(values, |_, new, _| new),
            (operation, ValueType::Bool) => truth(operation, values),
            (operation, ValueType::I32) => numbers::<i32, 4>(operation, values),
            (operation, ValueType::I64) => numbers::<i64, 8>(operation, values),
            (operation, ValueType::F32) => numbers::<f32, 4>(operation, values),
            (operation, ValueType::F64) => numbers::<f64, 8>(operation, values),
        }
    }
}

/// The base's bytes, the author's, and what is there so far; all of the same length.
type Values<'a> = (&'a [u8], &'a [u8], &'a mut [u8]);

fn numbers<T: Number<N>, const N: usize>(operation: Operation, values: Values<'_>) {
    fn with<T: Number<N>, const N: usize>(values: Values<'_>, combine: impl Fn(T, T, T) -> T) {
        changed(values, |base, new, so_far| {
            combine(T::from_guest(base), T::from_guest(new), T::from_guest(so_far)).to_guest()
        });
    }
    match operation {
        Operation::Sum | Operation::Subtract => with(values, T::sum),
        Operation::Product => with(values, T::product),
        Operation::Max => with::<T, N>(values, |_, new, so_far| T::larger(new, so_far)),
        Operation::Min => with::<T, N>(values, |_, new, so_far| T::smaller(new, so_far)),
        Operation::Overwrite | Operation::Xor | Operation::Ignore => {
            changed::<N>(values, |_, new, _| new);
        }
    }
}

fn truth(operation: Operation, values: Values<'_>) {
    match operation {
        Operation::Max => changed(values, |_, [new], [so_far]| [u8::from(new | so_far != 0)]),
        Operation::Min => {
            changed(values, |_, [new], [so_far]| [u8::from(new != 0) & u8::from(so_far != 0)]);
        }
        _ => changed::<1>(values, |_, new, _| new),
    }
}

/// Combines each value that the author changed.
fn changed<const N: usize>(
    values: Values<'_>,
    combine: impl Fn([u8; N], [u8; N], [u8; N]) -> [u8; N],
) {
    each(values, |base, new, so_far| {
        let combined = combine(base, new, so_far);
        if base == new { so_far } else { combined }
    });
}

/// Combines each value.
fn each<const N: usize>(
    (base, new, target): Values<'_>,
    combine: impl Fn([u8; N], [u8; N], [u8; N]) -> [u8; N],
) {
    let new = base.as_chunks::<N>().0.iter().zip(new.as_chunks::<N>().0);
    for ((base, new), so_far) in new.zip(target.as_chunks_mut::<N>().0) {
        *so_far = combine(*base, *new, *so_far);
    }
}

/// The first value that no factor makes of the base's.
fn without_factor<T: Number<N>, const N: usize>(base: &[u8], new: &[u8]) -> Option<usize> {
    let mut values = base.as_chunks::<N>().0.iter().zip(new.as_chunks::<N>().0);
    values.position(|(base, new)| {
        base != new && !T::has_factor(T::from_guest(*base), T::from_guest(*new))
    })
}
