//! The whole suite in every way in which servers stand together, on either engine.

use std::collections::HashSet;
use std::fs;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use faasm_runtime::tiers::{RedisSettings, RedisTier, Severity};
use faasm_state::{Address, Condition, GlobalError, GlobalTier, Key};
use faasm_state_conformance::{all, done};
use tempfile::TempDir;

use crate::servers::{
    Engine, Server, answers, ask, certificates, eventually, free_port, subject, tier,
};

pub(super) fn all_on_one_server_with_files(engine: Engine) {
    let server = Server::of(engine, &["--appendonly", "yes", "--appendfsync", "always"]);
    all(&subject(&server.url("/?durability=disk&prefix=p:q")), 4);
}

/// Three masters with a third of the slots each.
fn cluster(engine: Engine) -> Vec<Server> {
    let options =
        ["--cluster-enabled", "yes", "--cluster-node-timeout", "5000", "--appendonly", "no"];
    // The bus has a port of its own, which must be free too.
    let servers: Vec<_> = (0..3)
        .map(|_| {
            let bus = free_port().to_string();
            Server::of(engine, &[&options[..], &["--cluster-port", &bus]].concat())
        })
        .collect();
    let nodes = servers.iter().map(|server| format!("127.0.0.1:{}", server.port));
    let made = Command::new("redis-cli")
        .args(["--cluster", "create"])
        .args(nodes)
        .arg("--cluster-yes")
        .output()
        .expect("redis-cli is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    eventually("the cluster is there", || {
        servers.iter().all(|server| server.ask("CLUSTER INFO").contains("cluster_state:ok"))
    });
    servers
}

pub(super) fn all_on_a_cluster_of_three_masters(engine: Engine) {
    let servers = cluster(engine);
    // One of them is enough to find the others.
    let url = format!("{}+cluster://127.0.0.1:{}?timeout=20s", engine.scheme(), servers[1].port);
    all(&subject(&url), 4);
    let keys = servers.iter().map(|server| server.ask("DBSIZE"));
    assert!(
        keys.clone().all(|keys| keys != "0\n"),
        "each has some: {:?}",
        keys.collect::<Vec<_>>()
    );
    let report = RedisTier::inspect(&url.parse::<RedisSettings>().unwrap()).unwrap();
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.check == "cluster" && finding.severity == Severity::Good)
    );
    // Each is asked for its own settings.
    servers[2].ask("CONFIG SET appendonly yes");
    servers[2].ask("CONFIG SET appendfsync no");
    let report = RedisTier::inspect(&url.parse::<RedisSettings>().unwrap()).unwrap();
    let lax: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.what.contains("appendfsync is no:"))
        .collect();
    assert!(lax.len() == 1 && lax[0].what.contains(&servers[2].port.to_string()), "{report:?}");
}

/// What is at an address is whole, though some of its keys are at one node and some at another.
pub(super) fn an_address_is_whole_while_its_slot_moves(engine: Engine) {
    let servers = cluster(engine);
    let nodes = format!("{}+cluster://127.0.0.1:{}", engine.scheme(), servers[0].port);
    let tier = tier(&format!("{nodes}?timeout=600ms"));
    let at = Address { namespace: Arc::from("u"), key: Key::new(b"moving").unwrap() };
    let bytes = vec![7; 500_000];
    let version = done(tier.set(&at, bytes.clone(), Condition::ALWAYS)).unwrap().after;
    done(tier.append(&at, b"first".to_vec(), None)).unwrap();

    let slot = servers[0].ask("CLUSTER KEYSLOT u:moving").trim().to_owned();
    let keys = |server: &Server| {
        let told = server.ask(&format!("CLUSTER GETKEYSINSLOT {slot} 100"));
        let mut keys: Vec<String> =
            told.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        // First the one by which a script is sent to a node.
        keys.sort_by_key(|key| !key.ends_with(":m"));
        keys
    };
    let from = servers.iter().position(|server| !keys(server).is_empty()).unwrap();
    let (source, target) = (&servers[from], &servers[(from + 1) % servers.len()]);
    let [source_id, target_id] = [source, target].map(|it| it.ask("CLUSTER MYID"));
    let told = |server: &Server, what: &str| {
        let answer = server.ask(&format!("CLUSTER SETSLOT {slot} {}", what.trim()));
        assert_eq!(answer.trim(), "OK", "{what}");
    };
    told(target, &format!("IMPORTING {source_id}"));
    told(source, &format!("MIGRATING {target_id}"));
    let (mut appended, mut maybe) = (vec![b"first".to_vec()], 0);
    let all = keys(source);
    assert!(all.len() >= 4, "meta, two chunks, a list: {all:?}");
    for (n, key) in all.iter().enumerate() {
        let moved = source.ask(&format!("MIGRATE 127.0.0.1 {} {key} 0 5000", target.port));
        assert_eq!(moved.trim(), "OK", "{key}");
        if n > 1 {
            continue;
        }
        match done(tier.get(&at, std::slice::from_ref(&(0..usize::MAX)))) {
            Ok(read) => assert!(read.unwrap().patch.into_bytes() == bytes),
            Err(GlobalError::Unavailable(_)) => {}
            Err(other) => panic!("{other}"),
        }
        let element = key.clone().into_bytes();
        match done(tier.append(&at, element.clone(), None)) {
            Ok(_) => appended.push(element),
            Err(GlobalError::Unavailable(_)) => {}
            Err(GlobalError::Unknown(_)) => maybe += 1,
            Err(other) => panic!("{other}"),
        }
    }
    let third = &servers[(from + 2) % servers.len()];
    for server in [target, source, third] {
        told(server, &format!("NODE {target_id}"));
    }
    eventually("it is there again", || done(tier.stat(&at)).is_ok());
    let read = done(tier.get(&at, std::slice::from_ref(&(0..usize::MAX)))).unwrap().unwrap();
    assert_eq!(read.version, version);
    assert!(read.patch.into_bytes() == bytes);
    let list = done(tier.read_appended(&at, 99, 9999)).unwrap();
    assert_eq!(list[0], b"first");
    assert!(appended.iter().all(|element| list.contains(element)), "{list:?}");
    assert!(list.len() <= appended.len() + maybe, "{list:?}");
}

pub(super) fn all_over_tls_as_a_user_with_few_rights(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let [ca, cert, key] = certificates(folder.path()).map(|path| path.to_str().unwrap().to_owned());
    let users = folder.path().join("users.acl");
    let rights = "~faasm* &faasm* -@all +@read +@write +@scripting +@pubsub +@connection +time +wait -@dangerous \
                  +info";
    fs::write(&users, format!("user default off\nuser faasm on >se%cret {rights}\n")).unwrap();
    let port = free_port().to_string();
    let server = Server::of(
        engine,
        &[
            "--tls-port",
            &port,
            "--port",
            "0",
            "--tls-cert-file",
            &cert,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &ca,
            "--tls-auth-clients",
            "no",
            "--aclfile",
            users.to_str().unwrap(),
        ],
    );
    let url = |user: &str, ca: &str| {
        format!("{}s://{user}@127.0.0.1:{port}/?timeout=20s{ca}", engine.scheme())
    };
    let mine = format!("&ca={ca}");
    eventually("TLS is there", || {
        let settings: RedisSettings = url("faasm:se%25cret", &mine).parse().unwrap();
        RedisTier::inspect(&settings).is_ok()
    });
    all(&subject(&url("faasm:se%25cret", &mine)), 4);
    for (user, ca, why) in [
        ("faasm:wrong", &mine[..], "does not know us"),
        ("nobody:se%25cret", &mine[..], "does not know us"),
        ("faasm:se%25cret", "", "not reached"),
    ] {
        let settings: RedisSettings = url(user, ca).parse().unwrap();
        let error = RedisTier::open(&settings).expect_err(user);
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let shown = format!("{error}: {source:?}");
        assert!(shown.contains(why), "{user}{ca}: {shown}");
    }
    drop(server);
}

/// A master with two replicas, and a sentinel that takes it to be down when it has been silent for so many milliseconds.
fn watched(engine: Engine, silence: u32) -> (Server, Watched) {
    let master = Server::of(engine, &[]);
    let of = master.port.to_string();
    let replicas: Vec<_> =
        (0..2).map(|_| Server::of(engine, &["--replicaof", "127.0.0.1", &of])).collect();
    eventually("the replicas follow", || {
        master.ask("INFO replication").contains("connected_slaves:2")
            && replicas
                .iter()
                .all(|replica| replica.ask("INFO replication").contains("master_link_status:up"))
    });
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("sentinel.conf");
    let port = free_port();
    fs::write(
        &config,
        format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor main 127.0.0.1 {of} 1\n\
         sentinel down-after-milliseconds main {silence}\nsentinel failover-timeout main 4000\n",
            folder.path().display()
        ),
    )
    .unwrap();
    let sentinel = Command::new(engine.program())
        .args([config.to_str().unwrap(), "--sentinel"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    eventually("the sentinel knows them", || {
        answers(port)
            && ask(port, "SENTINEL MASTER main")
                .is_some_and(|answer| answer.contains("num-slaves\n2"))
    });
    (master, Watched { sentinel, port, _replicas: replicas, _folder: folder })
}

/// All but the master.
struct Watched {
    sentinel: Child,
    port: u16,
    _replicas: Vec<Server>,
    _folder: TempDir,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.sentinel.kill();
        let _ = self.sentinel.wait();
    }
}

/// Ends those who write until they are told, also where a test fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(super) fn all_where_sentinels_say(engine: Engine) {
    // None takes over because the machine has much to do.
    let (_master, watched) = watched(engine, 60_000);
    let url = format!("{}+sentinel://127.0.0.1:{}/main?timeout=20s", engine.scheme(), watched.port);
    all(&subject(&url), 4);
}

pub(super) fn acknowledged_writes_outlast_a_failover(engine: Engine) {
    let (mut master, watched) = watched(engine, 700);
    let port = watched.port;
    let url = format!(
        "{}+sentinel://127.0.0.1:{port}/main?durability=replicated&replicas=2&timeout=3s",
        engine.scheme()
    );
    let tier = Arc::new(tier(&url));
    let at = Address { namespace: Arc::from("u"), key: Key::new(b"list").unwrap() };
    let stop = AtomicBool::new(false);
    let (acknowledged, killed) = (AtomicBool::new(false), AtomicBool::new(false));
    let append = |n: u32| {
        let (mut known, mut maybe) = (Vec::new(), HashSet::new());
        for element in (0..).map(|m| format!("{n}-{m}").into_bytes()) {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            match done(tier.append(&at, element.clone(), None)) {
                Ok(_) => {
                    known.push(element);
                    acknowledged.store(true, Ordering::Relaxed);
                    if killed.load(Ordering::Relaxed) && known.len() > 50 {
                        break;
                    }
                }
                Err(GlobalError::Unknown(_)) => drop(maybe.insert(element)),
                Err(GlobalError::Unavailable(_)) => {}
                Err(other) => panic!("{other}"),
            }
        }
        (known, maybe)
    };
    let outcomes = thread::scope(|scope| {
        let _stop = StopAtEnd(&stop);
        let writers: Vec<_> = (0..3).map(|n| scope.spawn(move || append(n))).collect();
        eventually("writes flow", || acknowledged.load(Ordering::Relaxed));
        let old = master.port.to_string();
        master.kill();
        let named = || {
            let answer = ask(port, "SENTINEL GET-MASTER-ADDR-BY-NAME main");
            answer.and_then(|answer| Some(answer.lines().nth(1)?.to_owned()))
        };
        eventually("another is the master", || named().is_some_and(|port| port != old));
        // It comes back as a replica, of which there must be two.
        master.start_again();
        master.ask(&format!("REPLICAOF 127.0.0.1 {}", named().unwrap()));
        acknowledged.store(false, Ordering::Relaxed);
        eventually("writes flow again", || acknowledged.load(Ordering::Relaxed));
        killed.store(true, Ordering::Relaxed);
        eventually("all have written", || {
            writers.iter().all(thread::ScopedJoinHandle::is_finished)
        });
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    });
    let list = done(tier.read_appended(&at, usize::MAX, usize::MAX)).unwrap();
    let there: HashSet<_> = list.iter().collect();
    assert_eq!(there.len(), list.len(), "nothing is there twice, though it was sent twice");
    for (known, maybe) in &outcomes {
        for element in known {
            assert!(
                there.contains(element),
                "{} was acknowledged",
                String::from_utf8_lossy(element)
            );
        }
        let all = list.iter().filter(|element| element.starts_with(&known[0][..2])).count();
        assert!(all <= known.len() + maybe.len(), "nothing is there that was refused");
    }
}
