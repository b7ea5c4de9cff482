//! `faasm doctor` itself, on a server that is not as it must be, and on the same when it is.

use std::process::{Command, Output};

use serde_json::Value;

use crate::servers::Server;

fn doctor(url: &str, options: &[&str]) -> Output {
    let mut doctor = Command::new(env!("CARGO_BIN_EXE_faasm"));
    doctor.args(["doctor", "--state", url]).args(options);
    doctor.output().unwrap()
}

/// The lines about the eviction of keys, with what follows them.
fn eviction(shown: &str) -> Option<(&str, &str)> {
    let mut lines = shown.lines();
    let line = lines.find(|line| line.contains(" eviction "))?;
    Some((line, lines.next().unwrap_or_default()))
}

fn severity(done: &Output) -> String {
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["check"] == "eviction").unwrap();
    finding["severity"].as_str().unwrap().to_owned()
}

#[test]
fn the_command_says_what_is_wrong_with_a_server_and_ends_so() {
    let server = Server::start(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let url = server.url("");
    let told = doctor(&url, &[]);
    assert_eq!(told.status.code(), Some(5), "{told:?}");
    let shown = String::from_utf8(told.stdout).unwrap();
    assert!(shown.starts_with(&format!("global tier at {url}")), "{shown}");
    let (finding, advice) = eviction(&shown).expect(&shown);
    assert!(finding.starts_with("  error  ") && finding.contains("allkeys-lru"), "{shown}");
    assert_eq!(advice.trim(), "set `maxmemory-policy noeviction`");
    let told = doctor(&url, &["--json"]);
    assert_eq!((told.status.code(), &*severity(&told)), (Some(5), "error"), "{told:?}");

    server.ask("CONFIG SET maxmemory-policy noeviction");
    let told = doctor(&url, &[]);
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    let shown = String::from_utf8(told.stdout).unwrap();
    assert!(eviction(&shown).expect(&shown).0.starts_with("  ok  "), "{shown}");
    let told = doctor(&url, &["--json"]);
    assert_eq!((told.status.code(), &*severity(&told)), (Some(0), "good"), "{told:?}");
}

#[test]
fn the_command_says_that_there_is_no_server() {
    let mut server = Server::start(&[]);
    server.kill();
    for options in [&[][..], &["--json"]] {
        let told = doctor(&server.url(""), options);
        assert_eq!((told.status.code(), &told.stdout[..]), (Some(5), &b""[..]), "{told:?}");
        let said = String::from_utf8_lossy(&told.stderr).into_owned();
        assert!(said.contains("the server was not reached"), "{said}");
    }
}
