//! What the bytes of a memory mean when several authors have written to them.

use std::ops::Range;

/// What the bytes of a region are; numbers are little-endian, as in WebAssembly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// Bytes.
    Raw,
    /// Truth values of one byte: 0 is false, anything else true.
    Bool,
    /// Signed integers of 32 bits.
    I32,
    /// Signed integers of 64 bits.
    I64,
    /// Floats of 32 bits.
    F32,
    /// Floats of 64 bits.
    F64,
}

impl ValueType {
    /// Bytes of one value.
    #[must_use]
    pub const fn size(self) -> u64 {
        match self {
            Self::Raw | Self::Bool => 1,
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 => 8,
        }
    }
}

/// How the values of several authors become one; the page above has the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// What the authors added counts together.
    Sum,
    /// The authors' factors count together.
    Product,
    /// What the authors took away counts together.
    Subtract,
    /// The largest value; of truth values, whether any is true.
    Max,
    /// The smallest value; of truth values, whether all are true.
    Min,
    /// The value of the last author that changed it.
    Overwrite,
    /// No author's changes are taken: what is private to each, such as a thread's stack.
    Ignore,
    /// Each author's flipped bits are flipped.
    Xor,
}

/// A part of a memory in which all values are of one type and merged in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Where it begins, in bytes; a multiple of the type's size.
    pub offset: u64,
    /// Bytes; a multiple of the type's size, and not 0.
    pub length: u64,
    /// What is there.
    pub ty: ValueType,
    /// How it is merged.
    pub operation: Operation,
}

impl Region {
    /// From its first byte to behind its last. Of a region that is in a plan.
    const fn range(&self) -> Range<u64> {
        self.offset..self.offset + self.length
    }
}

/// How the bytes are merged that no region has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gaps {
    /// Byte by byte, the last author that changed it wins.
    #[default]
    Overwrite,
    /// Each author's flipped bits are flipped.
    Xor,
}

/// Why regions make no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A region has no bytes.
    #[error("the merge region at byte {offset} has no bytes: leave it out")]
    Empty {
        /// Where it is.
        offset: u64,
    },
    /// A region ends behind the memory.
    #[error(
        "the merge region at byte {offset} has {length} bytes, and the memory ends at byte {size}"
    )]
    Outside {
        /// Where it begins.
        offset: u64,
        /// Its bytes.
        length: u64,
        /// The memory's bytes.
        size: u64,
    },
    /// A region does not hold whole values.
    #[error("the merge region at byte {offset} has {length} bytes: both must be multiples of {}, the size of {ty:?}", ty.size())]
    Unaligned {
        /// Where it begins.
        offset: u64,
        /// Its bytes.
        length: u64,
        /// What is there.
        ty: ValueType,
    },
    /// The type has no such operation.
    #[error("values of type {ty:?} have no {operation:?}{}", match ty { ValueType::Bool => ": Max is `or`, Min is `and`", _ => "" })]
    NoOperation {
        /// What is there.
        ty: ValueType,
        /// How it was to be merged.
        operation: Operation,
    },
    /// Two regions have bytes in common.
    #[error("the merge regions at bytes {first} and {second} overlap")]
    Overlap {
        /// Where the first begins.
        first: u64,
        /// Where the second begins.
        second: u64,
    },
}

/// How every byte of a memory is merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    size: u64,
    /// Ascending, and every byte of the memory is in one.
    regions: Vec<Region>,
}

impl Plan {
    /// The plan for a memory of `size` bytes with these regions, in any order.
    ///
    /// # Errors
    ///
    /// [`PlanError`].
    pub fn new(size: u64, regions: &[Region], gaps: Gaps) -> Result<Self, PlanError> {
        regions.iter().try_for_each(|region| check(region, size))?;
        let mut sorted = regions.to_vec();
        sorted.sort_by_key(|region| region.offset);
        if let Some([first, second]) =
            sorted.array_windows().find(|[first, second]| first.range().end > second.offset)
        {
            return Err(PlanError::Overlap { first: first.offset, second: second.offset });
        }
        Ok(Self { size, regions: filled(&sorted, size, gaps) })
    }

    /// Bytes of the memory.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The regions that a range meets, each with the part of the range that is in it.
    pub(super) fn regions(&self, range: Range<u64>) -> impl Iterator<Item = (Region, Range<u64>)> {
        let first = self.regions.partition_point(|region| region.range().end <= range.start);
        self.regions[first..].iter().map_while(move |region| {
            let of = region.range();
            let part = of.start.max(range.start)..of.end.min(range.end);
            (!part.is_empty()).then_some((*region, part))
        })
    }
}

fn check(region: &Region, size: u64) -> Result<(), PlanError> {
    let Region { offset, length, ty, operation } = *region;
    if length == 0 {
        return Err(PlanError::Empty { offset });
    }
    if offset.checked_add(length).is_none_or(|end| end > size) {
        return Err(PlanError::Outside { offset, length, size });
    }
    if !offset.is_multiple_of(ty.size()) || !length.is_multiple_of(ty.size()) {
        return Err(PlanError::Unaligned { offset, length, ty });
    }
    if !has(ty, operation) {
        return Err(PlanError::NoOperation { ty, operation });
    }
    Ok(())
}

/// Whether values of the type can be merged so.
const fn has(ty: ValueType, operation: Operation) -> bool {
    match operation {
        Operation::Overwrite | Operation::Ignore | Operation::Xor => true,
        Operation::Max | Operation::Min => !matches!(ty, ValueType::Raw),
        Operation::Sum | Operation::Product | Operation::Subtract => {
            !matches!(ty, ValueType::Raw | ValueType::Bool)
        }
    }
}

/// The regions, with others between them.
fn filled(sorted: &[Region], size: u64, gaps: Gaps) -> Vec<Region> {
    let operation = match gaps {
        Gaps::Overwrite => Operation::Overwrite,
        Gaps::Xor => Operation::Xor,
    };
    let gap = |from: u64, to: u64| Region {
        offset: from,
        length: to - from,
        ty: ValueType::Raw,
        operation,
    };
    let (mut all, mut end) = (Vec::with_capacity(2 * sorted.len() + 1), 0);
    for region in sorted {
        all.extend([gap(end, region.offset), *region]);
        end = region.range().end;
    }
    all.push(gap(end, size));
    all.retain(|region| region.length > 0);
    all
}
