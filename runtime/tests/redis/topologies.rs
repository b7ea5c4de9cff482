//! The whole suite on every way in which servers stand together.

use std::collections::HashSet;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use faasm_runtime::tiers::{RedisSettings, RedisTier, Severity};
use faasm_state::{Address, GlobalError, GlobalTier, Key};
use faasm_state_conformance::{all, done};

use crate::servers::{Server, answers, ask, certificates, eventually, free_port, subject, tier};

#[test]
fn all_at_once_on_one_server_with_files() {
    let server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    all(&subject(&server.url("/?durability=disk&prefix=p:q")), 4);
}

#[test]
fn all_on_valkey() {
    if Command::new("valkey-server").arg("--version").output().is_err() {
        eprintln!("no valkey-server is installed: not run on Valkey");
        return;
    }
    let server = Server::start_engine("valkey-server", &[]);
    all(&subject(&format!("valkey://127.0.0.1:{}", server.port)), 4);
}

/// Three masters with a third of the slots each.
fn cluster() -> Vec<Server> {
    let options =
        ["--cluster-enabled", "yes", "--cluster-node-timeout", "5000", "--appendonly", "no"];
    // The bus has a port of its own, which must be free too.
    let servers: Vec<_> = (0..3)
        .map(|_| {
            let bus = free_port().to_string();
            Server::start(&[&options[..], &["--cluster-port", &bus]].concat())
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

#[test]
fn all_on_a_cluster_of_three_masters() {
    let servers = cluster();
    // One of them is enough to find the others.
    let url = format!("redis+cluster://127.0.0.1:{}?timeout=20s", servers[1].port);
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
}

#[test]
fn all_over_tls_as_a_user_with_few_rights() {
    let folder = tempfile::tempdir().unwrap();
    let [ca, cert, key] = certificates(folder.path()).map(|path| path.to_str().unwrap().to_owned());
    let users = folder.path().join("users.acl");
    let rights = "~faasm* &faasm* -@all +@read +@write +@scripting +@pubsub +@connection +time +wait -@dangerous \
                  +info";
    fs::write(&users, format!("user default off\nuser faasm on >se%cret {rights}\n")).unwrap();
    let port = free_port().to_string();
    let server = Server::start(&[
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
    ]);
    let url = |user: &str, ca: &str| format!("rediss://{user}@127.0.0.1:{port}/?timeout=20s{ca}");
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

#[test]
fn what_is_not_as_it_must_be_is_refused_at_the_start() {
    let server = Server::start(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let open = |rest: &str| RedisTier::open(&server.url(rest).parse().unwrap());
    let error = open("").unwrap_err().to_string();
    assert!(error.contains("noeviction"), "{error}");
    server.ask("CONFIG SET maxmemory-policy noeviction");
    drop(open("").unwrap());
    for (rest, why) in [("/?durability=disk", "appendonly"), ("/?durability=replicated", "replica")]
    {
        let error = open(rest).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let report = RedisTier::inspect(&server.url("").parse().unwrap()).unwrap();
    assert_eq!(report.worst(), Severity::Warning, "{report:?}");
    server.ask("ACL SETUSER default -eval -evalsha");
    let error = open("").unwrap_err().to_string();
    assert!(error.contains("a write failed") && error.contains("+@scripting"), "{error}");
}

#[test]
fn acknowledged_writes_outlast_a_failover() {
    let mut master = Server::start(&[]);
    let of = master.port.to_string();
    let replicas: Vec<_> =
        (0..2).map(|_| Server::start(&["--replicaof", "127.0.0.1", &of])).collect();
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
         sentinel down-after-milliseconds main 700\nsentinel failover-timeout main 4000\n",
            folder.path().display()
        ),
    )
    .unwrap();
    let mut sentinel = Command::new("redis-server")
        .args([config.to_str().unwrap(), "--sentinel"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    eventually("the sentinel knows them", || {
        answers(port)
            && ask(port, "SENTINEL MASTER main")
                .is_some_and(|answer| answer.contains("num-slaves\n2"))
    });
    let url = format!("redis+sentinel://127.0.0.1:{port}/main?durability=replicated&timeout=3s");
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
        let writers: Vec<_> = (0..3).map(|n| scope.spawn(move || append(n))).collect();
        eventually("writes flow", || acknowledged.load(Ordering::Relaxed));
        master.kill();
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
    let _ = sentinel.kill();
    let _ = sentinel.wait();
}
