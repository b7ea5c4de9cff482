//! Merges against what the authors did; and what is refused.

mod bytes;
mod model;

use super::*;

/// A plan of one region, from byte 0 to the memory's end.
fn whole(size: u64, ty: ValueType, operation: Operation) -> Plan {
    Plan::new(size, &[Region { offset: 0, length: size, ty, operation }], Gaps::Overwrite).unwrap()
}

/// The diff of an author whose whole memory is given.
fn diff(plan: &Plan, author: u32, base: &[u8], now: &[u8]) -> Diff {
    let pages = WrittenPages { offset: 0, base, now };
    Diff::of(plan, Stamp { base: 7, author }, [pages]).unwrap()
}

/// The memory after a merge of what the authors left.
fn merged(plan: &Plan, base: &[u8], authors: &[Vec<u8>]) -> Result<Vec<u8>, MergeError> {
    let diffs: Vec<_> =
        authors.iter().zip(1..).map(|(now, author)| diff(plan, author, base, now)).collect();
    let mut target = base.to_vec();
    Merge::new(plan, 7, &diffs)?.apply(Window { offset: 0, base, target: &mut target })?;
    Ok(target)
}

/// A merge of one value: the base's, and those that the authors left.
fn value<const N: usize>(
    (ty, operation): (ValueType, Operation),
    base: [u8; N],
    authors: &[[u8; N]],
) -> Result<[u8; N], MergeError> {
    let authors: Vec<_> = authors.iter().map(|bytes| bytes.to_vec()).collect();
    let all = merged(&whole(N as u64, ty, operation), &base, &authors)?;
    Ok(all.try_into().unwrap())
}

fn double(operation: Operation, base: f64, authors: &[f64]) -> Result<f64, MergeError> {
    let authors: Vec<_> = authors.iter().map(|number| number.to_le_bytes()).collect();
    value((ValueType::F64, operation), base.to_le_bytes(), &authors).map(f64::from_le_bytes)
}

fn integer(operation: Operation, base: i32, authors: &[i32]) -> Result<i32, MergeError> {
    let authors: Vec<_> = authors.iter().map(|number| number.to_le_bytes()).collect();
    value((ValueType::I32, operation), base.to_le_bytes(), &authors).map(i32::from_le_bytes)
}

#[test]
fn integers_are_merged_by_their_operation() {
    use Operation::{Max, Min, Overwrite, Product, Subtract, Sum, Xor};
    for (operation, base, authors, expected) in [
        (Sum, 10, [11, 15], 16),
        (Sum, i32::MAX, [i32::MIN, i32::MAX - 1], i32::MAX),
        (Subtract, 10, [7, 9], 6),
        (Subtract, i32::MIN, [i32::MAX, i32::MIN], i32::MAX),
        (Product, 6, [18, -12], -36),
        (Product, 1 << 30, [i32::MIN, -(1 << 30)], i32::MIN),
        (Product, 0, [0, 0], 0),
        (Product, 5, [0, 10], 0),
        (Max, -3, [-5, -1], -1),
        (Max, 4, [3, 2], 4),
        (Min, -3, [-5, -1], -5),
        (Overwrite, 1, [2, 1], 2),
        (Overwrite, 1, [2, 3], 3),
        (Xor, 0b1100, [0b1101, 0b0100], 0b0101),
    ] {
        assert_eq!(integer(operation, base, &authors), Ok(expected), "{operation:?} of {base}");
    }
}

#[test]
fn floats_of_one_author_are_exact_and_of_several_are_counted_together() {
    use Operation::{Product, Subtract, Sum};
    let (huge, inf) = (1e300, f64::INFINITY);
    for (operation, base, authors, expected) in [
        (Sum, 0.5, vec![1.5, 2.5], 3.5),
        (Subtract, 0.5, vec![0.25, 0.0], -0.25),
        (Sum, huge, vec![1.0], 1.0),
        (Sum, huge, vec![huge, 1.0], 1.0),
        (Sum, inf, vec![inf, 3.0], 3.0),
        (Sum, inf, vec![inf, inf], inf),
        (Product, 3.0, vec![6.0, 1.5], 3.0),
        (Product, 0.1, vec![0.3], 0.3),
        (Product, 0.0, vec![-0.0, 0.0], -0.0),
        (Product, 0.0, vec![-0.0, -0.0], 0.0),
        (Product, inf, vec![-inf], -inf),
        (Product, 2.0, vec![0.0, 8.0], 0.0),
    ] {
        let found = double(operation, base, &authors).unwrap();
        let same = found.to_bits() == expected.to_bits();
        assert!(same, "{operation:?} of {base} and {authors:?}: {found}, not {expected}");
    }
}

#[test]
fn extremes_of_floats_are_those_of_webassembly() {
    use Operation::{Max, Min};
    let bits =
        |operation, base, authors: &[f64]| double(operation, base, authors).unwrap().to_bits();
    assert_eq!(bits(Max, -0.0, &[0.0]), 0_f64.to_bits());
    assert_eq!(bits(Max, 0.0, &[-0.0]), 0_f64.to_bits());
    assert_eq!(bits(Min, 0.0, &[-0.0]), (-0_f64).to_bits());
    assert_eq!(bits(Max, 1.0, &[f64::from_bits(0xfff8_0000_0000_0001), 9.0]), f64::NAN.to_bits());
    assert_eq!(bits(Min, 1.0, &[0.5, f64::NAN]), f64::NAN.to_bits());
    assert_eq!(bits(Min, 1.0, &[0.5, -2.0]), (-2_f64).to_bits());
}

#[test]
fn truth_values_are_any_or_all() {
    let truth = |operation, base, authors: &[[u8; 1]]| {
        value((ValueType::Bool, operation), [base], authors).unwrap()
    };
    assert_eq!(truth(Operation::Max, 0, &[[0], [4]]), [1]);
    assert_eq!(truth(Operation::Max, 1, &[[0], [0]]), [1]);
    assert_eq!(truth(Operation::Min, 2, &[[3], [0]]), [0]);
    assert_eq!(truth(Operation::Min, 2, &[[3], [2]]), [1]);
    assert_eq!(truth(Operation::Overwrite, 1, &[[0], [1]]), [0]);
}

#[test]
fn what_no_factor_makes_is_refused_and_nothing_is_merged() {
    let refused = Err(MergeError::NoFactor { author: 1, offset: 0 });
    assert_eq!(integer(Operation::Product, 0, &[1]), refused);
    assert_eq!(integer(Operation::Product, 4, &[2]), refused);
    assert!(double(Operation::Product, 0.0, &[1.0]).is_err());
    assert!(double(Operation::Product, f64::INFINITY, &[1.0]).is_err());
    assert!(double(Operation::Product, f64::NAN, &[1.0]).is_err());
    let plan = whole(8, ValueType::I32, Operation::Product);
    let base = [0; 8];
    let wrong = diff(&plan, 3, &base, &[0, 0, 0, 0, 1, 0, 0, 0]);
    let mut target = [9; 8];
    let window = Window { offset: 0, base: &base, target: &mut target };
    let error = Merge::new(&plan, 7, [&wrong]).unwrap().apply(window).unwrap_err();
    assert_eq!(error, MergeError::NoFactor { author: 3, offset: 4 });
    assert!(error.to_string().contains("a product begins at 1"), "{error}");
    assert_eq!(target, [9; 8]);
}

#[test]
fn a_memory_that_threads_share_is_merged_with_what_they_left_in_it() {
    let plan = whole(8, ValueType::I64, Operation::Sum);
    let (base, mut target) = (100_i64.to_le_bytes(), 105_i64.to_le_bytes());
    let diffs = [diff(&plan, 1, &base, &130_i64.to_le_bytes())];
    let window = Window { offset: 0, base: &base, target: &mut target };
    Merge::new(&plan, 7, &diffs).unwrap().apply(window).unwrap();
    assert_eq!(i64::from_le_bytes(target), 135);
}

#[test]
fn plans_say_what_is_wrong_with_a_region() {
    use Operation::{Max, Sum};
    use ValueType::{Bool, F64, I32, Raw};
    let refused = |regions: &[(u64, u64, ValueType, Operation)]| {
        let of = |&(offset, length, ty, operation)| Region { offset, length, ty, operation };
        let regions: Vec<_> = regions.iter().map(of).collect();
        Plan::new(64, &regions, Gaps::Xor).unwrap_err()
    };
    assert_eq!(refused(&[(8, 0, I32, Sum)]), PlanError::Empty { offset: 8 });
    let outside = |offset, length| PlanError::Outside { offset, length, size: 64 };
    assert_eq!(refused(&[(60, 8, I32, Sum)]), outside(60, 8));
    assert_eq!(refused(&[(u64::MAX, 8, I32, Sum)]), outside(u64::MAX, 8));
    assert_eq!(
        refused(&[(2, 4, I32, Sum)]),
        PlanError::Unaligned { offset: 2, length: 4, ty: I32 }
    );
    assert_eq!(
        refused(&[(8, 12, F64, Sum)]),
        PlanError::Unaligned { offset: 8, length: 12, ty: F64 }
    );
    assert_eq!(refused(&[(0, 1, Raw, Max)]), PlanError::NoOperation { ty: Raw, operation: Max });
    assert_eq!(refused(&[(0, 1, Bool, Sum)]), PlanError::NoOperation { ty: Bool, operation: Sum });
    let twice = [(16, 8, I32, Sum), (0, 8, I32, Sum), (4, 8, I32, Max)];
    assert_eq!(refused(&twice), PlanError::Overlap { first: 0, second: 4 });
}

#[test]
fn diffs_that_do_not_belong_together_are_refused() {
    let (plan, base) = (whole(16, ValueType::I32, Operation::Sum), [0; 16]);
    let one = diff(&plan, 1, &base, &[1; 16]);
    assert_eq!(
        Merge::new(&plan, 8, [&one]).unwrap_err(),
        MergeError::Base { author: 1, found: 7, base: 8 }
    );
    assert_eq!(Merge::new(&plan, 7, [&one, &one]).unwrap_err(), MergeError::Twice { author: 1 });
    let larger = whole(32, ValueType::I32, Operation::Sum);
    assert_eq!(
        Merge::new(&larger, 7, [&one]).unwrap_err(),
        MergeError::Size { author: 1, found: 16, size: 32 }
    );
    // Of bytes, and so cut anywhere; merged as integers.
    let raw = whole(16, ValueType::Raw, Operation::Overwrite);
    let mut torn = Diff::empty(Stamp { base: 7, author: 2 }, 16);
    torn.push(6, &[1, 2]);
    let (mut target, merge) = (base, Merge::new(&plan, 7, [&torn]).unwrap());
    let window = Window { offset: 0, base: &base, target: &mut target };
    assert_eq!(merge.apply(window), Err(MergeError::Torn { author: 2, offset: 6 }));
    assert!(
        Merge::new(&raw, 7, [&torn])
            .unwrap()
            .apply(Window { offset: 0, base: &base, target: &mut target })
            .is_ok()
    );
    assert_eq!(target[6..8], [1, 2]);
}

#[test]
fn windows_and_pages_lie_in_the_memory_and_hold_whole_words() {
    let plan = whole(100, ValueType::I32, Operation::Sum);
    let merge = Merge::new(&plan, 0, []).unwrap();
    let window = |offset, base: usize, target: usize| {
        let (base, mut target) = (vec![0; base], vec![0; target]);
        merge.apply(Window { offset, base: &base, target: &mut target }).is_ok()
    };
    assert!(window(0, 100, 100) && window(96, 4, 4) && window(8, 16, 16) && window(100, 0, 0));
    assert!(!window(0, 96, 100) && !window(4, 8, 8) && !window(8, 12, 12));
    assert!(!window(96, 8, 8) && !window(u64::MAX, 8, 8));
    let pages = |places: &[(u64, usize)]| {
        let zeros = [0; 200];
        let pages = places.iter().map(|(offset, length)| WrittenPages {
            offset: *offset,
            base: &zeros[..*length],
            now: &zeros[..*length],
        });
        Diff::of(&plan, Stamp { base: 0, author: 0 }, pages)
    };
    assert!(pages(&[(0, 8), (8, 8), (96, 4)]).is_ok_and(|diff| diff.is_empty()));
    for wrong in [&[(4, 8)][..], &[(0, 12)], &[(96, 8)], &[(u64::MAX, 8)]] {
        assert!(matches!(pages(wrong), Err(DiffError::Place { .. })), "{wrong:?}");
    }
    assert_eq!(pages(&[(8, 16), (16, 8)]), Err(DiffError::Order { offset: 16, end: 24 }));
    let lengths = WrittenPages { offset: 0, base: &[0; 8], now: &[0; 16] };
    let error = Diff::of(&plan, Stamp { base: 0, author: 0 }, [lengths]).unwrap_err();
    assert_eq!(error, DiffError::Lengths { offset: 0, now: 16, base: 8 });
}

#[test]
fn only_pages_that_were_changed_are_touched() {
    let plan = whole(10 * PAGE, ValueType::Raw, Operation::Overwrite);
    let base = vec![0; 10 * 4096];
    let written = |places: &[usize]| {
        let mut now = base.clone();
        places.iter().for_each(|place| now[*place] = 1);
        now
    };
    let diffs = [
        diff(&plan, 1, &base, &written(&[4095, 4096, 9 * 4096])),
        diff(&plan, 2, &base, &written(&[5 * 4096 + 1, 4096])),
    ];
    let touched = Merge::new(&plan, 7, &diffs).unwrap().touched();
    assert_eq!(touched, [0..2 * PAGE, 5 * PAGE..6 * PAGE, 9 * PAGE..10 * PAGE]);
}
