//! Threads on one host and on two: copies are whole, updates are kept, flags are not lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use faasm_state::{CallId, Mode, Value};

use crate::support::{PAGE, pushed, two_hosts};

fn done<T>(op: faasm_state::Op<T>) -> T {
    op.block(None).unwrap().unwrap()
}

#[test]
fn copies_are_whole_against_one_another() {
    let (_tier, host, _) = two_hosts();
    let value = host.value(b"k", 2 * PAGE).unwrap();
    value.write(0, &[0; 2 * PAGE]).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..500_u32 {
                value.write(0, &[n.to_le_bytes()[0]; 2 * PAGE]).unwrap();
            }
            stop.store(true, Ordering::Relaxed);
        });
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let bytes = done(value.read(0, 2 * PAGE));
                assert!(bytes.iter().all(|byte| *byte == bytes[0]), "a torn copy");
            }
        });
    });
}

#[test]
fn pushes_and_pulls_see_whole_writes() {
    let (tier, host, other) = two_hosts();
    let (value, mirror) = (host.value(b"k", PAGE).unwrap(), other.value(b"k", PAGE).unwrap());
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..300_u32 {
                value.write(0, &[n.to_le_bytes()[0]; PAGE]).unwrap();
                done(value.push_partial());
            }
            stop.store(true, Ordering::Relaxed);
        });
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                done(mirror.pull());
                let bytes = done(mirror.read(0, PAGE));
                assert!(bytes.iter().all(|byte| *byte == bytes[0]), "a torn pull");
            }
        });
    });
    assert_eq!(pushed(&tier, b"k").unwrap(), [43; PAGE]);
}

/// Adds one to every `every`th counter of the value, from `first` on, and pushes, `rounds` times.
fn count(value: &Value, first: usize, every: usize, rounds: u32) {
    for round in 1..=rounds {
        for offset in (first * 4..PAGE).step_by(every * 4) {
            value.write(offset, &round.to_le_bytes()).unwrap();
        }
        done(value.push_partial());
    }
}

#[test]
fn two_hosts_update_interleaved_counters_of_one_page() {
    let (tier, host, other) = two_hosts();
    thread::scope(|scope| {
        for (first, namespace) in [(0, &host), (1, &other)] {
            let value = namespace.value(b"k", PAGE).unwrap();
            scope.spawn(move || count(&value, first, 2, 30));
        }
    });
    let counters = pushed(&tier, b"k").unwrap();
    assert!(counters.as_chunks::<4>().0.iter().all(|counter| u32::from_le_bytes(*counter) == 30));
}

#[test]
fn flags_set_through_a_pointer_are_pushed_once_each_and_none_is_lost() {
    let (tier, host, _) = two_hosts();
    let (value, mask) = (host.value(b"k", PAGE).unwrap(), host.value(b"mask", PAGE).unwrap());
    done(value.ensure(0, PAGE));
    done(mask.ensure(0, PAGE));
    for round in 1..=50 {
        let stop = AtomicBool::new(false);
        let sent = thread::scope(|scope| {
            scope.spawn(|| {
                write_and_flag(&value, &mask, round);
                stop.store(true, Ordering::Release);
            });
            push_until(&stop, &value, &mask)
        });
        assert_eq!(sent, PAGE, "round {round}");
    }
    assert_eq!(pushed(&tier, b"k").unwrap(), [50; PAGE]);
}

/// Writes every byte through the pointer, and flags each on its own.
fn write_and_flag(value: &Value, mask: &Value, byte: u8) {
    for at in 0..PAGE {
        value.region().write(at, &[byte]).unwrap();
        let mut flag = [0; 8];
        flag[at % 8] = 0xff;
        mask.region()
            .atomic_u64(at / 8 * 8)
            .unwrap()
            .fetch_or(u64::from_ne_bytes(flag), Ordering::Release);
    }
}

/// Pushes what is flagged again and again, and once more after the stop; how many bytes.
fn push_until(stop: &AtomicBool, value: &Value, mask: &Value) -> usize {
    let mut sent = 0;
    loop {
        let last = stop.load(Ordering::Acquire);
        sent += done(value.push_masked(mask)).bytes;
        if last {
            return sent;
        }
    }
}

#[test]
fn local_write_locks_make_read_and_write_back_safe() {
    let (_tier, host, _) = two_hosts();
    let host = Arc::new(host);
    thread::scope(|scope| {
        for call in [CallId(1), CallId(2)] {
            let host = Arc::clone(&host);
            scope.spawn(move || {
                for _ in 0..500 {
                    host.lock(b"k", call, Mode::Write).unwrap().block(None).unwrap();
                    let value = host.value(b"k", 8).unwrap();
                    let count = u64::from_le_bytes(done(value.read(0, 8)).try_into().unwrap());
                    value.write(0, &(count + 1).to_le_bytes()).unwrap();
                    host.release_call(call);
                }
            });
        }
    });
    let value = host.value(b"k", 8).unwrap();
    assert_eq!(done(value.read(0, 8)), 1_000_u64.to_le_bytes());
}

#[test]
fn values_are_made_deleted_and_forgotten_under_each_others_feet() {
    let (_tier, host, _) = two_hosts();
    thread::scope(|scope| {
        for thread in 0..2_u8 {
            let host = &host;
            scope.spawn(move || {
                for n in 0..400_u32 {
                    let key = [(n % 12).to_le_bytes()[0]];
                    // The other thread may have deleted the value, or all places may be taken by unpushed ones.
                    if let Ok(value) = host.value(&key, 64) {
                        let _ = value.write(usize::from(thread), &[thread]);
                        let _ = value.push_partial().block(None).unwrap();
                    }
                    if n % 7 == 0 {
                        let _ = host.delete(&key).block(None).unwrap();
                    }
                }
            });
        }
    });
    for key in 0..12_u8 {
        done(host.delete(&[key]));
        assert_eq!(done(host.size(&[key])), None);
    }
}

/// Operations run on guests' stacks, inside host calls, and so does what they wake: they must leave room for others.
#[test]
fn operations_need_little_stack() {
    let operations = || {
        let (_tier, host, other) = two_hosts();
        let (value, mask) =
            (host.value(b"k", 2 * PAGE).unwrap(), host.value(b"mask", 2 * PAGE).unwrap());
        value.write(5, b"x").unwrap();
        mask.write(5, b"x").unwrap();
        done(value.read(0, PAGE));
        done(value.push());
        done(other.value(b"k", 0).unwrap().pull());
        value.write(5, b"y").unwrap();
        done(value.push_partial());
        done(value.push_masked(&mask));
        done(value.map(0, PAGE));
        done(host.append(b"k", b"x"));
        done(host.delete(b"k"));
    };
    thread::Builder::new().stack_size(32 << 10).spawn(operations).unwrap().join().unwrap();
}
