//! Locks by lease, and what may be written under them.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use faasm_state::{
    Address, Combine, Condition, GlobalError, GlobalOp, GlobalTier, Mode, Token, Version, Wait,
};

use crate::Subject;
use crate::subject::{DEADLINE, done, numbers, patch};

/// Longer than any check takes.
const LONG: Duration = Duration::from_secs(600);

fn given(op: GlobalOp<Option<Token>>) -> Token {
    done(op).unwrap().expect("it is waited for")
}

fn lock(tier: &dyn GlobalTier, at: &Address, mode: Mode) -> Token {
    given(tier.lock(at, mode, LONG, None))
}

/// Which of them is done first.
fn first_done(ops: &[GlobalOp<Option<Token>>]) -> usize {
    let (sender, done) = mpsc::channel();
    for (n, op) in ops.iter().enumerate() {
        let sender = sender.clone();
        // Those after the first are told to nobody.
        op.on_done(Box::new(move || {
            let _ = sender.send(n);
        }));
    }
    done.recv_timeout(DEADLINE).expect("somebody gets the lock")
}

fn fenced<T>(outcome: Result<T, GlobalError>) -> bool {
    matches!(outcome, Err(GlobalError::Fenced))
}

/// A writer, or any number of readers.
pub fn a_writer_is_alone_and_readers_are_together(subject: &Subject) {
    let at = subject.at("k");
    let first = lock(subject.tier(), &at, Mode::Read);
    let second = lock(subject.other(), &at, Mode::Read);
    let writer = subject.other().lock(&at, Mode::Write, LONG, None);
    done(subject.tier().unlock(&at, first)).unwrap();
    // The second one still reads: the writer waits as long as that.
    done(subject.tier().set(&at, b"1".to_vec(), Condition::ALWAYS)).unwrap();
    assert!(!writer.is_done());
    done(subject.other().unlock(&at, second)).unwrap();
    let writer = given(writer);
    let others = [
        subject.tier().lock(&at, Mode::Write, LONG, None),
        subject.other().lock(&at, Mode::Read, LONG, None),
    ];
    let under = Condition::ALWAYS.under(Some(writer));
    done(subject.tier().set(&at, b"2".to_vec(), under)).unwrap();
    assert!(others.iter().all(|other| !other.is_done()));
    done(subject.tier().unlock(&at, writer)).unwrap();
    // In which order they have arrived only the tier knows.
    let mut others = Vec::from(others);
    while !others.is_empty() {
        let turn = first_done(&others);
        let next = given(others.swap_remove(turn));
        assert!(next > writer);
        done(subject.tier().unlock(&at, next)).unwrap();
    }
    assert!(fenced(done(subject.tier().unlock(&at, writer))), "it was given up");
}

/// Whoever had the lock, and whether anybody has it.
pub fn tokens_are_never_equal_and_grow(subject: &Subject) {
    let at = subject.at("k");
    let mut last: Option<Token> = None;
    for n in 0..20 {
        let mode = if n % 3 == 0 { Mode::Read } else { Mode::Write };
        let token = lock(subject.either(n), &at, mode);
        assert!(last.is_none_or(|last| token.epoch > last.epoch && token.nonce != last.nonce));
        done(subject.either(n + 1).unlock(&at, token)).unwrap();
        last = Some(token);
    }
    let together: Vec<_> = (0..6).map(|n| lock(subject.either(n), &at, Mode::Read)).collect();
    assert!(together.is_sorted() && together[0].epoch > last.unwrap().epoch);
    let apart: BTreeSet<_> = together.iter().map(|token| token.epoch).collect();
    assert_eq!(apart.len(), together.len());
}

/// Plain reads and writes under it lose nothing.
pub fn who_has_the_lock_writes_alone(subject: &Subject) {
    let at = subject.at("k");
    subject.set(&at, vec![0; 8]);
    thread::scope(|scope| {
        for n in 0..4 {
            let at = &at;
            scope.spawn(move || {
                let tier = subject.either(n);
                for _ in 0..10 {
                    let token = lock(tier, at, Mode::Write);
                    let read = done(tier.get(at, &[0..8])).unwrap().unwrap().patch.into_bytes();
                    let count = u64::from_le_bytes(read.try_into().unwrap()) + 1;
                    let under = Condition::ALWAYS.under(Some(token));
                    done(tier.set(at, count.to_le_bytes().to_vec(), under)).unwrap();
                    done(tier.unlock(at, token)).unwrap();
                }
            });
        }
    });
    assert_eq!(subject.whole(&at), 40_u64.to_le_bytes());
}

/// Every write that can be made under a token is refused.
fn all_refused(subject: &Subject, at: &Address, token: Token) {
    let (under, some) = (Condition::ALWAYS.under(Some(token)), Some(token));
    for tier in [subject.tier(), subject.other()] {
        assert!(fenced(done(tier.set(at, b"stale".to_vec(), under))));
        assert!(fenced(done(tier.set(at, vec![1; 3 << 20], under))));
        assert!(fenced(done(tier.set_ranges(at, patch(9, &[(0, b"stale")]), under))));
        assert!(fenced(done(tier.merge(at, numbers(Combine::Sum, 0, &[1]), under, false))));
        assert!(fenced(done(tier.delete(at, under))));
        assert!(fenced(done(tier.append(at, b"stale".to_vec(), some))));
        assert!(fenced(done(tier.take_appended(at, 1, 99, Wait::Not, some))));
        assert!(fenced(done(tier.take_appended(at, 1, 99, Wait::UntilThere, some))));
        assert!(fenced(done(tier.clear_appended(at, some))));
    }
}

/// From its end on, also when nobody else has the lock.
pub fn an_ended_lease_is_good_for_nothing(subject: &Subject) {
    let at = subject.at("k");
    subject.set(&at, b"12345678");
    done(subject.tier().append(&at, b"element".to_vec(), None)).unwrap();
    let short = Duration::from_millis(200);
    let token = given(subject.tier().lock(&at, Mode::Write, short, None));
    until_ended(subject.tier(), &at, token);
    all_refused(subject, &at, token);
    assert!(fenced(done(subject.tier().renew(&at, token, LONG))));
    assert!(fenced(done(subject.tier().unlock(&at, token))));
    // And when somebody has it.
    let token = given(subject.tier().lock(&at, Mode::Write, short, None));
    let next = lock(subject.other(), &at, Mode::Write);
    assert!(next > token);
    all_refused(subject, &at, token);
    let made_up = Token { nonce: next.nonce ^ 1, ..next };
    all_refused(subject, &at, made_up);
    assert_eq!(subject.whole(&at), b"12345678");
    assert_eq!(subject.appended(&at), [b"element"]);
    done(subject.tier().set(&at, b"new".to_vec(), Condition::ALWAYS.under(Some(next)))).unwrap();
    // A version that is not there is told before or after; nothing is written either way.
    let both = Condition::at(Version::ABSENT).under(Some(token));
    assert!(done(subject.tier().set(&at, b"x".to_vec(), both)).is_err());
    assert_eq!(subject.whole(&at), b"new");
}

/// Waits until the tier says that this lease has ended.
fn until_ended(tier: &dyn GlobalTier, at: &Address, token: Token) {
    let begin = Instant::now();
    let under = Condition::at(Version(u64::MAX)).under(Some(token));
    while !fenced(done(tier.set(at, Vec::new(), under))) {
        assert!(begin.elapsed() < DEADLINE, "the lease does not end");
        thread::yield_now();
    }
}

/// For as long as it was asked for, from when it was renewed.
pub fn a_lease_that_is_renewed_lasts(subject: &Subject) {
    let at = subject.at("k");
    // Long enough that this machine gets round to renewing it.
    let token = given(subject.tier().lock(&at, Mode::Write, Duration::from_secs(20), None));
    done(subject.other().renew(&at, token, LONG)).unwrap();
    let under = Condition::ALWAYS.under(Some(token));
    done(subject.tier().set(&at, b"1".to_vec(), under)).unwrap();
    done(subject.tier().renew(&at, token, Duration::from_millis(1))).unwrap();
    until_ended(subject.tier(), &at, token);
    let reader = given(subject.tier().lock(&at, Mode::Read, LONG, None));
    done(subject.tier().renew(&at, reader, LONG)).unwrap();
    done(subject.tier().unlock(&at, reader)).unwrap();
}

/// To those who wait, when its lease has ended.
pub fn a_lock_whose_holder_is_gone_is_given_on(subject: &Subject) {
    for mode in [Mode::Write, Mode::Read] {
        let at = subject.at(format!("{mode:?}"));
        let short = Duration::from_millis(300);
        let gone = given(subject.tier().lock(&at, mode, short, None));
        // None of these gives it up either.
        let waiting = [
            subject.other().lock(&at, Mode::Write, short, None),
            subject.tier().lock(&at, Mode::Read, short, None),
            subject.other().lock(&at, Mode::Write, short, None),
        ];
        let mut given: Vec<_> = waiting.into_iter().map(given).collect();
        given.sort();
        // A reader may have been let in beside one.
        assert!(given[0].epoch > gone.epoch && given.is_sorted_by(|a, b| a.epoch < b.epoch));
    }
}

/// Only a writer's token is one to write under.
pub fn nothing_is_written_under_a_readers_token(subject: &Subject) {
    let at = subject.at("k");
    let reader = lock(subject.tier(), &at, Mode::Read);
    all_refused(subject, &at, reader);
    assert_eq!(done(subject.tier().stat(&at)).unwrap(), None);
    done(subject.tier().set(&at, b"x".to_vec(), Condition::ALWAYS)).unwrap();
    done(subject.tier().unlock(&at, reader)).unwrap();
}

/// A token is one address' own.
pub fn nothing_is_written_under_a_token_of_another_address(subject: &Subject) {
    let (at, other) = (subject.at("k"), subject.at("l"));
    let token = lock(subject.tier(), &at, Mode::Write);
    all_refused(subject, &other, token);
    assert!(fenced(done(subject.tier().unlock(&other, token))));
    done(subject.tier().unlock(&at, token)).unwrap();
}

/// Who dropped the operation is not waited for.
pub fn who_gave_up_waiting_is_passed_over(subject: &Subject) {
    let at = subject.at("k");
    for mode in [Mode::Write, Mode::Read] {
        let holder = lock(subject.tier(), &at, Mode::Write);
        let short = Duration::from_millis(500);
        let given_up: Vec<_> =
            (0..4).map(|n| subject.either(n).lock(&at, mode, short, None)).collect();
        done(subject.tier().stat(&at)).unwrap();
        drop(given_up);
        let next = subject.other().lock(&at, Mode::Write, LONG, None);
        done(subject.tier().unlock(&at, holder)).unwrap();
        let next = given(next);
        done(subject.tier().set(&at, b"x".to_vec(), Condition::ALWAYS.under(Some(next)))).unwrap();
        done(subject.tier().unlock(&at, next)).unwrap();
    }
}

/// As soon as whoever waited has been told that its time is over, or has dropped the operation, the lock is had as if it
/// had never been asked for.
pub fn who_gave_up_waiting_is_in_nobodys_way(subject: &Subject) {
    let at = subject.at("k");
    let reader = lock(subject.tier(), &at, Mode::Read);
    let at_once = |tier: &dyn GlobalTier, mode| {
        done(tier.lock(&at, mode, LONG, Some(Duration::ZERO))).unwrap()
    };
    for n in 0..6 {
        let patience = Some(Duration::from_millis([0, 1, 30][n % 3]));
        let writer = subject.either(n).lock(&at, Mode::Write, LONG, patience);
        assert_eq!(done(writer).unwrap(), None, "there is a reader");
        let beside = at_once(subject.either(n / 3), Mode::Read).expect("the writer has left");
        done(subject.tier().unlock(&at, beside)).unwrap();
    }
    let writer = subject.tier().lock(&at, Mode::Write, LONG, None);
    let begin = Instant::now();
    // Its place in the queue is what holds this one off, from when it has one.
    while let Some(beside) = at_once(subject.other(), Mode::Read) {
        done(subject.other().unlock(&at, beside)).unwrap();
        assert!(begin.elapsed() < DEADLINE, "the writer does not wait");
    }
    drop(writer);
    let beside = lock(subject.other(), &at, Mode::Read);
    for token in [reader, beside] {
        done(subject.tier().unlock(&at, token)).unwrap();
    }
    // Whether it was given in that moment or not.
    for n in 0..4 {
        drop(subject.either(n).lock(&at, Mode::Write, LONG, None));
    }
    let patient = subject.other().lock(&at, Mode::Write, LONG, Some(DEADLINE));
    let writer = given(patient);
    done(subject.tier().unlock(&at, writer)).unwrap();
}

/// A lock makes no value, is not listed, holds off nobody who does not ask, and outlasts deletion.
pub fn locks_are_apart_from_what_is_kept(subject: &Subject) {
    let (at, tier) = (subject.at("k"), subject.tier());
    let token = lock(tier, &at, Mode::Write);
    assert_eq!(done(tier.stat(&at)).unwrap(), None);
    assert!(done(tier.list(subject.namespace(), b"", None, 10)).unwrap().is_empty());
    assert!(!done(tier.delete(&at, Condition::ALWAYS)).unwrap());
    done(subject.other().set(&at, b"x".to_vec(), Condition::ALWAYS)).unwrap();
    done(subject.other().append(&at, b"y".to_vec(), None)).unwrap();
    assert!(done(subject.other().delete(&at, Condition::ALWAYS)).unwrap());
    let under = Condition::at(Version::ABSENT).under(Some(token));
    done(tier.set(&at, b"mine".to_vec(), under)).unwrap();
    done(tier.append(&at, b"mine".to_vec(), Some(token))).unwrap();
    assert_eq!(done(tier.take_appended(&at, 1, 9, Wait::Not, Some(token))).unwrap(), [b"mine"]);
    done(tier.clear_appended(&at, Some(token))).unwrap();
    done(tier.unlock(&at, token)).unwrap();
    assert_eq!(subject.whole(&at), b"mine");
}
