//! The whole suite on every way in which servers stand together.

use faasm_runtime::tiers::{RedisSettings, RedisTier, Severity};
use faasm_state_conformance::all;

use crate::servers::{Engine, Server, subject};
use crate::topology;

/// Each of these in turn: the same must hold on both.
macro_rules! on_both {
    ($($name:ident: $valkey:ident;)+) => {
        $(
            #[test]
            fn $name() {
                topology::$name(Engine::Redis);
            }

            #[test]
            fn $valkey() {
                topology::$name(Engine::Valkey);
            }
        )+
    };
}

on_both! {
    all_on_one_server_with_files: all_on_valkey_with_files;
    all_on_a_cluster_of_three_masters: all_on_a_cluster_of_valkey;
    an_address_is_whole_while_its_slot_moves: an_address_of_valkey_is_whole_while_its_slot_moves;
    all_over_tls_as_a_user_with_few_rights: all_over_tls_on_valkey;
    all_where_sentinels_say: all_where_sentinels_of_valkey_say;
    acknowledged_writes_outlast_a_failover: acknowledged_writes_outlast_a_failover_of_valkey;
}

#[test]
fn all_on_valkey() {
    let server = Server::of(Engine::Valkey, &[]);
    let url = server.url("");
    assert!(url.starts_with("valkey://"), "{url}");
    all(&subject(&url), 4);
    let report = RedisTier::inspect(&url.parse::<RedisSettings>().unwrap()).unwrap();
    let version = report.findings.iter().find(|finding| finding.check == "version").unwrap();
    assert!(version.what.starts_with("Valkey "), "its own version, not Redis': {version:?}");
}

#[test]
fn what_is_not_as_it_must_be_is_refused_at_the_start() {
    let server = Server::start(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let open = |rest: &str| RedisTier::open(&server.url(rest).parse().unwrap());
    let error = open("").unwrap_err().to_string();
    assert!(error.contains("noeviction"), "{error}");
    server.ask("CONFIG SET maxmemory 0");
    let error = open("").unwrap_err().to_string();
    assert!(error.contains("noeviction"), "without a limit, too: {error}");
    server.ask("CONFIG SET maxmemory-policy noeviction");
    drop(open("").unwrap());
    for (rest, why) in [("/?durability=disk", "appendonly"), ("/?durability=replicated", "replica")]
    {
        let error = open(rest).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let report = RedisTier::inspect(&server.url("").parse().unwrap()).unwrap();
    assert_eq!(report.worst(), Severity::Warning, "{report:?}");
    for (rights, needs) in [("-subscribe", "+@pubsub"), ("-eval -evalsha", "+@scripting")] {
        server.ask(&format!("ACL SETUSER default {rights}"));
        let error = open("").unwrap_err().to_string();
        assert!(error.contains("was refused") && error.contains(needs), "{rights}: {error}");
        server.ask("ACL SETUSER default +@all");
    }
}
