//! Global locks, versions, merges, notices and lists as guests see them, on two hosts over one global tier.

use std::sync::Arc;

use faasm_hostif::{ChainedOutcome, HostBuilder};
use faasm_state::{
    CallId, GlobalTier, LocalTier, MemoryTier, Mode, Namespace, Rule, Rules, Stamps,
};
use faasm_vm::Val;

use crate::support::{Bench, FakeCalls, Guest, with_state};

/// Each export passes its arguments on. The key "k" lies at 0, "q" at 8; bytes to write lie at 64.
const GUEST: &str = r#"(module
  (import "env" "__faasm_read_state" (func $read (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_write_state" (func $write (param i32 i32 i32)))
  (import "env" "__faasm_push_state" (func $push (param i32)))
  (import "env" "__faasm_lock_state_global" (func $lock_global (param i32)))
  (import "env" "__faasm_unlock_state_global" (func $unlock_global (param i32)))
  (import "env" "__faasm_state_version" (func $version (param i32) (result i64)))
  (import "env" "__faasm_state_write_if" (func $write_if (param i32 i32 i32 i64) (result i64)))
  (import "env" "__faasm_state_push_if" (func $push_if (param i32 i64) (result i64)))
  (import "env" "__faasm_state_merge" (func $merge (param i32 i32 i32 i32 i32 i32) (result i64)))
  (import "env" "__faasm_state_map" (func $map (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "__faasm_state_watch" (func $watch (param i32 i64 i32) (result i64)))
  (import "env" "__faasm_state_list" (func $list (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "__faasm_state_delete" (func $delete (param i32) (result i32)))
  (import "env" "__faasm_state_delete_if" (func $delete_if (param i32 i64) (result i32)))
  (import "env" "__faasm_state_append" (func $append (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_state_appended" (func $appended (param i32) (result i32)))
  (import "env" "__faasm_state_take" (func $take (param i32 i32 i32 i32) (result i32)))
  (import "env" "__faasm_state_lock" (func $lock (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_state_unlock" (func $unlock (param i32)))
  (import "env" "__faasm_state_token" (func $token (param i32) (result i64)))
  (import "env" "__faasm_state_resident" (func $resident (result i64)))
  (import "env" "__faasm_chain_name" (func $chain (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_await_call" (func $await (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "k\00")
  (data (i32.const 8) "q\00")
  (data (i32.const 64) "0123456789abcdef")
  (export "read" (func $read)) (export "write" (func $write)) (export "push" (func $push))
  (export "lock_global" (func $lock_global)) (export "unlock_global" (func $unlock_global))
  (export "version" (func $version)) (export "write_if" (func $write_if)) (export "push_if" (func $push_if))
  (export "merge" (func $merge)) (export "map" (func $map)) (export "watch" (func $watch))
  (export "list" (func $list)) (export "delete" (func $delete)) (export "delete_if" (func $delete_if)) (export "append" (func $append))
  (export "appended" (func $appended)) (export "take" (func $take)) (export "lock" (func $lock))
  (export "chain" (func $chain)) (export "await" (func $await))
  (export "unlock" (func $unlock)) (export "token" (func $token)) (export "resident" (func $resident))
  (func (export "long") (param i32) (result i64) (i64.load (local.get 0)))
  (func (export "put") (param i32 i64) (i64.store (local.get 0) (local.get 1)))
  (func (export "lock_and_trap") (call $lock_global (i32.const 0)) (unreachable))
  (func (export "_start")
    (call $lock_global (i32.const 0))
    (drop (call $take (i32.const 8) (i32.const 200) (i32.const 8) (i32.const -1)))
    (drop (call $watch (i32.const 0) (i64.const 0) (i32.const -1)))))"#;

const KEY: u32 = 0;
const QUEUE: u32 = 8;

impl Guest {
    fn give(&mut self, name: &str, args: &[Val]) -> i64 {
        match self.call(name, args).unwrap()[..] {
            [] => 0,
            [Val::I32(number)] => number.into(),
            [Val::I64(number)] => number,
            ref other => panic!("{other:?}"),
        }
    }
}

/// Arguments: 32 bits unless they say otherwise.
macro_rules! args {
    ($($arg:expr),*) => { &[$(Val::from($arg)),*] };
}

/// Two hosts over one tier.
fn hosts() -> [Namespace; 2] {
    let tier: Arc<dyn GlobalTier> = Arc::new(MemoryTier::default());
    [(); 2].map(|()| {
        LocalTier::new(Arc::clone(&tier), faasm_state::Limits::default()).namespace("tenant")
    })
}

fn guests() -> ([Namespace; 2], [Guest; 2]) {
    let (hosts, bench) = (hosts(), Bench::new());
    let guests = [&hosts[0], &hosts[1]].map(|host| bench.guest(&with_state(host), b"", GUEST));
    (hosts, guests)
}

#[test]
fn global_locks_hold_off_other_hosts_and_end_with_their_call() {
    let ([_, far], [mut one, mut two]) = guests();
    assert_eq!(one.give("token", args![KEY]), 0);
    one.give("lock_global", args![KEY]);
    let token = one.give("token", args![KEY]);
    assert!(token > 0);
    assert_eq!(two.give("lock", args![KEY, 0, 0]), 0);
    assert_eq!(two.give("lock", args![KEY, 1, 20]), 0);
    assert!(one.refusal("lock_global", args![KEY]).contains("the call already holds it, in Write"));
    let waits = far.lock_global(b"k", CallId(u64::MAX), Mode::Read, None);
    assert!(!waits.is_done());
    drop(one);
    waits.block(None).unwrap().unwrap();
    assert_eq!(two.give("lock", args![KEY, 0, 0]), 1, "readers are together");
    assert!(two.give("token", args![KEY]) > token);
    two.give("unlock", args![KEY]);
    far.release_call(CallId(u64::MAX));
    two.give("lock_global", args![KEY]);
    two.give("unlock_global", args![KEY]);
    assert!(two.refusal("unlock", args![KEY]).contains("does not hold it"));
    assert_eq!(
        two.refusal("lock", args![KEY, 2, 0]),
        "__faasm_state_lock: argument mode is 2: there are 0 to 1"
    );
}

#[test]
fn a_trap_gives_its_lock_up() {
    let ([_, far], [mut one, _]) = guests();
    one.call("lock_and_trap", &[]).unwrap_err();
    let waits = far.lock_global(b"k", CallId(u64::MAX), Mode::Write, None);
    assert!(!waits.is_done(), "until its state is gone");
    drop(one);
    waits.block(None).unwrap().unwrap();
}

#[test]
fn waiting_for_a_lock_an_element_and_a_change_suspends() {
    let ([host, far], [guest, _]) = guests();
    far.lock_global(b"k", CallId(7), Mode::Write, None).block(None).unwrap().unwrap();
    let mut waits = 0;
    let ended = guest.run_suspending(|| {
        waits += 1;
        match waits {
            1 => far.release_call(CallId(7)),
            2 => drop(far.append(b"q", b"element")),
            _ => {
                assert!(host.lock_global(b"k", CallId(8), Mode::Read, None).try_take().is_err());
                drop(far.put(b"k", vec![1], faasm_state::Condition::ALWAYS));
            }
        }
    });
    assert_eq!((ended.code(), waits), (0, 3));
}

#[test]
fn versions_make_writes_conditional() {
    let (_, [mut one, mut two]) = guests();
    assert_eq!(one.give("version", args![KEY]), 0);
    let first = one.give("write_if", args![KEY, 64, 4, 0_i64]);
    assert!(first > 0);
    assert_eq!(two.give("version", args![KEY]), first);
    assert_eq!(two.give("write_if", args![KEY, 64, 5, 0_i64]), -1);
    assert_eq!(two.give("read", args![KEY, 0, 0]), 4);
    two.give("write", args![KEY, 64, 6]);
    assert_eq!(two.give("push_if", args![KEY, first + 1]), -1);
    let second = two.give("push_if", args![KEY, first]);
    assert!(second > first);
    assert_eq!(two.give("push_if", args![KEY, second]), 0);
    assert_eq!(one.give("watch", args![KEY, first, 0]), second);
    assert_eq!(one.give("watch", args![KEY, second, 1]), -1);
    assert_eq!(one.give("delete_if", args![KEY, first]), -1);
    assert_eq!(one.give("version", args![KEY]), second);
    assert_eq!(one.give("delete_if", args![KEY, second]), 1);
    assert_eq!(one.give("delete_if", args![KEY, second]), -1);
    assert_eq!(one.give("delete_if", args![KEY, 0_i64]), 0);
    assert!(two.give("write_if", args![KEY, 64, 4, 0_i64]) > second);
    assert_eq!(one.give("delete", args![KEY]), 1);
    assert_eq!(one.give("delete", args![KEY]), 0);
    assert_eq!(two.give("watch", args![KEY, second, -1]), 0);
}

#[test]
fn merges_meet_in_the_global_tier() {
    let (_, [mut one, mut two]) = guests();
    let add = |guest: &mut Guest, number: i64, wanted: u32| {
        guest.give("put", args![128, number]);
        guest.give("merge", args![KEY, 0, 0, 128, 8, wanted]);
        guest.give("long", args![128])
    };
    assert_eq!(add(&mut one, 5, 1), 5);
    assert_eq!(add(&mut two, 7, 0), 7, "the sum was not wanted");
    assert_eq!(add(&mut one, 1, 1), 13);
    one.give("put", args![128, 100_i64]);
    one.give("merge", args![KEY, 3, 0, 128, 8, 1]);
    assert_eq!(add(&mut two, 0, 1), 100, "the larger one");
    let refusal = one.refusal("merge", args![KEY, 0, 0, 128, 7, 1]);
    assert!(refusal.contains("7 bytes are not a whole number of numbers of 8 bytes"), "{refusal}");
    assert!(one.refusal("merge", args![KEY, 10, 0, 128, 8, 1]).contains("there are 0 to 9"));
    assert!(one.refusal("merge", args![QUEUE, 9, 0, 64, 8, 0]).contains("the value is no set"));
    one.give("put", args![128, i64::from(b'x') << 32 | 1]);
    one.give("merge", args![QUEUE, 9, 0, 128, 5, 0]);
    assert_eq!(two.give("read", args![QUEUE, 200, 8]), 5);
}

#[test]
fn lists_are_taken_from() {
    let (_, [mut one, mut two]) = guests();
    assert_eq!(one.give("take", args![QUEUE, 200, 8, 0]), -1);
    assert_eq!(one.give("take", args![QUEUE, 200, 8, 1]), -1);
    assert_eq!(one.give("append", args![QUEUE, 64, 8]), 1);
    assert_eq!(two.give("append", args![QUEUE, 72, 8]), 2);
    assert_eq!(one.give("appended", args![QUEUE]), 2);
    assert_eq!(one.give("take", args![QUEUE, 200, 7, -1]), -2);
    assert_eq!(two.give("take", args![QUEUE, 200, 8, -1]), 8);
    assert_eq!(two.give("long", args![200]), i64::from_le_bytes(*b"01234567"));
    assert_eq!(one.give("take", args![QUEUE, 200, 8, 0]), 8);
    assert_eq!(one.give("long", args![200]), i64::from_le_bytes(*b"89abcdef"));
    assert_eq!(one.give("appended", args![QUEUE]), 0);
}

#[test]
fn keys_are_listed_page_by_page() {
    let (_, [mut one, _]) = guests();
    one.give("write", args![KEY, 64, 4]);
    one.give("push", args![KEY]);
    one.give("append", args![QUEUE, 64, 1]);
    one.give("append", args![QUEUE, 64, 1]);
    // A header of 24 bytes, then the key.
    assert_eq!(one.give("list", args![0, 0, 0, 0, 200, 1000]), 50);
    assert_eq!(one.give("long", args![208]), 4, "size");
    assert_eq!(one.give("long", args![216]), 1 << 32, "no elements, one byte of key");
    assert_eq!(one.give("long", args![241]), 1 << 32 | 2);
    assert_eq!(one.give("long", args![224]) & 0xff, i64::from(b'k'));
    assert_eq!(one.give("list", args![0, 0, 0, 0, 200, 30]), 25, "what fits");
    assert_eq!(one.give("list", args![0, 0, 0, 1, 200, 30]), 25, "after `k`");
    assert_eq!(one.give("long", args![224]) & 0xff, i64::from(b'q'));
    assert_eq!(one.give("list", args![0, 0, QUEUE, 1, 200, 30]), 0);
    assert_eq!(one.give("list", args![0, 0, 0, 0, 200, 24]), -1);
    assert_eq!(one.give("list", args![QUEUE, 1, 0, 0, 200, 1000]), 25);
    assert!(one.refusal("list", args![0, 0, 0, 0, 65_000, 1000]).contains("argument buffer"));
}

#[test]
fn a_pointer_to_read_is_not_pushed_from() {
    let (_, [mut one, mut two]) = guests();
    let at = one.give("map", args![KEY, 16, 0, 16, 0]);
    let at = u32::try_from(at).unwrap();
    one.give("put", args![at, 1_i64]);
    one.give("push", args![KEY]);
    assert_eq!(two.give("version", args![KEY]), 0);
    assert_eq!(one.give("map", args![KEY, 16, 0, 16, 1]), i64::from(at), "the same pages");
    one.give("put", args![at, 2_i64]);
    one.give("push", args![KEY]);
    two.give("read", args![KEY, 200, 16]);
    assert_eq!(two.give("long", args![200]), 2);
    assert!(one.give("resident", &[]) >= 4096);
    assert!(one.refusal("map", args![KEY, 16, 0, 16, 2]).contains("argument access is 2"));
}

#[test]
fn a_strong_value_is_refused_without_its_lock() {
    let (hosts, [mut one, mut two]) = guests();
    for host in &hosts {
        let consistency = "strong".parse().unwrap();
        host.set_rules(Rules::new(vec![Rule { consistency, ..Rule::default() }]).unwrap());
    }
    assert_eq!(
        one.refusal("write", args![KEY, 64, 4]),
        "__faasm_write_state: state: state value k is kept `strong`: a write needs its global write lock"
    );
    one.give("lock_global", args![KEY]);
    one.give("write", args![KEY, 64, 4]);
    assert_eq!(two.give("read", args![KEY, 200, 8]), 0);
    one.give("unlock_global", args![KEY]);
    assert_eq!(two.give("read", args![KEY, 200, 8]), 4);
}

#[test]
fn what_a_chain_has_pushed_goes_with_its_calls_and_comes_back() {
    let [near, far] = hosts();
    for host in [&near, &far] {
        let consistency = "session".parse().unwrap();
        host.set_rules(Rules::new(vec![Rule { consistency, ..Rule::default() }]).unwrap());
    }
    let (bench, calls) = (Bench::new(), Arc::new(FakeCalls::default()));
    let host = HostBuilder::new().state(near).calls(Arc::clone(&calls) as _).build().unwrap();
    let mut parent = bench.guest(&host, b"", GUEST);
    let mut elsewhere = bench.guest(&with_state(&far), b"", GUEST);
    let push = |guest: &mut Guest, from: u32| {
        guest.give("write", args![KEY, from, 8]);
        guest.give("push", args![KEY]);
    };
    let read = |guest: &mut Guest| {
        guest.give("read", args![KEY, 200, 8]);
        guest.give("long", args![200]).to_le_bytes()
    };
    push(&mut parent, 64);
    assert_eq!(read(&mut elsewhere), *b"01234567");
    push(&mut parent, 72);
    assert_eq!(read(&mut elsewhere), *b"01234567", "it has not heard of it");
    // A call "open", whose name is at 256.
    parent.give("put", args![256, i64::from_le_bytes(*b"open\0\0\0\0")]);
    let call = parent.give("chain", args![256, 0, 0]);
    let stamps = calls.stamps.lock().unwrap()[0].clone();
    let mut child = bench.guest(&with_state(&far), b"", GUEST);
    let told = std::mem::replace(
        child.store.data_mut(),
        with_state(&far).call(CallId(77), Vec::new()).with_stamps(Some(stamps)),
    );
    drop(told);
    assert_eq!(read(&mut child), *b"89abcdef");
    push(&mut child, 64);
    assert_eq!(read(&mut parent), *b"89abcdef");
    let stamps = child.store.data_mut().take_stamps().unwrap();
    calls.end_all(&ChainedOutcome { stamps, ..ChainedOutcome::default() });
    parent.give("await", &[Val::I32(i32::try_from(call).unwrap())]);
    assert_eq!(read(&mut parent), *b"01234567");
    assert!(Stamps::default().is_empty());
}
