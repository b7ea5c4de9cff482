//! The bytes of values on their way, and what asks for an answer at once.

use std::sync::Arc;

use faasm_state::{
    Address, Condition, GlobalOp, GlobalTier, Key, Limits, LocalTier, Namespace, Patch, Wait,
};

use crate::proxy::Proxy;
use crate::servers::{Server, eventually, tier};

fn at(key: &str) -> Address {
    Address { namespace: "tenant".into(), key: Key::new(key.as_bytes()).unwrap() }
}

fn done<T>(op: GlobalOp<T>) -> Result<T, faasm_state::GlobalError> {
    op.block(None).unwrap()
}

fn host(url: &str) -> Namespace {
    let tier: Arc<dyn GlobalTier> = Arc::new(tier(url));
    LocalTier::new(tier, Limits::default()).namespace("tenant")
}

fn pattern(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from((at * 31 + at / 977 + seed) % 251).unwrap()).collect()
}

/// Sizes around those at which values travel another way.
#[test]
fn values_of_all_sizes_go_from_host_to_host() {
    let server = Server::start(&[]);
    let (here, there) = (host(&server.url("")), host(&server.url("")));
    let edges = [0, 1, 4 << 10, 16 << 10, 64 << 10, 1 << 20, (4 << 20) + 9, 9 << 20, 1 << 20, 7];
    for (n, size) in edges.into_iter().enumerate() {
        for size in [size, size + 1] {
            // One that grows and shrinks, and one that is new.
            for key in ["same".to_owned(), format!("{n}:{size}")] {
                let bytes = pattern(n, size);
                let value = here.value(key.as_bytes(), 0).unwrap();
                value.set(&bytes).unwrap();
                value.push().block(None).unwrap().unwrap();
                let other = there.open(key.as_bytes()).block(None).unwrap().unwrap().unwrap();
                for _ in 0..2 {
                    other.pull().block(None).unwrap().unwrap();
                    assert_eq!(other.size(), size, "{key}");
                    let read = other.read(0, size).block(None).unwrap().unwrap();
                    assert!(read == bytes, "{key}: {size}");
                }
            }
        }
    }
}

/// Parts of a value that was never written as a whole.
#[test]
fn holes_are_zero() {
    let server = Server::start(&[]);
    let tier = tier(&server.url(""));
    let patch =
        Patch::from_bytes(5 << 20, std::iter::once(3 << 20..(3 << 20) + 5).collect(), vec![9; 5]);
    done(tier.set_ranges(&at("k"), patch.unwrap(), Condition::ALWAYS)).unwrap();
    let ranges = [0..10, (3 << 20) - 2..(3 << 20) + 7, (5 << 20) - 1..usize::MAX];
    let got = done(tier.get(&at("k"), &ranges)).unwrap().unwrap();
    let mut expected = vec![0; 20];
    expected[12..17].fill(9);
    assert_eq!(got.patch.bytes(), expected);
    assert_eq!(got.patch.size(), 5 << 20);
}

/// Large writes through a net that is cut again and again: each ends, and what is there is one of them.
#[test]
fn large_writes_outlast_connections_that_break() {
    let server = Server::start(&[]);
    let proxy = Proxy::before(server.port);
    let (shaky, sound) = (tier(&proxy.url("?timeout=20s")), tier(&server.url("")));
    let mut before = done(shaky.set(&at("k"), vec![1; 3 << 20], Condition::ALWAYS)).unwrap().after;
    for round in 2..12_u8 {
        let size = if round % 2 == 0 { 3 << 20 } else { 6 << 20 };
        let write = shaky.set(&at("k"), vec![round; size], Condition::at(before));
        std::thread::yield_now();
        proxy.cut();
        before = done(write).unwrap().after;
        let read = done(sound.get(&at("k"), std::slice::from_ref(&(0..usize::MAX)))).unwrap();
        let read = read.unwrap();
        assert_eq!(read.version, before);
        assert!(read.patch.into_bytes() == vec![round; size], "round {round}");
    }
}

/// Whoever gives up before the answer has come leaves the element there.
#[test]
fn an_element_that_nobody_waits_for_stays() {
    let server = Server::start(&[]);
    let tier = tier(&server.url(""));
    for round in 0..50_u8 {
        done(tier.append(&at("k"), vec![round], None)).unwrap();
        drop(tier.take_appended(&at("k"), 1, 100, Wait::Not, None));
        eventually("it is there again", || {
            let taken = done(tier.take_appended(&at("k"), 2, 100, Wait::Not, None)).unwrap();
            taken == [vec![round]]
        });
    }
}
