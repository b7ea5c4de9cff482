//! What a guest or a tenant may not do, and whose fault it is.

use std::sync::Arc;

use faasm_state::{Blame, GlobalTier, Limits, LocalTier, MemoryTier, Retry, StateError};

use crate::support::{PAGE, limits, now, outcome, two_hosts};

#[test]
fn keys_of_a_wrong_length_are_refused_everywhere() {
    let (_tier, host, _) = two_hosts();
    for (key, len) in [(&b""[..], 0), (&[b'k'; 1025][..], 1025)] {
        let refused = [
            host.value(key, 1).unwrap_err(),
            host.local(key).unwrap_err(),
            outcome(host.open(key)).unwrap_err(),
            outcome(host.size(key)).unwrap_err(),
            outcome(host.delete(key)).unwrap_err(),
            outcome(host.append(key, b"x")).unwrap_err(),
            outcome(host.read_appended(key, 1, 1)).unwrap_err(),
            outcome(host.clear_appended(key)).unwrap_err(),
        ];
        for error in refused {
            assert!(
                matches!(error, StateError::EmptyKey | StateError::KeyTooLong { .. }),
                "{len}: {error}"
            );
            assert_eq!((error.blame(), error.retry()), (Blame::Guest, Retry::Never));
        }
    }
    assert!(host.value(&[b'k'; 1024], 1).is_ok());
}

#[test]
fn values_and_elements_have_a_largest_size() {
    let (_tier, host, _) = two_hosts();
    let max = limits().max_value;
    let too_large = |error: StateError| match error {
        StateError::TooLarge { .. } => {
            (error.blame(), error.retry()) == (Blame::Tenant, Retry::Never)
        }
        _ => false,
    };
    let value = host.value(b"k", max).unwrap();
    value.write(max - 1, b"x").unwrap();
    assert!(too_large(host.value(b"k", max + 1).unwrap_err()));
    assert!(too_large(host.value(b"other", usize::MAX).unwrap_err()));
    assert!(too_large(value.set(&vec![0; max + 1]).unwrap_err()));
    assert!(too_large(value.grow(usize::MAX).unwrap_err()));
    assert!(too_large(outcome(host.append(b"k", &vec![0; max + 1])).unwrap_err()));
    assert_eq!(now(value.read(max - 1, 1)), b"x", "what was refused changed nothing");
    assert!(host.local(b"other").unwrap().is_none());
}

#[test]
fn what_another_host_pushed_may_be_over_this_hosts_limit() {
    let tier: Arc<dyn GlobalTier> = Arc::new(MemoryTier::default());
    let wide = LocalTier::new(Arc::clone(&tier), limits()).namespace("t");
    let narrow = LocalTier::new(tier, Limits { max_value: PAGE, ..limits() }).namespace("t");
    let source = wide.value(b"k", 0).unwrap();
    source.set(&[1; 2 * PAGE]).unwrap();
    now(source.push());
    let value = narrow.value(b"k", 10).unwrap();
    assert!(matches!(outcome(value.pull()), Err(StateError::TooLarge { .. })));
    assert!(matches!(outcome(value.read(0, 1)), Err(StateError::TooLarge { .. })));
    assert!(matches!(outcome(narrow.open(b"unseen")), Ok(None)));
}

#[test]
fn a_namespace_forgets_what_is_idle_and_refuses_when_nothing_is() {
    let (_tier, host, _) = two_hosts();
    let most = limits().max_values;
    for n in 0..100 {
        let value = host.value(format!("clean {n}").as_bytes(), 0).unwrap();
        value.set(format!("{n}").as_bytes()).unwrap();
        now(value.push());
    }
    let first = now(host.open(b"clean 0")).unwrap();
    assert_eq!(now(first.read(0, first.size())), b"0", "a forgotten value is fetched again");
    let dirty: Vec<_> = (0..most - 1).map(|n| format!("dirty {n}").into_bytes()).collect();
    for key in &dirty {
        host.value(key, 1).unwrap().write(0, b"x").unwrap();
    }
    let full = host.value(b"one more", 1).unwrap_err();
    assert!(matches!(full, StateError::TooManyValues { .. }));
    assert_eq!((full.blame(), full.retry()), (Blame::Tenant, Retry::Later));
    now(host.local(&dirty[3]).unwrap().unwrap().push());
    assert!(host.value(b"one more", 1).is_ok());
    assert!(host.local(&dirty[3]).unwrap().is_none(), "the pushed one made room");
    assert!(host.local(b"clean 0").unwrap().is_some(), "one that is held is never forgotten");
}

#[test]
fn what_was_used_the_longest_time_ago_is_forgotten_first() {
    let (_tier, host, _) = two_hosts();
    let keys: Vec<_> = (0..limits().max_values).map(|n| format!("{n}").into_bytes()).collect();
    for key in &keys {
        let value = host.value(key, 0).unwrap();
        value.set(key).unwrap();
        now(value.push());
    }
    for unused in [3, 5] {
        for (_, key) in keys.iter().enumerate().filter(|(n, _)| *n != unused) {
            now(now(host.open(key)).unwrap().read(0, 1));
        }
        host.value(format!("after {unused}").as_bytes(), 0).unwrap();
        assert!(host.local(&keys[unused]).unwrap().is_none(), "{unused}");
        now(host.open(&keys[unused]));
    }
}

#[test]
fn a_mapped_value_is_never_forgotten() {
    let (_tier, host, _) = two_hosts();
    let mapping = now(host.value(b"mapped", 10).unwrap().map(0, 10));
    (0..100).for_each(|n| drop(host.value(format!("{n}").as_bytes(), 1).unwrap()));
    assert!(host.local(b"mapped").unwrap().unwrap().region().same_as(mapping.region()));
}

#[test]
fn namespaces_share_nothing_though_their_names_join_alike() {
    let tier: Arc<dyn GlobalTier> = Arc::new(MemoryTier::default());
    let host = LocalTier::new(tier, limits());
    let (one, other) = (host.namespace("a_b"), host.namespace("a"));
    let value = one.value(b"c", 0).unwrap();
    value.set(b"secret").unwrap();
    now(value.push());
    now(one.append(b"c", b"secret"));
    assert!(now(other.open(b"b_c")).is_none());
    assert!(now(other.read_appended(b"b_c", 9, 99)).is_empty());
    assert!(now(host.namespace("a_b").open(b"c")).is_some(), "the same name is the same namespace");
    assert!(host.namespace("a_b").local(b"c").unwrap().is_some());
}

#[test]
fn a_host_without_room_says_so() {
    let tier: Arc<dyn GlobalTier> = Arc::new(MemoryTier::new(10_000));
    let vast =
        LocalTier::new(Arc::clone(&tier), Limits { max_value: 1 << 60, ..limits() }).namespace("t");
    let error = vast.value(b"k", 1).unwrap_err();
    assert!(matches!(error, StateError::Memory { .. }), "{error}");
    assert_eq!((error.blame(), error.retry()), (Blame::Host, Retry::Elsewhere));

    let host = LocalTier::new(tier, limits()).namespace("t");
    let value = host.value(b"k", 0).unwrap();
    value.set(&[1; 11_000]).unwrap();
    let error = outcome(value.push()).unwrap_err();
    assert_eq!((error.blame(), error.retry()), (Blame::Tenant, Retry::Later), "{error}");
    assert!(value.is_dirty(), "what found no room is not forgotten");
    value.set(&[1; 5_000]).unwrap();
    assert!(now(value.push()).version.is_some());
}

#[test]
fn clean_bytes_make_room_and_dirty_and_mapped_ones_stay() {
    let tier: Arc<dyn GlobalTier> = Arc::new(MemoryTier::default());
    let host = LocalTier::new(tier, Limits { max_bytes: 4 * PAGE, ..limits() }).namespace("t");
    let fill = |key: &[u8], byte: u8| -> Result<_, StateError> {
        let value = host.value(key, 0)?;
        value.set(&[byte; 3 * PAGE])?;
        Ok(value)
    };
    let one = fill(b"one", 1).unwrap();
    assert_eq!(host.usage().held, 3 * PAGE);
    let refused = fill(b"two", 2).unwrap_err();
    assert!(matches!(refused, StateError::OverBudget { asked, .. } if asked == 3 * PAGE));
    assert_eq!((refused.blame(), refused.retry()), (Blame::Tenant, Retry::Later));
    now(one.push());
    let two = fill(b"two", 2).unwrap();
    let usage = host.usage();
    assert_eq!((usage.held, usage.evicted, usage.refused), (4 * PAGE, 2 * PAGE as u64, 1));
    // What was given up is fetched again, once the other is clean.
    assert!(outcome(one.read(0, 3 * PAGE)).is_err());
    now(two.push());
    assert_eq!(now(one.read(0, 3 * PAGE)), [1; 3 * PAGE]);
    assert_eq!(now(two.read(PAGE, PAGE)), [2; PAGE]);
    assert!(host.usage().held <= 4 * PAGE);
    // What is mapped stays, and the same memory is there for others.
    let mapping = now(two.map_unwatched(0, 2 * PAGE));
    now(one.read(0, PAGE));
    mapping.region().write(0, b"through the pointer").unwrap();
    assert!(outcome(one.read(0, 3 * PAGE)).is_err());
    assert_eq!(now(two.read(0, 7)), b"through");
    drop(mapping);
    two.flag_dirty(0, 19).unwrap();
    assert_eq!(now(one.read(0, 2 * PAGE)), [1; 2 * PAGE]);
    assert_eq!(now(two.read(0, 7)), b"through", "it is dirty");
    drop((one, two));
    now(host.delete(b"one"));
    now(host.delete(b"two"));
    assert_eq!(host.usage().held, 0);
}

#[test]
fn readers_that_race_with_eviction_read_what_was_pushed() {
    let tier: Arc<dyn GlobalTier> = Arc::new(MemoryTier::default());
    let host = LocalTier::new(tier, Limits { max_bytes: 6 * PAGE, ..limits() }).namespace("t");
    let values: Vec<_> = (1..=3_u8)
        .map(|byte| {
            let value = host.value(&[byte], 0).unwrap();
            value.set(&[byte; 2 * PAGE]).unwrap();
            now(value.push());
            (byte, value)
        })
        .collect();
    // Three values of two pages each do not fit once more, so that readers take pages from one another.
    let fourth = host.value(b"4", 0).unwrap();
    fourth.set(&[4; 2 * PAGE]).unwrap();
    std::thread::scope(|scope| {
        for (byte, value) in &values {
            scope.spawn(move || {
                for _ in 0..300 {
                    match value.read(0, 2 * PAGE).block(None).unwrap() {
                        Ok(bytes) => assert!(bytes.iter().all(|there| there == byte)),
                        Err(error) => {
                            assert!(matches!(error, StateError::OverBudget { .. }), "{error}")
                        }
                    }
                }
            });
        }
    });
    assert!(host.usage().evicted > 0);
    assert_eq!(now(fourth.read(0, 2 * PAGE)), [4; 2 * PAGE]);
}
