//! Values whose bytes are read while they are pushed, and put in place while they are pulled.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use faasm_state::{GlobalTier, Limits, LocalTier, Namespace, Op, Value};

use crate::support::{Fate, PAGE, TestTier, now, outcome};

/// So much that it is not copied when a push begins.
const LARGE: usize = 1 << 20;

fn hosts() -> (Arc<TestTier>, Namespace, Namespace) {
    let tier = Arc::new(TestTier::default());
    let limits = Limits { max_value: 2 * LARGE, ..Limits::default() };
    let host =
        || LocalTier::new(Arc::clone(&tier) as Arc<dyn GlobalTier>, limits).namespace("tenant");
    let (first, second) = (host(), host());
    (tier, first, second)
}

fn pattern(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from((at * 31 + at / 977 + seed) % 251).unwrap()).collect()
}

fn all(value: &Value) -> Vec<u8> {
    now(value.read(0, value.size()))
}

/// What another host pulls.
fn pulled(host: &Namespace, key: &[u8]) -> Vec<u8> {
    let value = now(host.open(key)).unwrap();
    now(value.pull()).unwrap();
    all(&value)
}

/// A value that both hosts have, in step.
fn shared(here: &Namespace, there: &Namespace, bytes: &[u8]) -> (Value, Value) {
    let value = here.value(b"k", bytes.len()).unwrap();
    value.set(bytes).unwrap();
    now(value.push());
    let other = now(there.open(b"k")).unwrap();
    assert!(all(&other) == bytes);
    (value, other)
}

#[test]
fn a_push_sends_what_was_there_when_it_began() {
    type Change = fn(&Value);
    let changes: [Change; 5] = [
        |value| value.write(0, &[7; 3]).unwrap(),
        |value| value.write(LARGE / 2 - 5, &vec![8; 200_000]).unwrap(),
        |value| value.set(&vec![9; LARGE]).unwrap(),
        |value| value.set(&[1, 2, 3]).unwrap(),
        |value| {
            value.set(&vec![4; LARGE / 3]).unwrap();
            value.grow(LARGE + 5 * PAGE).unwrap();
        },
    ];
    for (n, change) in changes.into_iter().enumerate() {
        for replaced in [true, false] {
            let (tier, here, there) = hosts();
            let was = pattern(n, LARGE - 3);
            let value = here.value(b"k", was.len()).unwrap();
            value.set(&was).unwrap();
            if !replaced {
                now(value.push());
                value.write(0, &was).unwrap();
            }
            tier.hold();
            let push = value.push();
            change(&value);
            let changed = all(&value);
            assert!(tier.let_go(Fate::Done));
            now(push);
            tier.flow();
            assert!(pulled(&there, b"k") == was, "change {n}, replaced: {replaced}");
            now(value.push());
            assert!(pulled(&there, b"k") == changed, "change {n}, replaced: {replaced}");
        }
    }
}

#[test]
fn a_push_that_fails_sends_all_of_it_the_next_time() {
    let (tier, here, there) = hosts();
    let was = pattern(1, LARGE);
    let value = here.value(b"k", LARGE).unwrap();
    value.set(&was).unwrap();
    for fate in [Fate::Refused, Fate::Lost] {
        tier.hold();
        let push = value.push();
        value.write(100, &[0; 10]).unwrap();
        assert!(tier.let_go(fate));
        assert!(push.block(None).is_ok_and(|pushed| pushed.is_err()) || fate == Fate::Lost);
        tier.flow();
    }
    let changed = all(&value);
    now(value.push());
    assert!(pulled(&there, b"k") == changed);
}

#[test]
fn a_pull_that_breaks_off_leaves_no_mixture() {
    let (tier, here, there) = hosts();
    let (value, other) = shared(&here, &there, &pattern(1, LARGE));
    let newer = pattern(2, LARGE + 100);
    value.set(&newer).unwrap();
    now(value.push());
    tier.midway(|| false);
    assert!(outcome(other.pull()).is_err());
    assert!(all(&other) == newer, "what is not here is fetched again");
    // What is dirty is not lost.
    other.write(LARGE - 1, &[200, 201]).unwrap();
    let dirty = all(&other);
    tier.midway(|| false);
    assert!(outcome(other.pull()).is_err());
    assert!(all(&other) == dirty);
    now(other.push_partial());
    assert!(pulled(&here, b"k") == dirty);
}

#[test]
fn a_mapped_value_is_as_it_was_until_all_of_a_pull_has_come() {
    let (tier, here, there) = hosts();
    let older = pattern(1, LARGE);
    let (value, other) = shared(&here, &there, &older);
    let newer = pattern(2, LARGE);
    value.set(&newer).unwrap();
    now(value.push());
    let mapping = now(other.map_unwatched(0, LARGE));
    let region = mapping.region().clone();
    tier.midway(move || region.read_vec(0, LARGE).unwrap() != older);
    assert!(outcome(other.pull()).is_err(), "it changed before all had come");
    assert!(all(&other) == pattern(1, LARGE));
    now(other.pull()).unwrap();
    assert!(mapping.region().read_vec(0, LARGE).unwrap() == newer);
}

/// Who reads while a pull is on its way waits for it, and what is written meanwhile is newer than it.
#[test]
fn reads_wait_for_a_pull_and_writes_outlast_it() {
    let (tier, here, there) = hosts();
    let (value, other) = shared(&here, &there, &pattern(1, LARGE));
    let mut newer = pattern(2, LARGE);
    value.set(&newer).unwrap();
    now(value.push());
    let reads: Arc<Mutex<Vec<Op<Vec<u8>>>>> = Arc::default();
    let (asks, writer) = (Arc::clone(&reads), other.clone());
    tier.midway(move || {
        writer.write(10, &[250; 20]).unwrap();
        writer.write(LARGE - 2 * PAGE, &[251; PAGE + 1]).unwrap();
        asks.lock().unwrap().push(writer.read(0, LARGE));
        true
    });
    now(other.pull()).unwrap();
    newer[10..30].fill(250);
    newer[LARGE - 2 * PAGE..LARGE - PAGE + 1].fill(251);
    let read = reads.lock().unwrap().pop().unwrap();
    assert!(now(read) == newer);
    now(other.push_partial());
    assert!(pulled(&here, b"k") == newer);
}

#[test]
fn a_value_that_is_replaced_while_it_is_pulled_stays_so() {
    let (tier, here, there) = hosts();
    let (value, other) = shared(&here, &there, &pattern(1, LARGE));
    value.set(&pattern(2, LARGE)).unwrap();
    now(value.push());
    let writer = other.clone();
    tier.midway(move || writer.set(b"short").is_ok());
    now(other.pull()).unwrap();
    assert_eq!(all(&other), b"short");
    now(other.push());
    assert_eq!(pulled(&here, b"k"), b"short");
}

/// Copying calls see a value whole, also while it is pulled again and again.
#[test]
fn readers_never_see_half_of_a_pull() {
    let (_, here, there) = hosts();
    let (value, other) = shared(&here, &there, &vec![0; LARGE]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let bytes = other.read(0, LARGE).block(None).unwrap().unwrap();
                    assert!(bytes.iter().all(|byte| *byte == bytes[0]));
                }
            });
        }
        for round in 1..30_u8 {
            value.set(&vec![round; LARGE]).unwrap();
            value.push().block(None).unwrap().unwrap();
            other.pull().block(None).unwrap().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}
