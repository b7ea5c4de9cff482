//! What each merge leaves, and what is refused.

use super::*;

fn numbers(combine: Combine, offset: usize, numbers: &[i64]) -> Merge {
    let bytes = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    Merge::Numbers { combine, number: Number::I64, offset, bytes }
}

fn i64s(value: &[u8]) -> Vec<i64> {
    value.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()
}

#[test]
fn numbers_are_combined_where_they_lie_and_put_down_where_none_were() {
    let mut value = Vec::new();
    assert_eq!(numbers(Combine::Sum, 8, &[5, -7]).apply(&mut value), Ok(8..24));
    assert_eq!(i64s(&value), [0, 5, -7]);
    numbers(Combine::Sum, 16, &[i64::MAX, 3]).apply(&mut value).unwrap();
    assert_eq!(i64s(&value), [0, 5, i64::MAX - 7, 3]);
    numbers(Combine::Sum, 16, &[8]).apply(&mut value).unwrap();
    assert_eq!(i64s(&value)[2], i64::MIN, "sums wrap");
    numbers(Combine::Max, 0, &[-1, 9]).apply(&mut value).unwrap();
    numbers(Combine::Min, 24, &[-3, -4]).apply(&mut value).unwrap();
    assert_eq!(i64s(&value), [0, 9, i64::MIN, -3, -4]);
}

#[test]
fn what_is_no_number_gives_way() {
    let merge = |combine, n: f32| Merge::Numbers {
        combine,
        number: Number::F32,
        offset: 0,
        bytes: n.to_le_bytes().to_vec(),
    };
    for combine in [Combine::Max, Combine::Min] {
        let mut value = f32::NAN.to_le_bytes().to_vec();
        merge(combine, 1.5).apply(&mut value).unwrap();
        merge(combine, f32::NAN).apply(&mut value).unwrap();
        assert_eq!(value, 1.5_f32.to_le_bytes());
    }
    let mut value = 1.0e30_f32.to_le_bytes().to_vec();
    merge(Combine::Sum, f32::INFINITY).apply(&mut value).unwrap();
    assert_eq!(value, f32::INFINITY.to_le_bytes());
}

#[test]
fn numbers_that_do_not_fit_are_refused_and_change_nothing() {
    let bytes = vec![1; 12];
    let ragged = Merge::Numbers { combine: Combine::Sum, number: Number::F64, offset: 0, bytes };
    let mut value = vec![7; 12];
    assert_eq!(ragged.apply(&mut value), Err(MergeError::Ragged { len: 12, width: 8 }));
    for offset in [8, usize::MAX - 3] {
        let error = numbers(Combine::Sum, offset, &[1]).apply(&mut value).unwrap_err();
        assert_eq!(error, MergeError::Misplaced { offset, len: 8, size: 12 });
    }
    assert_eq!(value, [7; 12]);
    // It begins behind the value's ragged end.
    numbers(Combine::Sum, 12, &[1]).apply(&mut value).unwrap();
    assert_eq!(value.len(), 20);
}

#[test]
fn sets_are_united_and_others_are_refused() {
    let union = |new: &[&[u8]]| Merge::Union(new.iter().map(|member| member.to_vec()).collect());
    let mut value = Vec::new();
    union(&[b"b", b"", b"b", b"abc"]).apply(&mut value).unwrap();
    union(&[b"abc", b"ab"]).apply(&mut value).unwrap();
    assert_eq!(members(&value).unwrap(), [&b""[..], b"ab", b"abc", b"b"]);
    for bad in [&[1, 0, 0][..], &[2, 0, 0, 0, b'x'], &[0; 8]] {
        let mut value = bad.to_vec();
        assert_eq!(union(&[b"x"]).apply(&mut value), Err(MergeError::NotASet));
        assert_eq!(value, bad);
    }
}
