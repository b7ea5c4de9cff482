//! What a value is after it was written.

use std::ops::Range;

use faasm_state::{Condition, Stat, Version};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::Subject;
use crate::subject::{done, patch, pattern};

const MIB: usize = 1 << 20;

/// Nothing is where nothing was written.
pub fn a_value_that_nobody_set_is_absent(subject: &Subject) {
    let at = subject.at("k");
    for tier in [subject.tier(), subject.other()] {
        assert_eq!(done(tier.stat(&at)).unwrap(), None);
        assert_eq!(done(tier.get(&at, &[0..10])).unwrap(), None);
        assert_eq!(done(tier.get(&at, &[])).unwrap(), None);
        assert!(!done(tier.delete(&at, Condition::ALWAYS)).unwrap());
        assert!(done(tier.read_appended(&at, 10, 10)).unwrap().is_empty());
    }
}

/// `set` leaves nothing of what was there.
pub fn set_replaces_the_whole_value_and_its_size(subject: &Subject) {
    let at = subject.at("k");
    let first = done(subject.tier().set(&at, b"long value".to_vec(), Condition::ALWAYS)).unwrap();
    assert_eq!(first.before, Version::ABSENT);
    let second = done(subject.other().set(&at, b"short".to_vec(), Condition::ALWAYS)).unwrap();
    assert_eq!(second.before, first.after);
    assert_eq!(subject.whole(&at), b"short");
    let stat = Some(Stat { version: second.after, size: 5 });
    assert_eq!(done(subject.tier().stat(&at)).unwrap(), stat);
}

/// A value of no bytes is not the same as none.
pub fn an_empty_value_is_there(subject: &Subject) {
    let (set, grown) = (subject.at("set"), subject.at("grown"));
    let written = done(subject.tier().set(&set, Vec::new(), Condition::ALWAYS)).unwrap();
    let stat = Some(Stat { version: written.after, size: 0 });
    assert_eq!(done(subject.other().stat(&set)).unwrap(), stat);
    assert_eq!(subject.whole(&set), b"");
    let empty = done(subject.tier().set_ranges(&grown, patch(0, &[]), Condition::ALWAYS)).unwrap();
    assert_ne!(empty.after, Version::ABSENT);
    assert_eq!(subject.whole(&grown), b"");
    let missed = Condition::at(Version::ABSENT);
    assert!(done(subject.tier().set(&set, b"x".to_vec(), missed)).is_err(), "something is there");
}

/// Runs are written over what is there, and zeroes are where nothing was.
pub fn ranges_are_written_in_one_go_and_never_shorten(subject: &Subject) {
    let (at, tier) = (subject.at("k"), subject.tier());
    done(tier.set_ranges(&at, patch(8, &[(1, b"ab"), (5, b"c")]), Condition::ALWAYS)).unwrap();
    assert_eq!(subject.whole(&at), b"\0ab\0\0c\0\0");
    done(tier.set_ranges(&at, patch(4, &[(0, b"X")]), Condition::ALWAYS)).unwrap();
    assert_eq!(subject.whole(&at), b"Xab\0\0c\0\0");
    done(tier.set_ranges(&at, patch(10, &[]), Condition::ALWAYS)).unwrap();
    assert_eq!(subject.whole(&at), b"Xab\0\0c\0\0\0\0");
}

/// Ranges are clipped; those behind the value are not there.
pub fn reads_end_where_the_value_ends(subject: &Subject) {
    let at = subject.at("k");
    subject.set(&at, b"0123456789");
    let ranges = [1..3, 3..3, 5..6, 9..200, 300..400, usize::MAX - 1..usize::MAX];
    let fetched = done(subject.other().get(&at, &ranges)).unwrap().unwrap();
    assert_eq!(fetched.patch.size(), 10);
    let chunks: Vec<_> = fetched.patch.chunks().collect();
    assert_eq!(chunks, [(1, &b"12"[..]), (5, b"5"), (9, b"9")]);
    let none = done(subject.other().get(&at, &[])).unwrap().unwrap();
    assert_eq!((none.version, none.patch.size(), none.patch.len()), (fetched.version, 10, 0));
}

/// Large values, whole and in parts.
pub fn values_of_many_chunks_come_back_whole(subject: &Subject) {
    let (set, ranged) = (subject.at("set"), subject.at("ranged"));
    let mut bytes = pattern(5 * MIB + 4321, 1);
    subject.set(&set, bytes.clone());
    let whole = [(0, &bytes[..])];
    done(subject.tier().set_ranges(&ranged, patch(0, &whole), Condition::ALWAYS)).unwrap();
    // Over the middle, across the edges of chunks of any usual size.
    let new = pattern(2 * MIB + 99, 2);
    let at = MIB - 7;
    bytes[at..at + new.len()].copy_from_slice(&new);
    for address in [&set, &ranged] {
        done(subject.other().set_ranges(address, patch(0, &[(at, &new)]), Condition::ALWAYS))
            .unwrap();
        assert!(subject.whole(address) == bytes);
        let ranges = [0..1, 65_535..65_537, MIB - 8..4 * MIB + 3, bytes.len() - 1..usize::MAX];
        let fetched = done(subject.tier().get(address, &ranges)).unwrap().unwrap();
        assert_eq!(fetched.patch.runs().len(), 4);
        for (offset, part) in fetched.patch.chunks() {
            assert!(part == &bytes[offset..offset + part.len()]);
        }
    }
}

/// As a push of scattered pages does.
pub fn many_small_runs_are_written_and_read_at_once(subject: &Subject) {
    let at = subject.at("k");
    let mut bytes = pattern(3 * MIB, 3);
    subject.set(&at, bytes.clone());
    let runs: Vec<Range<usize>> =
        (0..3_000).map(|n| n * 1_001 + n % 7..n * 1_001 + n % 7 + 1 + n % 500).collect();
    let new = pattern(3 * MIB, 4);
    let chunks: Vec<_> = runs.iter().map(|run| (run.start, &new[run.clone()])).collect();
    runs.iter().for_each(|run| bytes[run.clone()].copy_from_slice(&new[run.clone()]));
    done(subject.tier().set_ranges(&at, patch(0, &chunks), Condition::ALWAYS)).unwrap();
    assert!(subject.whole(&at) == bytes);
    let fetched = done(subject.other().get(&at, &runs)).unwrap().unwrap();
    assert!(fetched.patch.runs() == runs.as_slice());
    assert!(fetched.patch.chunks().eq(chunks));
}

/// Against plain bytes in memory.
pub fn random_writes_leave_what_they_leave_in_plain_bytes(subject: &Subject) {
    const MOST: usize = 3 * MIB / 2;
    let place = prop_oneof![
        3 => 0..MOST,
        2 => (0..7_usize, 0..5_usize).prop_map(|(edge, off)| (edge * (256 << 10) + off).saturating_sub(2)),
        1 => 0..100_usize,
    ];
    let act = (0..8_u8, place.clone(), place, any::<u64>());
    let acts = prop::collection::vec(act, 1..12);
    let config =
        Config { cases: 12, failure_persistence: None, max_shrink_iters: 40, ..Config::default() };
    let outcome = TestRunner::new(config).run(&acts, |acts| {
        let subject = subject.fresh();
        let at = subject.at("k");
        let mut plain = Vec::new();
        subject.set(&at, Vec::new());
        for (n, (kind, a, b, seed)) in acts.into_iter().enumerate() {
            let (from, to) = (a.min(b), a.max(b));
            let tier = subject.either(n);
            match kind {
                0 => {
                    plain = pattern(a, seed);
                    done(tier.set(&at, plain.clone(), Condition::ALWAYS)).unwrap();
                }
                1..=5 => {
                    let new = pattern(to - from, seed);
                    plain.resize(plain.len().max(to), 0);
                    plain[from..to].copy_from_slice(&new);
                    done(tier.set_ranges(&at, patch(to, &[(from, &new)]), Condition::ALWAYS))
                        .unwrap();
                }
                6 => {
                    plain.resize(plain.len().max(a), 0);
                    done(tier.set_ranges(&at, patch(a, &[]), Condition::ALWAYS)).unwrap();
                }
                _ => {
                    let fetched = done(tier.get(&at, &[from..to])).unwrap().unwrap();
                    let (from, to) = (from.min(plain.len()), to.min(plain.len()));
                    prop_assert!(fetched.patch.into_bytes() == plain[from..to]);
                }
            }
        }
        prop_assert!(subject.whole(&at) == plain);
        Ok(())
    });
    outcome.unwrap();
}

/// What was cut off does not come back when the value grows.
pub fn a_smaller_value_leaves_nothing_of_the_larger_one(subject: &Subject) {
    let (at, tier) = (subject.at("k"), subject.tier());
    for large in [100_usize, 3 * MIB] {
        subject.set(&at, vec![7; large]);
        subject.set(&at, b"ab");
        done(tier.set_ranges(&at, patch(large, &[]), Condition::ALWAYS)).unwrap();
        let whole = subject.whole(&at);
        assert_eq!((&whole[..2], whole.len()), (&b"ab"[..], large));
        assert!(whole[2..].iter().all(|byte| *byte == 0));
        subject.set(&at, vec![7; large]);
        done(tier.delete(&at, Condition::ALWAYS)).unwrap();
        done(tier.set_ranges(&at, patch(large, &[(1, b"x")]), Condition::ALWAYS)).unwrap();
        assert!(
            subject
                .whole(&at)
                .iter()
                .enumerate()
                .all(|(n, byte)| *byte == if n == 1 { b'x' } else { 0 })
        );
    }
}

/// A few bytes far out.
pub fn a_value_can_be_large_and_hold_little(subject: &Subject) {
    let at = subject.at("k");
    let size = 40 * MIB;
    let far = size - 10;
    done(subject.tier().set_ranges(&at, patch(size, &[(far, b"far")]), Condition::ALWAYS)).unwrap();
    let fetched = done(subject.other().get(&at, &[5..8, far - 1..far + 4])).unwrap().unwrap();
    assert_eq!(fetched.patch.size(), size);
    assert_eq!(fetched.patch.into_bytes(), b"\0\0\0\0far\0");
}

/// Both end, and nothing comes back.
pub fn deletion_ends_value_and_list(subject: &Subject) {
    let (at, tier) = (subject.at("k"), subject.tier());
    for value in [&b"value"[..], &pattern(2 * MIB, 5)] {
        subject.set(&at, value);
        done(tier.append(&at, b"x".to_vec(), None)).unwrap();
        assert!(done(subject.other().delete(&at, Condition::ALWAYS)).unwrap());
        assert!(subject.appended(&at).is_empty());
        assert_eq!(done(tier.stat(&at)).unwrap(), None);
        assert_eq!(done(tier.get(&at, &[0..usize::MAX])).unwrap(), None);
        assert!(!done(tier.delete(&at, Condition::ALWAYS)).unwrap());
    }
    done(tier.append(&at, b"y".to_vec(), None)).unwrap();
    assert!(done(tier.delete(&at, Condition::at(Version::ABSENT))).unwrap(), "a list alone");
    assert!(subject.appended(&at).is_empty());
}
