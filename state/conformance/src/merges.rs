//! Merges, against [`Merge::apply`] on plain bytes.

use std::thread;

use faasm_state::{
    Combine, Condition, GlobalError, Merge, MergeError, Merged, Number, Version, members,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::Subject;
use crate::subject::{done, numbers, pattern};

fn combine() -> impl Strategy<Value = Combine> {
    prop_oneof![Just(Combine::Sum), Just(Combine::Max), Just(Combine::Min)]
}

/// Numbers of all kinds: small ones, those at the ends of their ranges, infinite ones, and those that are none.
fn bytes(number: Number) -> BoxedStrategy<Vec<u8>> {
    let many = 0..40_usize;
    match number {
        Number::I64 => {
            let one = prop_oneof![
                any::<i64>(),
                -9..9_i64,
                Just(i64::MAX),
                Just(i64::MIN),
                Just(-1_i64 << 32),
                Just(0xffff_ffff_i64),
            ];
            let bytes = |all: Vec<i64>| all.into_iter().flat_map(i64::to_le_bytes).collect();
            prop::collection::vec(one, many).prop_map(bytes).boxed()
        }
        Number::F64 => {
            let one = prop_oneof![
                any::<f64>(),
                -9.0..9.0_f64,
                Just(f64::NAN),
                Just(-0.0),
                Just(f64::INFINITY)
            ];
            let bytes = |all: Vec<f64>| all.into_iter().flat_map(f64::to_le_bytes).collect();
            prop::collection::vec(one, many).prop_map(bytes).boxed()
        }
        Number::F32 => {
            let one = prop_oneof![
                any::<f32>(),
                -9.0..9.0_f32,
                Just(f32::NAN),
                Just(-0.0),
                Just(f32::MAX)
            ];
            let bytes = |all: Vec<f32>| all.into_iter().flat_map(f32::to_le_bytes).collect();
            prop::collection::vec(one, many).prop_map(bytes).boxed()
        }
    }
}

fn number_merge(number: Number) -> impl Strategy<Value = Merge> {
    let offset = prop_oneof![3 => (0..12_usize).prop_map(|n| n * 8), 1 => 0..70_usize];
    (combine(), offset, bytes(number)).prop_map(move |(combine, offset, bytes)| Merge::Numbers {
        combine,
        number,
        offset,
        bytes,
    })
}

fn union() -> impl Strategy<Value = Merge> {
    prop::collection::vec(prop::collection::vec(0..4_u8, 0..4), 0..6).prop_map(Merge::Union)
}

/// Any sequence of merges: the same bytes, the same results, the same refusals.
pub fn merges_do_what_merge_apply_does(subject: &Subject) {
    let number = prop_oneof![Just(Number::I64), Just(Number::F32), Just(Number::F64)];
    let start = prop_oneof![2 => Just(None), 1 => (0..90_usize).prop_map(Some)];
    let of_one_kind =
        number.prop_flat_map(|number| prop::collection::vec(number_merge(number), 1..6));
    let changes = prop_oneof![3 => of_one_kind, 1 => prop::collection::vec(union(), 1..6)];
    let config =
        Config { cases: 96, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let outcome = TestRunner::new(config).run(&(start, changes), |(start, changes)| {
        let subject = subject.fresh();
        let at = subject.at("k");
        let mut plain = start.map(|len| pattern(len, 9));
        if let Some(bytes) = &plain {
            subject.set(&at, bytes.clone());
        }
        for (n, change) in changes.into_iter().enumerate() {
            let mut expected = plain.clone().unwrap_or_default();
            let applied = change.apply(&mut expected);
            let wanted = n % 3 != 0;
            let merged =
                done(subject.either(n).merge(&at, change.clone(), Condition::ALWAYS, wanted));
            match (applied, merged) {
                (Ok(run), Ok(Merged { result, .. })) => {
                    prop_assert_eq!(result.is_some(), wanted);
                    if let Some(result) = result {
                        prop_assert!(
                            same(&change, &result, &expected[run]),
                            "the result of {change:?}"
                        );
                    }
                    let whole = subject.whole(&at);
                    let from = match change {
                        Merge::Numbers { offset, .. } => offset.min(whole.len()),
                        Merge::Union(_) => 0,
                    };
                    prop_assert_eq!(whole.len(), expected.len());
                    prop_assert_eq!(&whole[..from], &expected[..from]);
                    prop_assert!(same(&change, &whole[from..], &expected[from..]), "{change:?}");
                    plain = Some(whole);
                }
                (Err(error), Err(GlobalError::Unmergeable(refused))) => {
                    prop_assert_eq!(error, refused);
                    let stat = done(subject.tier().stat(&at)).unwrap();
                    prop_assert_eq!(stat.map(|stat| stat.size), plain.as_ref().map(Vec::len));
                }
                (applied, merged) => prop_assert!(false, "{applied:?}, but {merged:?}"),
            }
        }
        Ok(())
    });
    outcome.unwrap();
}

/// Byte for byte, but that IEEE 754 leaves open which of two operands that are no numbers a sum is.
fn same(change: &Merge, merged: &[u8], expected: &[u8]) -> bool {
    fn all<const N: usize>(a: &[u8], b: &[u8], is_nan: impl Fn([u8; N]) -> bool) -> bool {
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<N>(), b.as_chunks::<N>());
        let alike = |(a, b): (&[u8; N], &[u8; N])| a == b || (is_nan(*a) && is_nan(*b));
        a_rest == b_rest && a.len() == b.len() && a.iter().zip(b).all(alike)
    }
    match change {
        Merge::Numbers { combine: Combine::Sum, number: Number::F64, .. } => {
            all(merged, expected, |bytes| f64::from_le_bytes(bytes).is_nan())
        }
        Merge::Numbers { combine: Combine::Sum, number: Number::F32, .. } => {
            all(merged, expected, |bytes| f32::from_le_bytes(bytes).is_nan())
        }
        Merge::Numbers { .. } | Merge::Union(_) => merged == expected,
    }
}

/// Vectors of many chunks, at places where a number lies in two of them.
pub fn numbers_across_chunks_are_merged_where_they_lie(subject: &Subject) {
    for (number, offset) in [(Number::I64, 3), (Number::F32, 262_142), (Number::F64, 65_532)] {
        let at = subject.at(format!("{number:?}"));
        let ones = match number {
            Number::I64 => 1_i64.to_le_bytes().to_vec(),
            Number::F32 => 1.5_f32.to_le_bytes().to_vec(),
            Number::F64 => 1.25_f64.to_le_bytes().to_vec(),
        };
        let mut plain = vec![0; offset + number.width() * 100_000];
        subject.set(&at, plain.clone());
        for (n, count) in [100_000, 150_000, 100_000].into_iter().enumerate() {
            let bytes = ones.repeat(count);
            let change = Merge::Numbers { combine: Combine::Sum, number, offset, bytes };
            let run = change.apply(&mut plain).unwrap();
            let merged =
                done(subject.either(n).merge(&at, change, Condition::ALWAYS, n != 1)).unwrap();
            assert!(merged.result.is_none_or(|result| result == plain[run]));
        }
        assert!(subject.whole(&at) == plain);
    }
}

/// With the reason that `Merge::apply` gives.
pub fn what_does_not_fit_is_refused_and_changes_nothing(subject: &Subject) {
    let (at, tier) = (subject.at("k"), subject.tier());
    let value = pattern(12, 1);
    subject.set(&at, value.clone());
    let version = done(tier.stat(&at)).unwrap();
    let ragged = Merge::Numbers {
        combine: Combine::Sum,
        number: Number::F64,
        offset: 0,
        bytes: vec![1; 12],
    };
    for (change, why) in [
        (ragged, MergeError::Ragged { len: 12, width: 8 }),
        (numbers(Combine::Sum, 8, &[1]), MergeError::Misplaced { offset: 8, len: 8, size: 12 }),
        (
            numbers(Combine::Max, usize::MAX - 3, &[1]),
            MergeError::Misplaced { offset: usize::MAX - 3, len: 8, size: 12 },
        ),
        (Merge::Union(vec![b"x".to_vec()]), MergeError::NotASet),
    ] {
        let refused = done(tier.merge(&at, change, Condition::ALWAYS, true)).unwrap_err();
        assert!(
            matches!(&refused, GlobalError::Unmergeable(error) if *error == why),
            "{refused:?}"
        );
    }
    assert_eq!(subject.whole(&at), value);
    assert_eq!(done(tier.stat(&at)).unwrap(), version);
}

/// Counters and vectors, without conditions.
pub fn merges_from_many_threads_lose_nothing(subject: &Subject) {
    let (counter, vector) = (subject.at("counter"), subject.at("vector"));
    let floats = 1.0_f32.to_le_bytes().repeat(30_000);
    thread::scope(|scope| {
        for n in 0..4 {
            let (counter, vector, floats) = (&counter, &vector, &floats);
            scope.spawn(move || {
                for round in 0..30 {
                    let one = numbers(Combine::Sum, 0, &[1, -1]);
                    done(subject.either(n).merge(counter, one, Condition::ALWAYS, false)).unwrap();
                    if round < 3 {
                        let (combine, number) = (Combine::Sum, Number::F32);
                        let bytes = floats.clone();
                        let change = Merge::Numbers { combine, number, offset: 4, bytes };
                        done(subject.either(n).merge(vector, change, Condition::ALWAYS, true))
                            .unwrap();
                    }
                }
            });
        }
    });
    let count: Vec<u8> = [120_i64, -120].iter().flat_map(|n| n.to_le_bytes()).collect();
    assert_eq!(subject.whole(&counter), count);
    assert!(subject.whole(&vector)[4..] == 12.0_f32.to_le_bytes().repeat(30_000));
}

/// A set that many add to.
pub fn members_from_many_threads_are_all_there(subject: &Subject) {
    let at = subject.at("k");
    thread::scope(|scope| {
        for n in 0..4 {
            let at = &at;
            scope.spawn(move || {
                for round in 0..10 {
                    let new = vec![format!("{n}-{round}").into_bytes(), b"all".to_vec()];
                    let change = Merge::Union(new);
                    done(subject.either(n).merge(at, change, Condition::ALWAYS, false)).unwrap();
                }
            });
        }
    });
    let set = subject.whole(&at);
    assert_eq!(members(&set).unwrap().len(), 41);
}

/// The same conditions as other writes.
pub fn merges_are_made_under_conditions(subject: &Subject) {
    let (at, tier) = (subject.at("k"), subject.tier());
    for change in [numbers(Combine::Sum, 0, &[5]), Merge::Union(vec![b"member".to_vec()])] {
        let absent = Condition::at(Version::ABSENT);
        let first = done(tier.merge(&at, change.clone(), absent, false)).unwrap().written;
        assert_eq!(first.before, Version::ABSENT);
        let refused = done(tier.merge(&at, change.clone(), absent, false)).unwrap_err();
        assert!(matches!(refused, GlobalError::Conflict { found, .. } if found == first.after));
        let second = done(tier.merge(&at, change, Condition::at(first.after), true)).unwrap();
        assert_eq!(second.written.before, first.after);
        assert!(done(tier.delete(&at, Condition::at(second.written.after))).unwrap());
    }
}
