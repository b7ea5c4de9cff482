//! What each consistency promises, on two hosts; and what a global lock does for a push.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use faasm_state::{
    Access, CallId, Combine, Consistency, Extent, GlobalError, Merge, Mode, Namespace, Number,
    PointerWrites, Rule, Rules, Stamps, StateError, Version, View, Wait,
};

use proptest::prelude::*;

use crate::support::{PAGE, now, outcome, pushed, two_hosts};

const ONE: CallId = CallId(1);
const TWO: CallId = CallId(2);

fn keep(host: &Namespace, consistency: &str) {
    let consistency: Consistency = consistency.parse().unwrap();
    let rule = Rule { consistency, ..Rule::default() };
    host.set_rules(Rules::new(vec![rule]).unwrap());
}

fn call(host: &Namespace, call: CallId) -> View {
    host.view(call, Stamps::default())
}

fn read(view: &View, len: usize) -> Vec<u8> {
    now(view.read(b"k", len, 0, len))
}

fn set(view: &View, bytes: &[u8]) {
    now(view.set(b"k", bytes.to_vec()));
}

fn numbers(numbers: &[i64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn set_of(members: &[&str]) -> Vec<u8> {
    let mut set = Vec::new();
    let members = members.iter().map(|member| member.as_bytes().to_vec()).collect();
    Merge::Union(members).apply(&mut set).unwrap();
    set
}

#[test]
fn a_push_of_who_holds_the_lock_is_under_its_token() {
    let (tier, host, other) = two_hosts();
    let (one, two) = (call(&host, ONE), call(&other, TWO));
    now(one.lock_global(b"k", Mode::Write, None));
    set(&one, b"first");
    assert!(now(one.push(b"k", Extent::Full)).version.is_some());
    // The tier gives the lock away: the host of the first holder could not renew it.
    let token = one.token(b"k").unwrap().unwrap();
    let at = faasm_state::Address {
        namespace: "tenant".into(),
        key: faasm_state::Key::new(b"k").unwrap(),
    };
    use faasm_state::GlobalTier;
    tier.unlock(&at, token).try_take().unwrap().unwrap().unwrap();
    now(two.lock_global(b"k", Mode::Write, None));
    set(&two, b"second");
    now(two.push(b"k", Extent::Full));
    set(&one, b"late");
    let lost = outcome(one.push(b"k", Extent::Full)).unwrap_err();
    assert!(matches!(lost, StateError::LockLost { .. }), "{lost}");
    assert_eq!(pushed(&tier, b"k").unwrap(), b"second");
    assert_eq!(one.token(b"k").unwrap(), None, "it was told, once");
    now(two.append(b"k", b"element"));
    now(two.unlock_global(b"k"));
    now(one.push(b"k", Extent::Full));
    assert_eq!(pushed(&tier, b"k").unwrap(), b"late", "without a lock nothing is fenced");
}

#[test]
fn locks_of_a_call_end_with_it_on_both_tiers() {
    let (_tier, host, other) = two_hosts();
    let one = call(&host, ONE);
    now(one.lock_global(b"k", Mode::Write, None));
    assert!(host.lock(b"k", ONE, Mode::Write).unwrap().is_done());
    let waits = call(&other, TWO).lock_global(b"k", Mode::Read, None);
    let local = host.lock(b"k", TWO, Mode::Read).unwrap();
    host.release_call(ONE);
    assert!(local.is_done());
    now(waits);
}

#[test]
fn an_eventual_value_is_what_was_pulled_last() {
    let (_tier, host, other) = two_hosts();
    let (one, two) = (call(&host, ONE), call(&other, TWO));
    set(&one, b"old");
    now(one.push(b"k", Extent::Full));
    assert_eq!(read(&two, 3), b"old");
    set(&one, b"new");
    now(one.push(b"k", Extent::Full));
    assert_eq!(read(&two, 3), b"old");
    now(two.pull(b"k", 3));
    assert_eq!(read(&two, 3), b"new");
}

#[test]
fn a_chained_call_sees_what_its_parent_pushed_and_the_parent_what_it_did() {
    let (tier, host, other) = two_hosts();
    for host in [&host, &other] {
        keep(host, "session");
    }
    // The other host has an old replica.
    let parent = call(&host, ONE);
    set(&parent, b"old..");
    now(parent.push(b"k", Extent::Full));
    assert_eq!(read(&call(&other, CallId(9)), 5), b"old..");
    set(&parent, b"longer");
    now(parent.push(b"k", Extent::Full));
    let child = other.view(TWO, parent.stamps().snapshot());
    assert_eq!(now(child.size(b"k")), Some(6));
    assert_eq!(read(&child, 6), b"longer");
    tier.seen();
    assert_eq!(read(&child, 6), b"longer");
    assert_eq!(tier.seen(), [], "a replica that is new enough is not looked up");
    // A part that is pushed by the child is seen by the parent once it awaited it.
    now(child.write(b"k", 6, 0, b"child!".to_vec()));
    now(child.push(b"k", Extent::Dirty));
    assert_eq!(read(&parent, 6), b"longer");
    parent.stamps().merge(child.stamps());
    assert_eq!(read(&parent, 6), b"child!");
    // A shorter one, and none at all.
    set(&parent, b"s");
    now(parent.push(b"k", Extent::Full));
    child.stamps().merge(parent.stamps());
    assert_eq!(now(child.read_whole(b"k", 99)).unwrap(), b"s");
    assert!(now(parent.delete(b"k")));
    child.stamps().merge(parent.stamps());
    assert_eq!(now(child.read_whole(b"k", 99)), None);
    assert_eq!(now(child.size(b"k")), None);
    assert_eq!(read(&child, 2), [0, 0]);
}

#[test]
fn catching_up_keeps_what_is_dirty_here() {
    let (_tier, host, other) = two_hosts();
    for host in [&host, &other] {
        keep(host, "session");
    }
    let parent = call(&host, ONE);
    set(&parent, &[1; 3 * PAGE]);
    now(parent.push(b"k", Extent::Full));
    let child = other.view(TWO, parent.stamps().snapshot());
    assert_eq!(read(&child, 3 * PAGE), [1; 3 * PAGE]);
    now(child.write(b"k", 3 * PAGE, 10, b"mine".to_vec()));
    set(&parent, &[2; 2 * PAGE]);
    now(parent.push(b"k", Extent::Full));
    child.stamps().merge(parent.stamps());
    let seen = now(child.read(b"k", 3 * PAGE, 0, 3 * PAGE));
    assert_eq!((&seen[..10], &seen[10..14], seen[14]), (&[2; 10][..], &b"mine"[..], 2));
}

#[test]
fn a_strong_value_is_written_under_its_lock_alone() {
    let (_tier, host, _) = two_hosts();
    keep(&host, "strong");
    let one = call(&host, ONE);
    let needs = |error: StateError| matches!(error, StateError::NeedsLock { .. });
    assert!(needs(outcome(one.set(b"k", vec![1])).unwrap_err()));
    assert!(needs(outcome(one.write(b"k", 1, 0, vec![1])).unwrap_err()));
    assert!(needs(outcome(one.flag(b"k", 1, 0, 1)).unwrap_err()));
    assert!(needs(outcome(one.push(b"k", Extent::Full)).unwrap_err()));
    assert!(needs(outcome(one.set_if(b"k", vec![1], Version::ABSENT)).unwrap_err()));
    assert!(needs(outcome(one.delete(b"k")).unwrap_err()));
    assert!(needs(outcome(one.map(b"k", 1, (0, 1), Access::Write)).unwrap_err()));
    assert!(needs(outcome(one.map(b"k", 1, (0, 1), Access::Read)).unwrap_err()));
    now(one.lock_global(b"k", Mode::Read, None));
    assert!(needs(outcome(one.set(b"k", vec![1])).unwrap_err()));
    now(one.map(b"k", 1, (0, 1), Access::Read));
    now(one.unlock_global(b"k"));
    now(one.lock_global(b"k", Mode::Write, None));
    set(&one, b"x");
    now(one.unlock_global(b"k"));
    assert_eq!(now(one.read_whole(b"k", 9)).unwrap(), b"x");
}

#[test]
fn a_strong_read_answers_what_was_pushed_last_and_nothing_else() {
    let (tier, host, other) = two_hosts();
    for host in [&host, &other] {
        keep(host, "strong");
    }
    let (writer, beside, far) = (call(&host, ONE), call(&host, TWO), call(&other, TWO));
    assert_eq!(now(far.read_whole(b"k", 9)), None);
    now(writer.lock_global(b"k", Mode::Write, None));
    set(&writer, b"first");
    assert_eq!(now(beside.read_whole(b"k", 9)), None, "not pushed yet");
    assert_eq!(now(beside.read(b"k", 5, 0, 5)), [0; 5]);
    now(writer.push(b"k", Extent::Full));
    for reader in [&writer, &beside, &far] {
        assert_eq!(now(reader.read_whole(b"k", 9)).unwrap(), b"first");
    }
    now(writer.write(b"k", 5, 0, b"F".to_vec()));
    assert_eq!(read(&writer, 5), b"First", "the writer sees its own");
    assert_eq!((read(&beside, 5), read(&far, 5)), (b"first".to_vec(), b"first".to_vec()));
    assert_eq!(now(far.size(b"k")), Some(5));
    // Giving the lock up pushes, and the next writer goes on from there.
    now(writer.unlock_global(b"k"));
    for reader in [&beside, &far] {
        assert_eq!(now(reader.read_whole(b"k", 9)).unwrap(), b"First");
    }
    now(far.lock_global(b"k", Mode::Write, None));
    now(far.write(b"k", 6, 5, b"!".to_vec()));
    now(far.push(b"k", Extent::Dirty));
    assert_eq!(read(&beside, 6), b"First!");
    assert_eq!(pushed(&tier, b"k").unwrap(), b"First!");
    let out = outcome(beside.read(b"k", 6, 3, 4)).unwrap_err();
    assert!(matches!(out, StateError::OutOfBounds { size: 6, .. }), "{out}");
}

#[test]
fn what_a_strong_writer_left_unpushed_is_dropped() {
    let (_tier, host, _) = two_hosts();
    keep(&host, "strong");
    let one = call(&host, ONE);
    now(one.lock_global(b"k", Mode::Write, None));
    set(&one, b"good");
    now(one.push(b"k", Extent::Full));
    set(&one, b"half done");
    host.release_call(ONE);
    let two = call(&host, TWO);
    assert_eq!(now(two.read_whole(b"k", 99)).unwrap(), b"good");
    now(two.lock_global(b"k", Mode::Write, None));
    assert_eq!(now(two.read_whole(b"k", 99)).unwrap(), b"good");
    now(two.unlock_global(b"k"));
    // The same of a value that was never pushed.
    let other = call(&host, CallId(3));
    now(other.lock_global(b"l", Mode::Write, None));
    now(other.set(b"l", b"half done".to_vec()));
    host.release_call(CallId(3));
    now(two.lock_global(b"l", Mode::Write, None));
    assert_eq!(now(two.read_whole(b"l", 99)), None);
}

#[test]
fn sums_of_many_hosts_are_added() {
    let (tier, host, other) = two_hosts();
    for host in [&host, &other] {
        keep(host, "merge(sum i64)");
    }
    let (one, two) = (call(&host, ONE), call(&other, TWO));
    set(&one, &numbers(&[1, 2]));
    now(one.push(b"k", Extent::Full));
    assert_eq!(read(&two, 16), numbers(&[1, 2]));
    // One adds 10 to the first number, the other 100 to the first and 1000 to the second.
    now(one.write(b"k", 16, 0, numbers(&[11])));
    now(two.write(b"k", 16, 0, numbers(&[101, 1002])));
    now(one.push(b"k", Extent::Dirty));
    let sent = now(two.push(b"k", Extent::Dirty));
    assert_eq!((sent.bytes, sent.stale), (16, false));
    assert_eq!(pushed(&tier, b"k").unwrap(), numbers(&[111, 1002]));
    assert_eq!(read(&two, 16), numbers(&[111, 1002]), "the merged value comes back");
    assert_eq!(now(two.push(b"k", Extent::Full)).version, None, "nothing is left");
    // A pull loses nothing that was added here.
    now(one.write(b"k", 24, 16, numbers(&[7])));
    now(one.pull(b"k", 24));
    assert_eq!(read(&one, 24), numbers(&[111, 1002, 7]));
    now(one.push(b"k", Extent::Dirty));
    assert_eq!(pushed(&tier, b"k").unwrap(), numbers(&[111, 1002, 7]));
}

#[test]
fn sums_through_pointers_are_found_and_added() {
    let (tier, host, other) = two_hosts();
    for host in [&host, &other] {
        keep(host, "merge(sum f64)");
    }
    let len = 3 * PAGE;
    let (one, two) = (call(&host, ONE), call(&other, TWO));
    let mappings = [&one, &two].map(|view| now(view.map(b"k", len, (0, len), Access::Write)));
    let put = |host: usize, at: usize, number: f64| {
        mappings[host].region().write(at * 8, &number.to_le_bytes()).unwrap();
    };
    put(0, 0, 1.5);
    put(0, 700, 4.0);
    put(1, 0, 2.0);
    put(1, 1000, 0.25);
    now(one.push(b"k", Extent::Dirty));
    now(two.push(b"k", Extent::Dirty));
    let all = pushed(&tier, b"k").unwrap();
    let number = |at: usize| f64::from_le_bytes(all[at * 8..at * 8 + 8].try_into().unwrap());
    assert_eq!([0, 1, 700, 1000].map(number), [3.5, 0.0, 4.0, 0.25]);
    assert!(read(&two, len)[..all.len()] == all, "what the other added is here, too");
    // Flags are exact here, too.
    put(0, 5, 1.0);
    put(0, 6, 1.0);
    now(one.flag(b"k", len, 40, 8));
    assert_eq!(now(one.push(b"k", Extent::Dirty)).bytes, 8);
}

/// Workers on two hosts add to the same numbers through pointers, by atomic instructions, while their hosts push and pull.
#[test]
fn what_is_added_while_merged_numbers_come_back_is_not_lost() {
    const ROUNDS: u64 = 30_000;
    const NUMBERS: usize = 600;
    let (tier, host, other) = two_hosts();
    let views = [(&host, ONE), (&other, TWO)].map(|(host, id)| {
        keep(host, "merge(sum i64)");
        call(host, id)
    });
    let len = NUMBERS * 8;
    let worker = |view: &View, step: usize| {
        let mapped = view.map(b"k", len, (0, len), Access::Write);
        let mapping = mapped.block(None).unwrap().unwrap();
        for round in 0..ROUNDS {
            let at = (usize::try_from(round).unwrap() * step) % NUMBERS;
            mapping.region().atomic_u64(at * 8).unwrap().fetch_add(1, Ordering::Relaxed);
        }
    };
    let left = AtomicUsize::new(4);
    thread::scope(|scope| {
        for (n, view) in views.iter().chain(&views).enumerate() {
            let left = &left;
            scope.spawn(move || {
                worker(view, 2 * n + 1);
                left.fetch_sub(1, Ordering::Release);
            });
        }
        while left.load(Ordering::Acquire) > 0 {
            for view in &views {
                view.push(b"k", Extent::Dirty).block(None).unwrap().unwrap();
                view.pull(b"k", len).block(None).unwrap().unwrap();
            }
        }
    });
    for view in &views {
        now(view.push(b"k", Extent::Dirty));
    }
    let there = pushed(&tier, b"k").unwrap();
    let sum: i64 = (0..there.len() / 8).map(|at| number_at(&there, at)).sum();
    assert_eq!(sum, 4 * i64::try_from(ROUNDS).unwrap());
}

#[test]
fn the_largest_and_the_smallest_stay() {
    for (consistency, stays) in [("merge(max i64)", 9), ("merge(min i64)", -4)] {
        let (tier, host, other) = two_hosts();
        for host in [&host, &other] {
            keep(host, consistency);
        }
        let views = [call(&host, ONE), call(&other, TWO)];
        set(&views[0], &numbers(&[3]));
        now(views[0].push(b"k", Extent::Full));
        assert_eq!(read(&views[1], 8), numbers(&[3]));
        for (view, number) in views.iter().zip([9, -4]) {
            now(view.write(b"k", 8, 0, numbers(&[number])));
        }
        for view in &views {
            now(view.push(b"k", Extent::Dirty));
        }
        assert_eq!(pushed(&tier, b"k").unwrap(), numbers(&[stays]), "{consistency}");
        assert_eq!(read(&views[1], 8), numbers(&[stays]), "{consistency}");
    }
}

#[test]
fn members_of_many_hosts_are_in_the_set() {
    let (tier, host, other) = two_hosts();
    for host in [&host, &other] {
        keep(host, "merge(set)");
    }
    let (one, two) = (call(&host, ONE), call(&other, TWO));
    set(&one, &set_of(&["a", "b"]));
    set(&two, &set_of(&["b", "c"]));
    now(one.push(b"k", Extent::Full));
    now(two.push(b"k", Extent::Full));
    assert_eq!(pushed(&tier, b"k").unwrap(), set_of(&["a", "b", "c"]));
    assert_eq!(now(two.read_whole(b"k", 999)).unwrap(), set_of(&["a", "b", "c"]));
    assert_eq!(now(two.push(b"k", Extent::Full)).version, None);
    now(one.pull(b"k", 0));
    assert_eq!(now(one.read_whole(b"k", 999)).unwrap(), set_of(&["a", "b", "c"]));
    let bad = outcome(one.set(b"k", b"no set".to_vec())).unwrap_err();
    assert!(matches!(bad, StateError::Unmergeable { .. }), "{bad}");
    let not = outcome(one.map(b"k", 9, (0, 9), Access::Write)).unwrap_err();
    assert_eq!(
        not.to_string(),
        "state value k is kept `merge(set)`, which does not go together with a pointer into it"
    );
    assert!(outcome(one.write(b"k", 9, 0, vec![1])).is_err());
}

#[test]
fn what_a_merge_cannot_do_is_refused() {
    let (_tier, host, _) = two_hosts();
    keep(&host, "merge(append)");
    let one = call(&host, ONE);
    let not = |error: StateError| matches!(error, StateError::NotUnder { .. });
    assert!(not(outcome(one.set(b"k", vec![1])).unwrap_err()));
    assert_eq!(now(one.append(b"k", b"element")), 1);
    keep(&host, "merge(sum i64)");
    set(&one, &numbers(&[1, 2]));
    assert!(not(outcome(one.set(b"k", numbers(&[1]))).unwrap_err()), "shorter");
    assert!(not(outcome(one.push_masked(b"k", b"mask")).unwrap_err()));
    assert!(not(outcome(one.push_if(b"k", Version(1))).unwrap_err()));
    assert!(not(outcome(one.set_if(b"k", vec![], Version(1))).unwrap_err()));
    // A number that is cut off at the end is no number.
    now(one.write(b"l", 12, 8, vec![1; 4]));
    let ragged = outcome(one.push(b"l", Extent::Full)).unwrap_err();
    assert!(matches!(ragged, StateError::Global { source: GlobalError::Unmergeable(_), .. }));
}

#[test]
fn what_is_put_into_the_global_tier_follows_the_same_rules() {
    let (tier, host, _) = two_hosts();
    let one = call(&host, ONE);
    let put = |bytes: &[u8], at| outcome(one.put(b"k", bytes.to_vec(), at));
    let not = |error: StateError| matches!(error, StateError::NotUnder { .. });
    let unmergeable = |error: StateError| matches!(error, StateError::Unmergeable { .. });
    keep(&host, "merge(sum i64)");
    put(&numbers(&[1, 2]), None).unwrap();
    assert!(not(put(&numbers(&[1]), None).unwrap_err()), "shorter");
    assert!(unmergeable(put(&[1; 17], None).unwrap_err()), "no whole numbers");
    assert!(not(put(&numbers(&[1, 2]), Some(Version(1))).unwrap_err()));
    assert!(not(outcome(one.delete_at(b"k", Some(Version(1)))).unwrap_err()));
    assert_eq!(pushed(&tier, b"k").unwrap(), numbers(&[1, 2]));
    put(&numbers(&[3, 4, 5]), None).unwrap();
    assert_eq!(pushed(&tier, b"k").unwrap(), numbers(&[3, 4, 5]));
    assert!(now(one.delete_at(b"k", None)));
    put(&numbers(&[6]), None).unwrap();
    keep(&host, "merge(set)");
    assert!(unmergeable(put(b"no set", None).unwrap_err()));
    put(&set_of(&["a"]), None).unwrap();
    keep(&host, "merge(append)");
    assert!(not(put(b"", None).unwrap_err()));
    keep(&host, "strong");
    assert!(matches!(put(b"x", None).unwrap_err(), StateError::NeedsLock { .. }));
    now(one.lock_global(b"k", Mode::Write, None));
    put(b"x", None).unwrap();
    assert_eq!(pushed(&tier, b"k").unwrap(), b"x");
}

#[test]
fn merged_numbers_never_become_fewer_whoever_puts_them_meanwhile() {
    let (_tier, host, other) = two_hosts();
    keep(&host, "merge(max i64)");
    keep(&other, "merge(max i64)");
    let puts = |host: &Namespace, id: CallId| -> Vec<(Version, usize)> {
        let view = call(host, id);
        let put = |n: usize| {
            let written = outcome(view.put(b"k", vec![0; 8 * n], None)).ok()?;
            Some((written.after, n))
        };
        (1..=500).filter_map(put).collect()
    };
    let mut sizes = thread::scope(|scope| {
        let one = scope.spawn(|| puts(&host, ONE));
        let mut sizes = puts(&other, TWO);
        sizes.extend(one.join().unwrap());
        sizes
    });
    sizes.sort_unstable();
    assert!(sizes.len() >= 500 && sizes.is_sorted_by_key(|(_, size)| *size));
}

#[test]
fn a_refused_merge_is_sent_again() {
    let (tier, host, _) = two_hosts();
    keep(&host, "merge(sum i64)");
    let one = call(&host, ONE);
    set(&one, &numbers(&[5; 2000]));
    now(one.push(b"k", Extent::Full));
    now(one.write(b"k", 16_000, 0, numbers(&[6])));
    now(one.write(b"k", 16_000, 15_992, numbers(&[7])));
    tier.refuse_after(1);
    outcome(one.push(b"k", Extent::Dirty)).unwrap_err();
    let first = |bytes: &[u8]| i64::from_le_bytes(bytes[..8].try_into().unwrap());
    let all = pushed(&tier, b"k").unwrap();
    assert_eq!((first(&all), first(&all[15_992..])), (6, 5), "the second change was refused");
    assert_eq!(now(one.push(b"k", Extent::Dirty)).bytes, 8);
    let all = pushed(&tier, b"k").unwrap();
    assert_eq!((first(&all), first(&all[15_992..])), (6, 7));
}

#[test]
fn conditional_writes_happen_over_their_version_alone() {
    let (tier, host, other) = two_hosts();
    let (one, two) = (call(&host, ONE), call(&other, TWO));
    let conflict = |error: StateError| {
        matches!(error, StateError::Global { source: GlobalError::Conflict { .. }, .. })
    };
    let first = now(one.set_if(b"k", b"1".to_vec(), Version::ABSENT));
    assert!(conflict(outcome(two.set_if(b"k", b"2".to_vec(), Version::ABSENT)).unwrap_err()));
    assert_eq!(now(two.stat(b"k")).unwrap().version, first);
    let second = now(two.set_if(b"k", b"2".to_vec(), first));
    assert_eq!(now(one.read_whole(b"k", 9)).unwrap(), b"2");
    now(one.write(b"k", 1, 0, b"3".to_vec()));
    assert!(conflict(outcome(one.push_if(b"k", first)).unwrap_err()));
    let third = now(one.push_if(b"k", second)).version.unwrap();
    assert!(third > second);
    assert_eq!(now(one.push_if(b"k", first)).version, None, "nothing is dirty");
    // A replica follows what is written through it.
    let fourth = now(one.set_if(b"k", b"four".to_vec(), third));
    assert_eq!(now(one.read_whole(b"k", 9)).unwrap(), b"four");
    assert!(fourth > third);
    assert_eq!(pushed(&tier, b"k").unwrap(), b"four");
}

#[test]
fn a_merge_at_once_takes_the_replica_along() {
    let (tier, host, other) = two_hosts();
    let (one, two) = (call(&host, ONE), call(&other, TWO));
    set(&one, &numbers(&[1, 1]));
    now(one.push(b"k", Extent::Full));
    let add = |view: &View, offset: usize, number: i64| {
        let (combine, kind) = (Combine::Sum, Number::I64);
        let bytes = numbers(&[number]);
        now(view.merge(b"k", Merge::Numbers { combine, number: kind, offset, bytes }, true))
    };
    assert_eq!(add(&two, 0, 5).result.unwrap(), numbers(&[6]));
    assert_eq!(add(&one, 0, 1).result.unwrap(), numbers(&[7]));
    assert_eq!(read(&one, 16), numbers(&[7, 1]));
    add(&one, 16, 3);
    assert_eq!(now(one.read(b"k", 24, 0, 24)), numbers(&[7, 1, 3]));
    assert_eq!(pushed(&tier, b"k").unwrap(), numbers(&[7, 1, 3]));
}

#[test]
fn watches_and_takes_end_when_there_is_something_or_when_nobody_wants_them() {
    let (_tier, host, other) = two_hosts();
    let (one, two) = (call(&host, ONE), call(&other, TWO));
    let watch = one.watch(b"k", Version::ABSENT).unwrap();
    assert!(!watch.is_done());
    let version = now(two.set_if(b"k", b"x".to_vec(), Version::ABSENT));
    let stat = watch.try_take().unwrap().unwrap().unwrap().unwrap();
    assert_eq!((stat.version, stat.size), (version, 1));
    let take = || one.take_appended(b"q", (1, 99), Wait::UntilThere).unwrap();
    drop(take());
    let wanted = take();
    now(two.append(b"q", b"element"));
    assert_eq!(wanted.try_take().unwrap().unwrap().unwrap(), [b"element"]);
    assert_eq!(now(one.count_appended(b"q")), 0);
    now(two.append(b"q", b"next"));
    now(two.append(b"q2", b"other"));
    assert_eq!(now(one.count_appended(b"q")), 1);
    let keys = now(host.list(b"", None, 9));
    let keys: Vec<_> = keys.iter().map(|entry| entry.key.to_string()).collect();
    assert_eq!(keys, ["k", "q", "q2"]);
}

#[test]
fn a_rule_can_say_that_pointers_are_flagged() {
    let (tier, host, _) = two_hosts();
    let rule = Rule { pointer_writes: PointerWrites::Flagged, ..Rule::default() };
    host.set_rules(Rules::new(vec![rule]).unwrap());
    let one = call(&host, ONE);
    let mapping = now(one.map(b"k", 100, (0, 100), Access::Write));
    mapping.region().write(0, b"flagged").unwrap();
    assert_eq!(now(one.push(b"k", Extent::Full)).version, None);
    now(one.flag(b"k", 100, 0, 7));
    now(one.push(b"k", Extent::Dirty));
    assert_eq!(pushed(&tier, b"k").unwrap()[..7], *b"flagged");
}

/// What a host does with a value of sums.
#[derive(Clone, Debug)]
enum Act {
    Add(usize, i64),
    AddThroughPointer(usize, i64),
    Push,
    /// A push of which the tier refuses the first change, or the second.
    Refused(usize),
    Pull,
}

fn act() -> impl Strategy<Value = Act> {
    let at = prop_oneof![0..8_usize, 508..516_usize, 0..1200_usize];
    prop_oneof![
        3 => (at.clone(), -9..9_i64).prop_map(|(at, number)| Act::Add(at, number)),
        3 => (at, -9..9_i64).prop_map(|(at, number)| Act::AddThroughPointer(at, number)),
        3 => Just(Act::Push),
        1 => (0..2_usize).prop_map(Act::Refused),
        1 => Just(Act::Pull),
    ]
}

/// How many numbers the value has, and its bytes.
const MANY: usize = 1200;
const LEN: usize = MANY * 8;

fn number_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(bytes[at * 8..at * 8 + 8].try_into().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_hosts_add_and_however_they_push_is_in_the_sum(
        acts in prop::collection::vec((any::<bool>(), act()), 1..40),
    ) {
        let (tier, host, other) = two_hosts();
        for host in [&host, &other] {
            keep(host, "merge(sum i64)");
        }
        let views = [call(&host, ONE), call(&other, TWO)];
        let mappings: Vec<_> =
            views.iter().map(|view| now(view.map(b"k", LEN, (0, LEN), Access::Write))).collect();
        let mut sums = vec![0; MANY];
        for (first, act) in acts {
            let (view, mapping) = (&views[usize::from(first)], &mappings[usize::from(first)]);
            match act {
                Act::Add(at, number) => {
                    let there = number_at(&now(view.read(b"k", LEN, at * 8, 8)), 0);
                    now(view.write(b"k", LEN, at * 8, numbers(&[there + number])));
                    sums[at] += number;
                }
                Act::AddThroughPointer(at, number) => {
                    let there = number_at(&mapping.region().read_vec(at * 8, 8).unwrap(), 0);
                    mapping.region().write(at * 8, &numbers(&[there + number])).unwrap();
                    sums[at] += number;
                }
                Act::Push => {
                    outcome(view.push(b"k", Extent::Dirty)).unwrap();
                }
                Act::Refused(after) => {
                    tier.refuse_after(after);
                    let _ = outcome(view.push(b"k", Extent::Dirty));
                    tier.refuse_nothing();
                }
                Act::Pull => {
                    now(view.pull(b"k", LEN));
                    // A push of which only a part went through left a shorter value there, and so here. Who asks for
                    // it at its size has it so again; what is written past its end is nobody's.
                    now(view.read(b"k", LEN, 0, 8));
                }
            }
        }
        for view in &views {
            outcome(view.push(b"k", Extent::Dirty)).unwrap();
        }
        let there = pushed(&tier, b"k").unwrap_or_default();
        for (at, sum) in sums.iter().enumerate() {
            let number = if at * 8 < there.len() { number_at(&there, at) } else { 0 };
            prop_assert_eq!(number, *sum, "number {}", at);
        }
        for view in &views {
            now(view.pull(b"k", LEN));
            let here = now(view.read(b"k", LEN, 0, LEN));
            prop_assert!((0..MANY).all(|at| number_at(&here, at) == sums[at]));
        }
    }
}
