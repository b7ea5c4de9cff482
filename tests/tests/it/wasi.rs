//! The programs of `guests/wasi`, each of which tests a group of WASI's behaviours, on both kinds of file system: below
//! a folder of the host with `faasm run --dir`, and as a function over the tenant's shared files.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use faasm_runtime::name::FunctionName;

use crate::host::{TestHost, root};
use crate::process::{binary, code, text};

fn program(name: &str) -> PathBuf {
    root().join("guests/wasi/build").join(name).with_extension("wasm")
}

/// A program on its way, with an empty folder as `/`.
fn command(name: &str, args: &[&str]) -> (Command, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary());
    command
        .args(["run", "--dir", &format!("{}::/", dir.path().display())])
        .args(["--env", "GREETING=hello there"])
        .arg(program(name))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    (command, dir)
}

fn judge(output: &Output, dir: &tempfile::TempDir) {
    assert_eq!(code(output), 0, "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).lines().any(|line| line.starts_with("ok ")));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

fn run(name: &str) {
    let (mut command, dir) = command(name, &[]);
    judge(&command.output().unwrap(), &dir);
}

#[test]
fn process() {
    let (mut run, dir) = command("process", &["one", "two words"]);
    let output = run.output().unwrap();
    judge(&output, &dir);
    assert!(text(&output.stdout).contains("two parts\n"));
    assert!(text(&output.stderr).contains("two parts\n"));
    for exit in [0, 1, 33, 255] {
        let (mut run, _dir) = command("process", &[&format!("exit={exit}")]);
        assert_eq!(code(&run.output().unwrap()), exit);
    }
}

#[test]
fn clocks() {
    run("clocks");
}

#[test]
fn descriptors() {
    run("descriptors");
}

#[test]
fn opening() {
    run("opening");
}

#[test]
fn contents() {
    run("contents");
}

#[test]
fn attributes() {
    run("attributes");
}

#[test]
fn names() {
    run("names");
}

#[test]
fn links() {
    run("links");
}

#[test]
fn listing() {
    run("listing");
}

#[test]
fn streams() {
    run("streams");
}

#[test]
fn polling_what_is_there() {
    let (mut command, dir) = command("polling", &[]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"ready\n").unwrap();
    judge(&child.wait_with_output().unwrap(), &dir);
}

#[test]
fn polling_what_does_not_come() {
    let (mut command, dir) = command("polling", &["silent"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let open = child.stdin.take();
    judge(&child.wait_with_output().unwrap(), &dir);
    drop(open);
}

/// As functions: a call's own files over shared ones, with the rights and errors of any other file system. What they
/// make is theirs alone, so the same function can be called again.
#[test]
fn all_but_the_streams_over_shared_files() {
    let host = TestHost::start();
    for name in [
        "clocks",
        "descriptors",
        "opening",
        "contents",
        "attributes",
        "names",
        "links",
        "listing",
        "streams",
    ] {
        let wasm = fs::read(program(name)).unwrap();
        host.host.upload(&FunctionName::new("demo", name).unwrap(), &wasm).unwrap();
        for _ in 0..2 {
            assert_eq!(host.outcome(name, b"").return_code, 0, "{name}");
        }
    }
}
