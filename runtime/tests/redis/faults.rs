//! Servers and networks that fail in the midst of operations.

use std::sync::Arc;
use std::time::{Duration, Instant};

use faasm_state::{Address, Combine, Condition, GlobalError, GlobalTier, Key, Mode, Version, Wait};
use faasm_state_conformance::{done, numbers, patch};
use rustix::process::Signal;

use crate::proxy::{Proxy, Weather};
use crate::servers::{Engine, Server, eventually, tier};

const LONG: Duration = Duration::from_secs(600);

fn at(key: &str) -> Address {
    Address { namespace: Arc::from("u"), key: Key::new(key.as_bytes()).unwrap() }
}

/// Every kind of change is made once, though it is sent twice.
#[test]
fn a_change_whose_answer_is_lost_is_made_once() {
    let server = Server::start(&[]);
    let proxy = Proxy::before(server.port);
    let (shaky, sound) = (tier(&proxy.url("?timeout=30s")), tier(&server.url("")));
    let (value, list) = (at("value"), at("list"));
    let first = done(shaky.set(&value, vec![0; 8], Condition::ALWAYS)).unwrap().after;
    done(shaky.append(&list, b"first".to_vec(), None)).unwrap();

    // The server knows all scripts: one that it does not know is sent again with its text, for which an answer is needed.
    let warm = at("warm");
    for wanted in [Condition::ALWAYS, Condition::at(Version::ABSENT)] {
        let _ = done(sound.merge(&warm, numbers(Combine::Sum, 0, &[1]), wanted, true));
        let _ = done(sound.append(&warm, vec![1], None));
        let _ = done(sound.take_appended(&warm, 1, 99, Wait::Not, None));
        let _ = done(sound.delete(&warm, Condition::ALWAYS));
    }

    // While its answer is lost the change is seen to have happened; then the connection breaks.
    let lose = |happened: &mut dyn FnMut() -> bool| {
        eventually("it happened", happened);
        proxy.weather(Weather::Fair);
        proxy.cut();
    };
    let version = || done(sound.stat(&value)).unwrap().map_or(Version::ABSENT, |stat| stat.version);

    proxy.weather(Weather::AnswersLost);
    let merge = shaky.merge(&value, numbers(Combine::Sum, 0, &[1]), Condition::ALWAYS, true);
    lose(&mut || version() != first);
    let merged = done(merge).unwrap();
    assert_eq!((merged.written.before, merged.written.after), (first, version()));
    assert_eq!(merged.result, Some(1_u64.to_le_bytes().to_vec()));

    proxy.weather(Weather::AnswersLost);
    let append = shaky.append(&list, b"second".to_vec(), None);
    let all = || done(sound.read_appended(&list, 9, 99)).unwrap();
    lose(&mut || all().len() == 2);
    assert_eq!(done(append).unwrap(), 2);
    assert_eq!(all(), [&b"first"[..], b"second"]);

    proxy.weather(Weather::AnswersLost);
    let take = shaky.take_appended(&list, 1, 99, Wait::Not, None);
    lose(&mut || all().len() == 1);
    assert_eq!(done(take).unwrap(), [b"first"]);
    assert_eq!(all(), [b"second"]);

    proxy.weather(Weather::AnswersLost);
    let over = version();
    let set = shaky.set(&value, b"once".to_vec(), Condition::at(over));
    lose(&mut || version() != over);
    assert_eq!(done(set).unwrap().after, version());

    proxy.weather(Weather::AnswersLost);
    let over = version();
    let scripts = || {
        let stats = server.ask("INFO commandstats");
        stats.lines().find(|line| line.starts_with("cmdstat_evalsha:")).map(str::to_owned)
    };
    let before = scripts();
    let large = shaky.set(&value, vec![7; 3 << 20], Condition::at(over));
    // Its parts cannot be put down while answers are lost.
    eventually("it has begun", || scripts() != before);
    proxy.weather(Weather::Fair);
    proxy.cut();
    assert_eq!(done(large).unwrap().before, over);

    proxy.weather(Weather::AnswersLost);
    let delete = shaky.delete(&value, Condition::ALWAYS);
    lose(&mut || version() == Version::ABSENT);
    assert!(done(delete).unwrap(), "it was there");
}

/// What is answered from the record of what was done must be as durable as was asked, too.
fn a_change_that_was_recorded_is_as_durable(engine: Engine) {
    let master = Server::of(engine, &[]);
    let port = master.port.to_string();
    let replica = Server::of(engine, &["--replicaof", "127.0.0.1", &port]);
    eventually("the replica follows", || {
        replica.ask("INFO replication").contains("master_link_status:up")
            && master.ask("INFO replication").contains("state=online")
    });
    let proxy = Proxy::before(master.port);
    let shaky = tier(&proxy.url("?durability=replicated&timeout=3s"));
    let (sound, list) = (tier(&master.url("")), at("list"));
    // All connections on which one waits are there: none could be made while answers are lost.
    for _ in 0..16 {
        eventually("a replica has it", || done(shaky.append(&list, b"a".to_vec(), None)).is_ok());
    }
    let all = || done(sound.read_appended(&list, 999, 9999)).unwrap().len();
    let before = all();
    replica.signal(Signal::STOP);
    proxy.weather(Weather::AnswersLost);
    let append = shaky.append(&list, b"b".to_vec(), None);
    eventually("it happened", || all() > before);
    proxy.weather(Weather::Fair);
    proxy.cut();
    let told = done(append);
    assert!(matches!(told, Err(GlobalError::Unknown(_))), "no replica has it: {told:?}");
    assert_eq!(all(), before + 1, "it was made once");
    replica.signal(Signal::CONT);
    eventually("a replica has it", || done(shaky.append(&list, b"c".to_vec(), None)).is_ok());
}

#[test]
fn a_change_that_redis_recorded_is_as_durable() {
    a_change_that_was_recorded_is_as_durable(Engine::Redis);
}

#[test]
fn a_change_that_valkey_recorded_is_as_durable() {
    a_change_that_was_recorded_is_as_durable(Engine::Valkey);
}

/// A lock is given once, and a waiter whose connection broke is told.
#[test]
fn locks_and_waiters_outlast_connections() {
    let server = Server::start(&[]);
    let proxy = Proxy::before(server.port);
    let (shaky, sound) = (tier(&proxy.url("?timeout=30s")), tier(&server.url("")));
    let (locked, list) = (at("locked"), at("list"));
    let holder = done(sound.lock(&locked, Mode::Write, LONG, None)).unwrap().unwrap();
    let waiting = shaky.lock(&locked, Mode::Write, LONG, None);
    let taking = shaky.take_appended(&list, 1, 99, Wait::UntilThere, None);
    let watching = shaky.watch(&list, Version::ABSENT);
    eventually("somebody listens", || server.ask("PUBSUB CHANNELS").contains("{u:list}"));
    proxy.cut();
    done(sound.append(&list, b"x".to_vec(), None)).unwrap();
    assert_eq!(done(taking).unwrap(), [b"x"]);
    proxy.cut();
    let after = done(sound.set(&list, b"y".to_vec(), Condition::ALWAYS)).unwrap().after;
    assert_eq!(done(watching).unwrap().unwrap().version, after);
    proxy.cut();
    done(sound.unlock(&locked, holder)).unwrap();
    let token = done(waiting).unwrap().unwrap();
    assert!(token > holder);
    done(sound.set(&locked, b"z".to_vec(), Condition::ALWAYS.under(Some(token)))).unwrap();
}

/// A server that does not answer, and one that does not read.
#[test]
fn operations_end_by_their_deadline() {
    let server = Server::start(&[]);
    let tier = tier(&server.url("?timeout=600ms"));
    let value = at("value");
    done(tier.set(&value, b"before".to_vec(), Condition::ALWAYS)).unwrap();
    server.signal(Signal::STOP);
    let begin = Instant::now();
    let write = tier.set(&value, b"maybe".to_vec(), Condition::ALWAYS);
    let append = tier.append(&at("list"), b"maybe".to_vec(), None);
    let read = tier.get(&value, std::slice::from_ref(&(0..9)));
    let lock = tier.lock(&value, Mode::Write, LONG, None);
    let listing = tier.list("u", b"", None, 9);
    assert!(matches!(done(write), Err(GlobalError::Unknown(_) | GlobalError::Unavailable(_))));
    assert!(matches!(done(append), Err(GlobalError::Unknown(_) | GlobalError::Unavailable(_))));
    let refused = done(read).unwrap_err();
    assert!(matches!(refused, GlobalError::Unavailable(_)), "{refused:?}");
    assert!(done(lock).is_err() && done(listing).is_err());
    assert!(begin.elapsed() < Duration::from_secs(20), "well before anybody gives up");
    server.signal(Signal::CONT);
    eventually("it is there again", || done(tier.stat(&value)).is_ok());
    done(tier.set(&value, b"after".to_vec(), Condition::ALWAYS)).unwrap();
    let read = done(tier.get(&value, std::slice::from_ref(&(0..9)))).unwrap().unwrap();
    assert_eq!(read.patch.into_bytes(), b"after");
}

/// With its files: all that was acknowledged.
#[test]
fn what_is_on_disk_outlasts_the_server() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let tier = tier(&server.url("?durability=disk&timeout=20s"));
    let (small, large) = (at("small"), at("large"));
    let bytes: Vec<u8> =
        (0..3_000_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[2]).collect();
    done(tier.set(&large, bytes.clone(), Condition::ALWAYS)).unwrap();
    for round in 0..3 {
        done(tier.merge(&small, numbers(Combine::Sum, 0, &[1]), Condition::ALWAYS, false)).unwrap();
        let version = done(tier.stat(&small)).unwrap().unwrap().version;
        let token = done(tier.lock(&small, Mode::Write, LONG, None)).unwrap().unwrap();
        server.kill();
        server.start_again();
        let stat = done(tier.stat(&small)).unwrap().unwrap();
        assert_eq!(stat.version, version);
        // A lease lasts over a restart, and so does its end.
        let under = Condition::ALWAYS.under(Some(token));
        let change = numbers(Combine::Sum, 0, &[1]);
        assert!(done(tier.merge(&small, change, under, false)).unwrap().written.after > version);
        done(tier.unlock(&small, token)).unwrap();
        let read = done(tier.get(&small, std::slice::from_ref(&(0..8)))).unwrap().unwrap();
        assert_eq!(read.patch.into_bytes(), (2 * round + 2_u64).to_le_bytes());
    }
    let read = done(tier.get(&large, std::slice::from_ref(&(0..usize::MAX)))).unwrap().unwrap();
    assert!(read.patch.into_bytes() == bytes);
}

/// What has no room is refused whole; what is there stays, and can be read and removed.
#[test]
fn a_full_server_refuses_and_keeps_what_it_has() {
    let server = Server::start(&["--maxmemory", "12mb"]);
    let tier = tier(&server.url(""));
    let (kept, big) = (at("kept"), at("big"));
    let bytes = vec![3; 2 << 20];
    let version = done(tier.set(&kept, bytes.clone(), Condition::ALWAYS)).unwrap().after;
    let full = done(tier.set(&big, vec![1; 30 << 20], Condition::ALWAYS)).unwrap_err();
    assert!(
        matches!(full, GlobalError::Full { asked, capacity } if asked == 30 << 20 && capacity == 12 << 20),
        "{full:?}"
    );
    assert_eq!(done(tier.stat(&big)).unwrap(), None);
    // Small ones, until there is no room for one.
    let refused = (0..2_000).find_map(|n| {
        let write = tier.set(&at(&format!("s{n}")), vec![1; 100_000], Condition::ALWAYS);
        done(write).err()
    });
    assert!(matches!(refused, Some(GlobalError::Full { .. })), "{refused:?}");
    let change = done(tier.set_ranges(&kept, patch(0, &[(5, &[9; 200_000])]), Condition::ALWAYS));
    assert!(matches!(change, Err(GlobalError::Full { .. })), "{change:?}");
    let read = done(tier.get(&kept, std::slice::from_ref(&(0..usize::MAX)))).unwrap().unwrap();
    assert_eq!(read.version, version);
    assert!(read.patch.into_bytes() == bytes);
    assert!(done(tier.delete(&kept, Condition::at(version))).unwrap());
    done(tier.set(&big, vec![1; 100_000], Condition::ALWAYS)).unwrap();
}

/// Somebody dies between saying what a large write is and putting it there: the next one does it.
#[test]
fn a_large_write_is_finished_by_whoever_comes_next() {
    let server = Server::start(&[]);
    let sound = tier(&server.url(""));
    let value = at("value");
    done(sound.set(&value, vec![1; 2 << 20], Condition::ALWAYS)).unwrap();
    for round in 2..6_u8 {
        let proxy = Proxy::before(server.port);
        let dying = tier(&proxy.url("?timeout=1s"));
        let before = done(sound.stat(&value)).unwrap().unwrap().version;
        let write = dying.set(&value, vec![round; 6 << 20], Condition::ALWAYS);
        if round % 2 == 0 {
            eventually("it is written", || {
                done(sound.stat(&value)).unwrap().unwrap().version > before
            });
        }
        // Whatever it has done by now is all that it does.
        proxy.weather(Weather::Frozen);
        proxy.cut();
        let outcome = done(write);
        drop(dying);
        let read =
            done(sound.get(&value, std::slice::from_ref(&(0..usize::MAX)))).unwrap().unwrap();
        let bytes = read.patch.into_bytes();
        assert!(bytes.iter().all(|byte| *byte == bytes[0]), "whole or not at all");
        if outcome.is_ok() {
            assert_eq!(bytes[0], round);
        }
        done(sound.set(&value, vec![round; 2 << 20], Condition::ALWAYS)).unwrap();
    }
}
