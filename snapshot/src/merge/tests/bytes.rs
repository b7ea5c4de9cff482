//! Diffs as bytes: what the format is, and that bytes from anywhere are refused or harmless.

use proptest::prelude::*;

use super::*;

fn sample() -> Diff {
    let mut diff = Diff::empty(Stamp { base: 0x0102, author: 3 }, 0x1_0000);
    diff.push(0, &[0xaa]);
    diff.push(300, &[1, 2, 3]);
    diff
}

#[test]
fn the_format_is_version_0() {
    let bytes = sample().encode();
    let mut expected = Vec::new();
    expected.extend_from_slice(b"FDIF\0\0\0\0");
    expected.extend_from_slice(&[2, 1, 0, 0, 0, 0, 0, 0]);
    expected.extend_from_slice(&[0, 0, 1, 0, 0, 0, 0, 0]);
    expected.extend_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend_from_slice(&[3, 0, 0, 0]);
    expected.extend_from_slice(&[0, 1, 0xab, 0x02, 3]);
    expected.extend_from_slice(&[0xaa, 1, 2, 3]);
    assert_eq!(bytes, expected);
    assert_eq!(Diff::decode(&bytes), Ok(sample()));
}

#[test]
fn every_part_that_is_missing_or_too_much_is_an_error() {
    let bytes = sample().encode();
    for length in 0..bytes.len() {
        assert!(Diff::decode(&bytes[..length]).is_err(), "{length} bytes");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(Diff::decode(&longer), Err(DecodeError::Malformed { .. })));
    let changed = |at: usize, to: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = to;
        Diff::decode(&bytes)
    };
    assert_eq!(changed(0, b'G'), Err(DecodeError::Magic));
    assert_eq!(changed(4, 1), Err(DecodeError::Version { found: 1 }));
    // A memory of 256 bytes, which the second run is behind; runs that are empty or touch; ever so many runs.
    for (at, to) in [(18, 0), (37, 0), (40, 0), (31, 0xff)] {
        assert!(matches!(changed(at, to), Err(DecodeError::Malformed { .. })), "byte {at}");
    }
    let touching = [&bytes[..38], &[0, 3], &bytes[41..]].concat();
    assert!(matches!(Diff::decode(&touching), Err(DecodeError::Malformed { .. })));
    let overlong = [&bytes[..36], &[0x80, 0], &bytes[37..]].concat();
    assert!(matches!(Diff::decode(&overlong), Err(DecodeError::Malformed { .. })));
    let endless = [&bytes[..36], &[0xff; 12], &bytes[37..]].concat();
    assert!(matches!(Diff::decode(&endless), Err(DecodeError::Malformed { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_decodes_is_the_form_of_what_it_decodes_to_and_merges_inside_its_window(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        runs in prop::collection::vec((0..50_u64, prop::collection::vec(any::<u8>(), 1..20)), 0..8),
        ty in 0..4_usize,
        operation in 0..8_usize,
    ) {
        let mut diff = Diff::empty(Stamp { base: 7, author: 0 }, 256);
        let mut end = 0;
        for (gap, bytes) in runs {
            if end + gap + bytes.len() as u64 <= 256 {
                diff.push(end + gap, &bytes);
                end += gap + bytes.len() as u64;
            }
        }
        let mut bytes = diff.encode();
        for (index, to) in changes {
            let at = index.index(bytes.len());
            bytes[at] = to;
        }
        let Ok(decoded) = Diff::decode(&bytes) else { return Ok(()) };
        prop_assert_eq!(decoded.encode(), bytes);
        let ty = [ValueType::I32, ValueType::I64, ValueType::F32, ValueType::F64][ty];
        let operation = [
            Operation::Sum,
            Operation::Product,
            Operation::Max,
            Operation::Min,
            Operation::Xor,
            Operation::Overwrite,
            Operation::Ignore,
            Operation::Subtract,
        ][operation];
        let region = Region { offset: 64, length: 64, ty, operation };
        let plan = Plan::new(256, &[region], Gaps::Overwrite).unwrap();
        let (base, mut target) = ([3; 64], [3; 64]);
        if let Ok(merge) = Merge::new(&plan, 7, [&decoded]) {
            let window = Window { offset: 96, base: &base, target: &mut target };
            if merge.apply(window).is_err() {
                prop_assert_eq!(target, base);
            }
        }
    }
}
