//! The list at an address.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use faasm_sfi::pending::WaitError;
use faasm_state::{Address, Condition, GlobalTier, Wait};

use crate::Subject;
use crate::subject::{DEADLINE, done, pattern};

/// A value and a list under one address do not touch each other.
pub fn lists_keep_their_order_and_stand_beside_the_value(subject: &Subject) {
    let at = subject.at("k");
    subject.set(&at, b"value");
    let version = done(subject.tier().stat(&at)).unwrap();
    for (n, element) in [&b"one"[..], b"", b"thr\0ee"].into_iter().enumerate() {
        let len = done(subject.either(n).append(&at, element.to_vec(), None)).unwrap();
        assert_eq!(len, n + 1);
    }
    assert_eq!(subject.appended(&at), [&b"one"[..], b"", b"thr\0ee"]);
    done(subject.tier().clear_appended(&at, None)).unwrap();
    assert!(subject.appended(&at).is_empty());
    assert_eq!(subject.whole(&at), b"value");
    assert_eq!(done(subject.tier().stat(&at)).unwrap(), version);
    done(subject.tier().append(&at, b"x".to_vec(), None)).unwrap();
    done(subject.tier().set(&at, b"other".to_vec(), Condition::ALWAYS)).unwrap();
    assert_eq!(subject.appended(&at), [b"x"]);
}

/// By count and by bytes.
pub fn only_whole_elements_that_fit_are_read(subject: &Subject) {
    let (at, tier) = (subject.at("k"), subject.tier());
    for element in [&b"one"[..], b"", b"three"] {
        done(tier.append(&at, element.to_vec(), None)).unwrap();
    }
    let read = |most, bytes| done(subject.other().read_appended(&at, most, bytes)).unwrap().len();
    assert_eq!([read(0, 100), read(1, 100), read(2, 100), read(9, 100)], [0, 1, 2, 3]);
    assert_eq!([read(9, 0), read(9, 2), read(9, 3), read(9, 7), read(9, 8)], [0, 0, 2, 2, 3]);
}

/// Many take what many append.
pub fn elements_are_taken_once(subject: &Subject) {
    const EACH: u64 = 150;
    let at = subject.at("k");
    let take = |n: usize| {
        let mut taken = Vec::new();
        loop {
            let wait = if n == 0 { Wait::UntilThere } else { Wait::Not };
            let some = done(subject.either(n).take_appended(&at, 7, 1_000, wait, None)).unwrap();
            let end = some.iter().any(Vec::is_empty);
            taken.extend(some.into_iter().filter(|element| !element.is_empty()));
            if end {
                return taken;
            }
        }
    };
    let append = |n: u64| {
        let tier = subject.either(usize::try_from(n).unwrap());
        for element in n * EACH..(n + 1) * EACH {
            done(tier.append(&at, element.to_le_bytes().to_vec(), None)).unwrap();
        }
    };
    let taken = thread::scope(|scope| {
        let takers: Vec<_> = (0..2).map(|n| scope.spawn(move || take(n))).collect();
        let appenders: Vec<_> = (0..2).map(|n| scope.spawn(move || append(n))).collect();
        appenders.into_iter().for_each(|thread| thread.join().unwrap());
        // An empty one is the end; who takes it may take the other's too.
        while !takers.iter().all(thread::ScopedJoinHandle::is_finished) {
            done(subject.tier().append(&at, Vec::new(), None)).unwrap();
            thread::yield_now();
        }
        takers.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let end = taken.len();
    let apart: HashSet<_> = taken.into_iter().collect();
    assert_eq!((apart.len() as u64, end as u64), (2 * EACH, 2 * EACH));
}

/// It is not lost, and holds up what is behind it.
pub fn an_element_that_does_not_fit_stays(subject: &Subject) {
    let (at, tier) = (subject.at("k"), subject.tier());
    done(tier.append(&at, vec![1; 100], None)).unwrap();
    done(tier.append(&at, vec![2; 10], None)).unwrap();
    for wait in [Wait::Not, Wait::UntilThere] {
        assert!(done(tier.take_appended(&at, 9, 99, wait, None)).unwrap().is_empty());
    }
    assert_eq!(done(tier.take_appended(&at, 9, 109, Wait::UntilThere, None)).unwrap(), [[1; 100]]);
    assert_eq!(done(tier.take_appended(&at, 9, 109, Wait::Not, None)).unwrap(), [[2; 10]]);
    assert!(done(tier.take_appended(&at, 9, 109, Wait::Not, None)).unwrap().is_empty());
    assert!(subject.appended(&at).is_empty());
}

/// From another host too, and each element wakes only one.
pub fn who_waits_gets_the_first_element(subject: &Subject) {
    let at = subject.at("k");
    let waiting: Vec<_> = (0..3)
        .map(|n| subject.either(n).take_appended(&at, 1, 100, Wait::UntilThere, None))
        .collect();
    for n in 0..3_u8 {
        done(subject.other().append(&at, vec![n], None)).unwrap();
    }
    let mut taken: Vec<_> = waiting.into_iter().flat_map(|op| done(op).unwrap()).collect();
    taken.sort();
    assert_eq!(taken, [[0], [1], [2]]);
    assert!(subject.appended(&at).is_empty());
}

/// Nothing is taken for somebody who is not there any more.
pub fn who_gave_up_waiting_takes_nothing(subject: &Subject) {
    for round in 0..5 {
        let at = subject.at(format!("k{round}"));
        let given_up = subject.tier().take_appended(&at, 1, 100, Wait::UntilThere, None);
        if round > 2 {
            // It is seen to wait: the same handle does something after it.
            done(subject.tier().stat(&at)).unwrap();
        }
        drop(given_up);
        done(subject.tier().append(&at, b"x".to_vec(), None)).unwrap();
        let taken = subject.other().take_appended(&at, 1, 100, Wait::UntilThere, None);
        assert_eq!(done(taken).unwrap(), [b"x"]);
    }
}

/// An answer that has come, and that nobody takes, gives its elements back: before all others, in their order.
pub fn what_nobody_took_the_answer_of_is_there_again(subject: &Subject) {
    for (round, wait) in [Wait::Not, Wait::UntilThere].into_iter().enumerate() {
        let (at, tier) = (subject.at(format!("k{round}")), subject.either(round));
        let append = |n: u8| done(tier.append(&at, vec![n], None)).unwrap();
        assert_eq!([0, 1, 2].map(append), [1, 2, 3]);
        let given_up = [2, 9].map(|most| {
            let taking = tier.take_appended(&at, most, 100, wait, None);
            eventually("it is answered", || taking.is_done());
            taking
        });
        append(3);
        // The one that took later gives back first.
        given_up.into_iter().rev().for_each(drop);
        let there = || done(tier.read_appended(&at, 9, 100)).unwrap();
        eventually("all are there again", || there().len() == 4);
        assert_eq!(there().last(), Some(&vec![3]), "what is given back is before what came later");
        let taken = done(subject.other().take_appended(&at, 9, 100, Wait::UntilThere, None));
        let mut taken = taken.unwrap();
        let together = |pair: &[Vec<u8>]| pair == [[0], [1]];
        assert!(taken.windows(2).any(together), "what was taken in one go keeps its order");
        taken.sort();
        assert_eq!(taken, [[0], [1], [2], [3]]);
        assert!(there().is_empty());
    }
}

/// Many give up at about the moment in which an element comes.
pub fn short_takes_lose_nothing(subject: &Subject) {
    const APPENDED: u64 = 400;
    let (at, over) = (subject.at("k"), AtomicBool::new(false));
    let mut taken = thread::scope(|scope| {
        let take = |n| take_shortly(subject.either(n), &at, &over);
        let takers: Vec<_> = (0..3).map(|n| scope.spawn(move || take(n))).collect();
        for n in 0..APPENDED {
            done(subject.other().append(&at, n.to_le_bytes().to_vec(), None)).unwrap();
        }
        over.store(true, Ordering::Relaxed);
        takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect::<Vec<_>>()
    });
    // Some may be on their way back.
    while (taken.len() as u64) < APPENDED {
        let rest = subject.tier().take_appended(&at, 9, 100, Wait::UntilThere, None);
        taken.extend(done(rest).unwrap());
    }
    taken.sort();
    taken.dedup();
    assert_eq!((taken.len() as u64, subject.appended(&at).len()), (APPENDED, 0));
}

/// What takes of a millisecond get until it is over.
fn take_shortly(tier: &dyn GlobalTier, at: &Address, over: &AtomicBool) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let patience = Instant::now() + Duration::from_millis(1);
        match tier.take_appended(at, 1, 100, Wait::UntilThere, None).block(Some(patience)) {
            Ok(some) => taken.extend(some.unwrap()),
            Err(WaitError::Deadline) => {}
            Err(error) => panic!("{error}"),
        }
    }
    taken
}

fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !happened() {
        assert!(Instant::now() < end, "{what}: it does not happen");
        thread::yield_now();
    }
}

/// More than one answer of a store has, and more than one chunk.
pub fn long_lists_and_long_elements_come_back_whole(subject: &Subject) {
    let (many, long) = (subject.at("many"), subject.at("long"));
    let element = |n: usize| pattern(n % 50, n as u64);
    thread::scope(|scope| {
        // In order within a thread: one thread, so that the whole order is known.
        let many = &many;
        scope.spawn(move || {
            for n in 0..1_500 {
                done(subject.tier().append(many, element(n), None)).unwrap();
            }
        });
        let elements = [pattern(1_500_000, 1), pattern(700_000, 2)];
        for element in &elements {
            done(subject.other().append(&long, element.clone(), None)).unwrap();
        }
        assert!(subject.appended(&long) == elements);
        let taken = subject.tier().take_appended(&long, 2, 1_500_000, Wait::Not, None);
        assert!(done(taken).unwrap() == elements[..1]);
    });
    assert!(subject.appended(&many) == (0..1_500).map(element).collect::<Vec<_>>());
    let first = done(subject.tier().take_appended(&many, 1_200, usize::MAX, Wait::Not, None));
    assert!(first.unwrap() == (0..1_200).map(element).collect::<Vec<_>>());
    assert_eq!(subject.appended(&many).len(), 300);
}
