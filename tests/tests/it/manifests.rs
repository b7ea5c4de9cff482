//! What a manifest gives a function's program: arguments, variables, flags; and graphs of recorded calls.

use std::path::Path;

use faasm_runtime::host::{Host, HostConfig};
use faasm_runtime::manifest::Manifest;
use serde_json::{Value, json};

use crate::gateway::server;
use crate::host::{PATIENCE, TestHost, end, name};
use crate::process::{Serve, code, text};

/// Its output is what it is told in the initialisation, and again in the call: arguments, variables, and whether the
/// flag FAST is set.
const LOOKS: &str = r#"(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
  (import "env" "__faasm_conf_flag" (func $flag (param i32) (result i32)))
  (import "env" "__faasm_write_output" (func $output (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "FAST\00")
  (global $seen (mut i32) (i32.const 0))
  (func $look (param $at i32) (result i32)
    (drop (call $args_sizes (i32.const 0) (i32.const 4)))
    (drop (call $env_sizes (i32.const 8) (i32.const 12)))
    (drop (call $args (i32.const 1024) (local.get $at)))
    (local.set $at (i32.add (local.get $at) (i32.load (i32.const 4))))
    (drop (call $env (i32.const 1024) (local.get $at)))
    (local.set $at (i32.add (local.get $at) (i32.load (i32.const 12))))
    (i32.store8 (local.get $at) (i32.add (i32.const 48) (call $flag (i32.const 64))))
    (i32.add (local.get $at) (i32.const 1)))
  (func (export "_faasm_zygote") (global.set $seen (call $look (i32.const 4096))))
  (func (export "main")
    (call $output (i32.const 4096)
      (i32.sub (call $look (global.get $seen)) (i32.const 4096)))))"#;

/// What it says, once.
const TOLD: &str =
    "looks\0-v\0a b\0LOGNAME=faasm\0PWD=/\0TMPDIR=/tmp\0USER=faasm\0HOME=/home\0MODE=fast\x001";

fn manifest() -> Value {
    json!({"args": ["-v", "a b"], "env": {"MODE": "fast", "HOME": "/home"}, "flags": ["FAST"]})
}

fn config(dir: &Path) -> HostConfig {
    HostConfig { timeout: PATIENCE, ..HostConfig::new(dir.join("data")) }
}

#[test]
fn initialisation_and_calls_are_given_what_the_manifest_says_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let start = || TestHost {
        host: Host::start(config(dir.path())).unwrap(),
        dir: tempfile::tempdir().unwrap(),
    };
    let host = start();
    let (looks, wasm) = (name("looks"), wat::parse_str(LOOKS).unwrap());
    let said = Manifest::parse(manifest().to_string().as_bytes()).unwrap();
    host.host.upload_with(&looks, &wasm, said).unwrap();
    assert_eq!(host.text("looks", ""), TOLD.repeat(2));
    drop(host);
    let host = start();
    assert_eq!(host.text("looks", ""), TOLD.repeat(2));
    // Another upload of the same module is told what that says, in its initialisation, too.
    host.host.upload(&looks, &wasm).unwrap();
    let bare = "looks\0HOME=/\0LOGNAME=faasm\0PWD=/\0TMPDIR=/tmp\0USER=faasm\x000";
    assert_eq!(host.text("looks", ""), bare.repeat(2));
}

#[test]
fn the_command_line_says_what_a_program_is_given() {
    let server = Serve::start();
    let wasm = server.data.path().join("looks.wasm");
    std::fs::write(&wasm, wat::parse_str(LOOKS).unwrap()).unwrap();
    let wasm = wasm.to_str().unwrap();
    let said = ["--arg", "-v", "--arg", "a b", "--env", "MODE=fast", "--env", "HOME=/home"];
    let upload =
        |options: &[&str]| server.faasm(&[&["upload", "demo/looks", wasm], options].concat());
    assert_eq!(code(&upload(&[&said[..], &["--flag", "FAST"]].concat())), 0);
    let answer = server.faasm(&["invoke", "demo/looks"]);
    assert_eq!(text(&answer.stdout), TOLD.repeat(2));
    // From a file, with letters that a header has to carry; the command line's come after.
    let file = server.data.path().join("manifest.json");
    std::fs::write(&file, json!({"args": ["é"], "env": {"A": "ß", "B": "1"}}).to_string()).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(code(&upload(&["--manifest", file, "--arg", "last", "--env", "B=2"])), 0);
    let answer = text(&server.faasm(&["invoke", "demo/looks"]).stdout).to_owned();
    assert!(answer.starts_with("looks\0é\0last\0") && answer.contains("A=ß\0B=2\0"), "{answer:?}");
    for (option, why) in [("NAME", "NAME=VALUE"), ("=1", "cannot have a `=`, or be empty")] {
        let refused = upload(&["--env", option]);
        assert_eq!(code(&refused), 2);
        assert!(text(&refused.stderr).contains(why), "{}", text(&refused.stderr));
    }
}

/// Calls the functions that its table names, three levels deep; awaits all but the last.
const CHAINS: &str = r#"(module
  (import "env" "__faasm_chain_name" (func $name (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_chain_ptr" (func $ptr (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_await_call" (func $await (param i32) (result i32)))
  (memory (export "memory") 1)
  (table (export "__indirect_function_table") 4 funcref)
  (elem (i32.const 1) $middle $leaf $fails)
  (data (i32.const 0) "leaf\00")
  (func $leaf (result i32) (i32.const 0))
  (func $fails (result i32) unreachable)
  (func $middle (result i32)
    (drop (call $await (call $name (i32.const 0) (i32.const 0) (i32.const 0))))
    (drop (call $await (call $ptr (i32.const 3) (i32.const 0) (i32.const 0))))
    (i32.const 5))
  (func (export "main") (result i32)
    (drop (call $await (call $ptr (i32.const 1) (i32.const 0) (i32.const 0))))
    (drop (call $await (call $ptr (i32.const 2) (i32.const 0) (i32.const 0))))
    (i32.const 0)))"#;

const LEAF: &str = r#"(module (func (export "main")))"#;

fn rows(graph: &Value) -> Vec<(String, Option<u64>, String, Option<i64>)> {
    let calls = graph["calls"].as_array().unwrap();
    let row = |call: &Value| {
        let text = |name: &str| call[name].as_str().unwrap_or_default().to_owned();
        (text("function"), call["pointer"].as_u64(), text("outcome"), call["return_code"].as_i64())
    };
    calls.iter().map(row).collect()
}

#[test]
fn a_recorded_call_has_a_graph_of_whom_it_chained() {
    let server = server();
    for (function, wat) in [("chains", CHAINS), ("leaf", LEAF)] {
        let path = format!("/v1/namespaces/demo/functions/{function}");
        server.put_with(&path, &[], &wat::parse_str(wat).unwrap()).unwrap();
    }
    let call = |headers: &[(&'static str, &str)]| {
        let path = "/v1/namespaces/demo/functions/chains/invoke";
        let answer = server.post_with(path, headers, b"")?;
        Ok::<_, Box<faasm_runtime::client::Reported>>(
            answer.headers["faas-invocation-id"].to_str().unwrap().to_owned(),
        )
    };
    let graph = |namespace: &str, id: &str| {
        server.get(&format!("/v1/namespaces/{namespace}/calls/{id}/graph"))
    };
    let id = call(&[("faas-graph", "record")]).unwrap();
    let answer: Value = serde_json::from_slice(&graph("demo", &id).unwrap().body).unwrap();
    let (chains, leaf) = ("demo/chains".to_owned(), "demo/leaf".to_owned());
    let returned = |function: &str, pointer, code| {
        (function.to_owned(), pointer, "returned".to_owned(), Some(code))
    };
    assert_eq!(
        rows(&answer),
        [
            returned(&chains, None, 0),
            returned(&chains, Some(1), 5),
            returned(&leaf, None, 0),
            (chains.clone(), Some(3), "function-error".to_owned(), None),
            returned(&chains, Some(2), 0),
        ]
    );
    let calls = answer["calls"].as_array().unwrap();
    let parents: Vec<_> = calls.iter().map(|call| &call["parent"]).collect();
    let ids: Vec<_> = calls.iter().map(|call| &call["id"]).collect();
    assert_eq!(ids[0], &id);
    assert_eq!(parents, [&Value::Null, ids[0], ids[1], ids[1], ids[0]]);
    assert!(calls.iter().all(|call| call["ms"]["run"].as_f64().is_some()));
    // Not of calls that were not recorded, of other tenants, or of what is no call.
    let silent = call(&[]).unwrap();
    for (namespace, id, status) in
        [("demo", silent.as_str(), 404), ("other", &id, 404), ("demo", "nonsense", 400)]
    {
        assert_eq!(graph(namespace, id).unwrap_err().status, status);
    }
    assert_eq!(call(&[("faas-graph", "1")]).unwrap_err().status, 400);
}

#[test]
fn the_command_line_draws_a_graph() {
    let server = Serve::start();
    let file = |name: &str, wat: &str| {
        let path = server.data.path().join(format!("{name}.wasm"));
        std::fs::write(&path, wat::parse_str(wat).unwrap()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    for (name, wat) in [("chains", CHAINS), ("leaf", LEAF)] {
        let function = format!("demo/{name}");
        assert_eq!(code(&server.faasm(&["upload", &function, &file(name, wat)])), 0);
    }
    let drawn = server.faasm(&["invoke", "--graph", "demo/chains"]);
    assert_eq!(code(&drawn), 0);
    let lines: Vec<String> = text(&drawn.stderr)
        .lines()
        .map(|line| {
            line.split("  ").take_while(|part| !part.ends_with("ms")).collect::<Vec<_>>().join("  ")
        })
        .collect();
    assert_eq!(lines[0], "demo/chains  returned 0", "{lines:?}");
    assert!(lines[1].starts_with("├─ demo/chains at 1  returned 5"), "{lines:?}");
    assert!(lines[2].starts_with("│  ├─ demo/leaf  returned 0"), "{lines:?}");
    assert!(lines[3].starts_with("│  └─ demo/chains at 3  function-error"), "{lines:?}");
    assert!(lines[4].starts_with("└─ demo/chains at 2  returned 0"), "{lines:?}");
    let json = server.faasm(&["invoke", "demo/chains", "--graph=json"]);
    let graph: Value = serde_json::from_slice(&json.stderr).unwrap();
    assert_eq!(rows(&graph).len(), 5);
}

#[test]
fn a_graph_shows_calls_that_have_not_ended() {
    let host = TestHost::having(&["sleep"]);
    let sleep = host.host.function(&name("sleep")).unwrap();
    let invoked = host.host.invoke_recorded(sleep, b"3600000".to_vec(), None);
    let graph = host.host.graph("demo", invoked.info.id).unwrap();
    assert_eq!((graph.calls.len(), graph.calls[0].outcome), (1, "running"));
    host.host.shut_down(std::time::Duration::ZERO);
    let ended = end(invoked.finished);
    let graph = host.host.graph("demo", invoked.info.id).unwrap();
    assert!(ended.result.is_err() && graph.calls[0].outcome == "draining", "{graph:?}");
}

/// Modules over the usual limit are taken where the server was told so.
#[test]
fn the_limit_of_modules_can_be_set() {
    for (limit, wanted) in [("8B", 2), ("1KiB", 0)] {
        let server = Serve::with(&["--max-module", limit]);
        let file = server.data.path().join("leaf.wasm");
        std::fs::write(&file, wat::parse_str(LEAF).unwrap()).unwrap();
        let answer = server.faasm(&["upload", "demo/leaf", file.to_str().unwrap()]);
        let talk = text(&answer.stderr);
        assert_eq!(code(&answer), wanted, "{talk}");
        assert!(wanted == 0 || talk.contains("over the limit of 8 bytes"), "{talk}");
    }
}
