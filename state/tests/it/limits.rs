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
