//! Versions, conditions, and what is seen while others write.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use faasm_state::{Address, Combine, Condition, GlobalError, GlobalTier, Version, Written};

use crate::Subject;
use crate::subject::{done, numbers, patch};

const MIB: usize = 1 << 20;

/// No version comes twice.
pub fn versions_grow_also_over_deletion(subject: &Subject) {
    let at = subject.at("k");
    let mut last = Version::ABSENT;
    for n in 0..60 {
        let tier = subject.either(n);
        let written = match n % 4 {
            0 => done(tier.set(&at, vec![1; 10], Condition::ALWAYS)).unwrap(),
            1 => done(tier.set_ranges(&at, patch(20, &[(3, b"x")]), Condition::ALWAYS)).unwrap(),
            2 => done(tier.set_ranges(&at, patch(0, &[]), Condition::ALWAYS)).unwrap(),
            _ => {
                let change = numbers(Combine::Sum, 24, &[1]);
                done(tier.merge(&at, change, Condition::ALWAYS, false)).unwrap().written
            }
        };
        assert!(written.after > last, "{written:?} after {last:?}");
        last = written.after;
        assert_eq!(done(subject.either(n + 1).stat(&at)).unwrap().unwrap().version, last);
        if n % 5 == 4 {
            assert!(done(tier.delete(&at, Condition::at(last))).unwrap());
        }
    }
}

/// So the writes to one address are in one order that all can tell.
pub fn each_write_names_the_version_that_it_was_written_over(subject: &Subject) {
    let at = subject.at("k");
    let write = |thread: usize| -> Vec<Written> {
        let tier = subject.either(thread);
        let write = |n: usize| match n % 3 {
            0 => done(tier.set(&at, vec![1; n], Condition::ALWAYS)),
            1 => done(tier.set_ranges(&at, patch(n, &[]), Condition::ALWAYS)),
            _ => {
                done(tier.merge(&at, numbers(Combine::Max, 2_000, &[1]), Condition::ALWAYS, false))
                    .map(|merged| merged.written)
            }
        };
        (0..40).map(|n| write(n).unwrap()).collect()
    };
    let written = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(move || write(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let next: HashMap<_, _> = written.iter().map(|w| (w.before, w.after)).collect();
    let (mut at_version, mut steps) = (Version::ABSENT, 0);
    while let Some(after) = next.get(&at_version) {
        assert!(*after > at_version);
        (at_version, steps) = (*after, steps + 1);
    }
    assert_eq!(steps, written.len(), "each version was written over once");
    assert_eq!(done(subject.tier().stat(&at)).unwrap().unwrap().version, at_version);
}

/// A refused write leaves all as it was.
pub fn conditions_hold_or_nothing_is_written(subject: &Subject) {
    let (at, tier) = (subject.at("k"), subject.tier());
    let absent = Condition::at(Version::ABSENT);
    let wrong = Version(u64::MAX);
    let missed = done(tier.set(&at, b"x".to_vec(), Condition::at(wrong))).unwrap_err();
    assert!(
        matches!(missed, GlobalError::Conflict { wanted, found } if wanted == wrong && found == Version::ABSENT),
        "{missed}"
    );
    assert_eq!(done(tier.stat(&at)).unwrap(), None);
    let first = done(tier.set(&at, b"1".to_vec(), absent)).unwrap().after;
    done(tier.append(&at, b"element".to_vec(), None)).unwrap();
    for refused in [
        done(tier.set(&at, b"2".to_vec(), absent)).unwrap_err(),
        done(subject.other().set_ranges(&at, patch(9, &[(0, b"2")]), absent)).unwrap_err(),
        done(tier.merge(&at, numbers(Combine::Sum, 8, &[1]), absent, true)).unwrap_err(),
        done(tier.delete(&at, absent)).unwrap_err(),
    ] {
        assert!(
            matches!(refused, GlobalError::Conflict { wanted: Version::ABSENT, found } if found == first),
            "{refused}"
        );
    }
    assert_eq!(subject.whole(&at), b"1");
    assert_eq!(subject.appended(&at), [b"element"]);
    assert!(done(tier.delete(&at, Condition::at(first))).unwrap());
    let again = done(tier.set(&at, b"1".to_vec(), absent)).unwrap().after;
    assert!(again > first, "a value made again has a version of its own");
    let stale = done(tier.set(&at, b"2".to_vec(), Condition::at(first))).unwrap_err();
    assert!(matches!(stale, GlobalError::Conflict { .. }), "{stale}");
}

/// Of all who would make it, where nothing may be.
pub fn only_one_of_many_makes_a_value(subject: &Subject) {
    for round in 0..10 {
        let at = subject.at(format!("k{round}"));
        let make = |n: usize| {
            let bytes = vec![u8::try_from(n).unwrap(); 10];
            done(subject.either(n).set(&at, bytes, Condition::at(Version::ABSENT))).is_ok()
        };
        let made = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|n| scope.spawn(move || make(n))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let winner = made.iter().position(|made| *made).expect("somebody made it");
        assert_eq!(made.iter().filter(|made| **made).count(), 1);
        assert_eq!(subject.whole(&at), [u8::try_from(winner).unwrap(); 10]);
    }
}

/// As many additions as were made are there.
pub fn conditional_writes_lose_nothing(subject: &Subject) {
    let at = subject.at("k");
    subject.set(&at, vec![0; 8]);
    thread::scope(|scope| {
        for n in 0..4 {
            let at = &at;
            scope.spawn(move || {
                for _ in 0..40 {
                    increment(subject.either(n), at);
                    done(subject.either(n).append(at, vec![1], None)).unwrap();
                }
            });
        }
    });
    assert_eq!(subject.whole(&at), 160_u64.to_le_bytes());
    assert_eq!(subject.appended(&at).len(), 160);
}

/// Adds one by conditional writes, as often as it takes.
fn increment(tier: &dyn GlobalTier, at: &Address) {
    loop {
        let read = done(tier.get(at, &[0..8])).unwrap().unwrap();
        let count = u64::from_le_bytes(read.patch.into_bytes().try_into().unwrap()) + 1;
        let bytes = count.to_le_bytes().to_vec();
        match done(tier.set(at, bytes, Condition::at(read.version))) {
            Ok(_) => return,
            Err(GlobalError::Conflict { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

/// Whole values and large runs are rewritten all the time: readers see each write whole or not at all.
pub fn all_ranges_of_a_read_are_of_one_version(subject: &Subject) {
    const LARGE: usize = 5 * MIB / 2;
    let at = subject.at("k");
    subject.set(&at, vec![0; LARGE]);
    let stop = AtomicBool::new(false);
    let write = |n: usize| {
        let mut byte = 1_u8;
        while !stop.load(Ordering::Relaxed) {
            // Each write leaves all bytes alike, whatever was there.
            let bytes = vec![byte; LARGE];
            let tier = subject.either(n);
            let written = if byte % 3 == 0 {
                done(tier.set(&at, bytes, Condition::ALWAYS))
            } else {
                let runs = [(0, &bytes[..MIB + 5]), (MIB + 5, &bytes[MIB + 5..])];
                done(tier.set_ranges(&at, patch(LARGE, &runs), Condition::ALWAYS))
            };
            written.unwrap();
            byte = byte.wrapping_add(1);
        }
    };
    let read = |n: usize| {
        let mut seen = Version::ABSENT;
        for round in 0..25 {
            let ranges = match round % 3 {
                0 => vec![0..usize::MAX],
                1 => vec![3..9, MIB..MIB + 9, LARGE - 9..LARGE],
                _ => vec![100..MIB, 2 * MIB..LARGE],
            };
            let fetched = done(subject.either(n).get(&at, &ranges)).unwrap().unwrap();
            assert!(fetched.version >= seen, "reads do not go back");
            seen = fetched.version;
            let bytes = fetched.patch.into_bytes();
            assert!(bytes.iter().all(|byte| *byte == bytes[0]), "a read saw two versions");
        }
    };
    thread::scope(|scope| {
        let stop = StopAtEnd(&stop);
        scope.spawn(|| write(0));
        let (first, second) = (scope.spawn(|| read(0)), scope.spawn(|| read(1)));
        first.join().unwrap();
        second.join().unwrap();
        drop(stop);
    });
}

/// Also when a check fails, so that the others of its threads end.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Conditions are looked at when the write happens, not when its bytes begin to travel.
pub fn large_conditional_writes_are_whole_or_refused(subject: &Subject) {
    const LARGE: usize = 2 * MIB + 77;
    let at = subject.at("k");
    let first = done(subject.tier().set(&at, vec![0; LARGE], Condition::ALWAYS)).unwrap().after;
    let write = |n: usize| {
        let bytes = vec![u8::try_from(n).unwrap() + 1; LARGE];
        let runs = [(0, &bytes[..LARGE - 3]), (LARGE - 2, &bytes[..2])];
        match n {
            0 => done(subject.tier().set(&at, bytes, Condition::at(first))),
            _ => done(subject.other().set_ranges(&at, patch(LARGE, &runs), Condition::at(first))),
        }
    };
    let written = thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|n| scope.spawn(move || write(n))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(written.iter().filter(|written| written.is_ok()).count(), 1, "{written:?}");
    let refused = written.iter().find_map(|written| written.as_ref().err()).unwrap();
    assert!(matches!(refused, GlobalError::Conflict { wanted, .. } if *wanted == first));
    let whole = subject.whole(&at);
    assert!(whole[..LARGE - 3].iter().all(|byte| *byte == whole[0] && *byte != 0));
}
