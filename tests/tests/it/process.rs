//! The binary itself: `faasm run`, and `faasm serve` with its clients, in processes of their own.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use crate::host::{root, wasm_path};

/// The binary, built from this tree.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let profile = if cfg!(debug_assertions) { &[][..] } else { &["--release"] };
        let mut build = Command::new(env!("CARGO"));
        build
            .current_dir(root())
            // Without `-p`: then dependencies have the features that they have in the tests' build, and are not built
            // once more.
            .args(["build", "--quiet", "--bin", "faasm"])
            .args(profile);
        assert!(build.status().unwrap().success());
        // target/PROFILE/deps/it-HASH
        let test = std::env::current_exe().unwrap();
        test.parent().unwrap().parent().unwrap().join("faasm")
    })
}

/// Runs the binary with this folder for data.
pub(crate) fn faasm(data: &Path, args: &[&str]) -> Output {
    Command::new(binary())
        .args(args)
        .env("FAASM_DATA", data)
        .env_remove("FAASM_URL")
        .output()
        .unwrap()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

pub(crate) fn guest(name: &str) -> String {
    wasm_path(name).to_string_lossy().into_owned()
}

/// A server that is killed if the test does not end it.
pub(crate) struct Serve {
    child: Child,
    pub(crate) url: String,
    pub(crate) data: tempfile::TempDir,
}

impl Serve {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(options: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let (child, url) = Self::spawn(data.path(), options);
        Self { child, url, data }
    }

    /// What the server has logged.
    fn log(&self) -> String {
        std::fs::read_to_string(self.data.path().join("log")).unwrap()
    }

    fn spawn(data: &Path, options: &[&str]) -> (Child, String) {
        let log = std::fs::File::create(data.join("log")).unwrap();
        let mut child = Command::new(binary())
            .args(["--log", "debug"])
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(options)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line
            .split_whitespace()
            .find(|word| word.starts_with("http://"))
            .unwrap_or_else(|| panic!("{line:?}"));
        (child, url.to_owned())
    }

    pub(crate) fn faasm(&self, args: &[&str]) -> Output {
        Command::new(binary()).args(args).env("FAASM_URL", &self.url).output().unwrap()
    }

    /// Starts a server on the folder of one that has ended.
    pub(crate) fn restart(&mut self) {
        (self.child, self.url) = Self::spawn(self.data.path(), &[]);
    }

    /// Ends the server; its folder.
    pub(crate) fn stop(mut self) -> tempfile::TempDir {
        self.terminate();
        std::mem::replace(&mut self.data, tempfile::tempdir().unwrap())
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(&mut self) -> i32 {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // Gone already where the test ended it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_program_runs_with_arguments_and_its_exit_code() {
    let data = tempfile::tempdir().unwrap();
    let hello = faasm(data.path(), &["run", &guest("hello"), "you"]);
    assert_eq!((code(&hello), text(&hello.stdout)), (0, "Hello, you, from C!\n"));
    let hello = faasm(data.path(), &["run", &guest("hello-cpp")]);
    assert_eq!(code(&hello), 0, "{hello:?}");
    let trapped = faasm(data.path(), &["run", &guest("trap")]);
    assert_eq!(code(&trapped), 134);
    assert!(text(&trapped.stderr).contains("unreachable"), "{trapped:?}");
    assert!(text(&trapped.stderr).contains("main"), "{trapped:?}");
    let deep = faasm(data.path(), &["run", &guest("recurse")]);
    assert_eq!(
        (code(&deep), text(&deep.stderr).contains("call stack exhausted")),
        (134, true),
        "{deep:?}"
    );
}

#[test]
fn objects_are_compiled_sealed_and_run() {
    let data = tempfile::tempdir().unwrap();
    let object = data.path().join("hello.o");
    let path = object.to_str().unwrap();
    let compiled = faasm(data.path(), &["compile", &guest("hello"), "-o", path]);
    assert_eq!(code(&compiled), 0, "{compiled:?}");
    let hello = faasm(data.path(), &["run", path, "--", "--you"]);
    assert_eq!((code(&hello), text(&hello.stdout)), (0, "Hello, --you, from C!\n"), "{hello:?}");

    let good = std::fs::read(&object).unwrap();
    for at in [100, good.len() / 2, good.len() - 1] {
        let mut changed = good.clone();
        changed[at] ^= 1;
        std::fs::write(&object, changed).unwrap();
        let refused = faasm(data.path(), &["run", path]);
        assert_eq!(code(&refused), 2, "{refused:?}");
        assert!(text(&refused.stderr).contains("seal"), "{refused:?}");
    }
    let foreign = tempfile::tempdir().unwrap();
    std::fs::write(&object, good).unwrap();
    assert_eq!(code(&faasm(foreign.path(), &["run", path])), 2);

    let arm = faasm(
        data.path(),
        &["compile", &guest("hello"), "-o", path, "--target", "aarch64-unknown-linux-gnu"],
    );
    assert_eq!(code(&arm), 0, "{arm:?}");
    let refused = faasm(data.path(), &["run", path]);
    assert_eq!(code(&refused), 2);
    assert!(text(&refused.stderr).contains("aarch64"), "{refused:?}");
}

#[test]
fn exported_functions_are_invoked_with_numbers() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("add.wasm");
    let wat = r#"(module (func (export "add") (param i32 i64) (result i64) local.get 0 i64.extend_i32_s local.get 1 i64.add)
        (func (export "half") (param f64) (result f64) local.get 0 f64.const 0.5 f64.mul))"#;
    std::fs::write(&file, wat::parse_str(wat).unwrap()).unwrap();
    let path = file.to_str().unwrap();
    let run = |args: &[&str]| faasm(data.path(), &[&["run", "--invoke"], args].concat());
    assert_eq!(text(&run(&["add", path, "--", "-2", "44"]).stdout), "42\n");
    assert_eq!(text(&run(&["half", path, "5"]).stdout), "2.5\n");
    assert_eq!(code(&run(&["add", path, "1"])), 2);
    assert_eq!(code(&run(&["add", path, "1", "x"])), 2);
    let missing = run(&["ad", path, "1"]);
    assert_eq!(code(&missing), 3);
    assert!(text(&missing.stderr).contains("`add`"), "{missing:?}");
}

#[test]
fn a_guest_has_as_much_stack_as_it_is_given() {
    let data = tempfile::tempdir().unwrap();
    let module = data.path().join("deep.wasm");
    let wat = r#"(module (func $deep (export "deep") (param i32) (result i32)
        (if (result i32) (local.get 0)
            (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
            (else (i32.const 0)))))"#;
    std::fs::write(&module, wat::parse_str(wat).unwrap()).unwrap();
    let module = module.to_string_lossy();
    let run = |stack: &[&str], depth: &str| {
        faasm(data.path(), &[&["run", "--invoke", "deep"], stack, &[&module, depth]].concat())
    };
    assert_eq!(text(&run(&[], "1000").stdout), "1000\n");
    let exhausted = run(&[], "200000");
    assert_eq!(code(&exhausted), 134, "{exhausted:?}");
    assert!(text(&exhausted.stderr).contains("call stack exhausted"), "{exhausted:?}");
    let deep = run(&["--stack", "64MiB"], "200000");
    assert_eq!(text(&deep.stdout), "200000\n", "{deep:?}");
    assert_eq!(code(&run(&["--stack", "99999999GiB"], "1")), 2);
}

#[test]
fn imports_that_are_not_there_are_stubbed_by_name_only() {
    let data = tempfile::tempdir().unwrap();
    let module = data.path().join("door.wasm");
    let wat = r#"(module (import "host" "call" (func $call (param i32) (result i32)))
        (import "host" "ratio" (func $ratio (result f64)))
        (func (export "run") (result i32 f64) (call $call (i32.const 5)) (call $ratio)))"#;
    std::fs::write(&module, wat::parse_str(wat).unwrap()).unwrap();
    let module = module.to_string_lossy();
    let run = |stubs: &[&str]| {
        let stubs = stubs.iter().flat_map(|stub| ["--stub", stub]);
        let all: Vec<&str> =
            ["run"].into_iter().chain(stubs).chain(["--invoke", "run", &module]).collect();
        faasm(data.path(), &all)
    };
    let answered = run(&["host.call=-1", "host.ratio=2"]);
    assert_eq!(code(&answered), 0, "{answered:?}");
    assert_eq!(text(&answered.stdout), "-1\n2\n");
    for (stubs, words) in [
        (&["host.call"][..], "unknown import host.ratio"),
        (&["host.call", "host.ratio", "host.other"], "imports no function host.other"),
        (&["host"], "write it as MODULE.NAME"),
    ] {
        let refused = run(stubs);
        let talk = text(&refused.stderr);
        assert!(code(&refused) == 2 && talk.contains(words), "{stubs:?}: {talk}");
        assert!(!talk.contains("unknown import host.call"), "{talk}");
    }
    // What the host has is no stub's.
    let refused =
        faasm(data.path(), &["run", "--stub", "wasi_snapshot_preview1.fd_write", &guest("hello")]);
    assert_eq!(code(&refused), 2);
}

/// Runs an example of a program that nobody here wrote, and compares what it prints.
fn runs_its_example(program: &str, example: &str, args: &[&str], input: Stdio) {
    let folder = root().join("guests").join(program);
    let wasm = folder.join("build").join(program).with_extension("wasm");
    let dir = format!("{}::/mnt", folder.display());
    let ran = Command::new(binary())
        .arg("run")
        .arg(wasm)
        .args(["--dir", &dir, "--"])
        .args(args)
        .stdin(input)
        .output()
        .unwrap();
    let expected = std::fs::read_to_string(folder.join("example.out")).unwrap();
    assert_eq!(code(&ran), 0, "{program} {example}: {}", text(&ran.stderr));
    assert_eq!(text(&ran.stdout), expected, "{program} {example}");
}

#[test]
fn quickjs_runs_a_script() {
    runs_its_example("quickjs", "example.js", &["/mnt/example.js"], Stdio::null());
}

#[test]
fn sqlite_runs_statements() {
    let statements = std::fs::File::open(root().join("guests/sqlite/example.sql")).unwrap();
    runs_its_example("sqlite", "example.sql", &[":memory:"], statements.into());
}

#[test]
fn wrong_input_has_its_exit_codes() {
    let data = tempfile::tempdir().unwrap();
    assert_eq!(code(&faasm(data.path(), &["run", "no-such-file.wasm"])), 3);
    assert_eq!(code(&faasm(data.path(), &["runn"])), 2);
    let file = data.path().join("bad.wasm");
    std::fs::write(&file, b"\0asm\x01\0\0\0\xff").unwrap();
    assert_eq!(code(&faasm(data.path(), &["run", file.to_str().unwrap()])), 2);
    let unknown = faasm(data.path(), &["run", &guest("unknown-import")]);
    assert_eq!(code(&unknown), 2);
    assert!(text(&unknown.stderr).contains("env.no_such_call"), "{unknown:?}");
    let target = faasm(
        data.path(),
        &[
            "compile",
            &guest("echo"),
            "--target",
            "pdp11-unknown-none",
            "-o",
            file.to_str().unwrap(),
        ],
    );
    assert_eq!(code(&target), 2, "{target:?}");
    let nobody = faasm(data.path(), &["list", "--url", "http://127.0.0.1:9"]);
    assert_eq!(code(&nobody), 5);
    assert!(text(&nobody.stderr).contains("faasm serve"), "{nobody:?}");
}

#[test]
fn folders_and_variables_are_given() {
    let data = tempfile::tempdir().unwrap();
    std::fs::create_dir(data.path().join("given")).unwrap();
    let dir = format!("{}::/data", data.path().join("given").display());
    let check = faasm(
        data.path(),
        &["run", "--dir", &dir, "--env", "GREETING=hello", &guest("wasi-check"), "one", "two"],
    );
    assert!(check.status.code().is_some(), "{check:?}");
    let missing = faasm(data.path(), &["run", "--dir", "/no/such/folder::/x", &guest("hello")]);
    assert_eq!(code(&missing), 3);
}

#[test]
fn a_server_serves_survives_a_restart_and_ends_when_told() {
    let mut server = Serve::start();
    assert_eq!(code(&server.faasm(&["upload", "demo/echo", &guest("echo")])), 0);
    assert_eq!(code(&server.faasm(&["upload", "demo/loop", &guest("loop")])), 0);
    let echoed = server.faasm(&["invoke", "demo/echo", "-d", "Hello"]);
    assert_eq!((code(&echoed), text(&echoed.stdout)), (0, "Hello"));
    let file = server.data.path().join("input");
    std::fs::write(&file, b"from a file").unwrap();
    let echoed = server.faasm(&["invoke", "demo/echo", "-d", &format!("@{}", file.display())]);
    assert_eq!(text(&echoed.stdout), "from a file");
    let mut piped = Command::new(binary());
    let piped = piped.args(["invoke", "demo/echo", "-d", "-"]).env("FAASM_URL", &server.url);
    let mut piped = piped.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    piped.stdin.take().unwrap().write_all(b"through a pipe").unwrap();
    assert_eq!(text(&piped.wait_with_output().unwrap().stdout), "through a pipe");

    let missing = server.faasm(&["invoke", "demo/ehco"]);
    assert_eq!(code(&missing), 3);
    assert!(text(&missing.stderr).contains("did you mean `demo/echo`"), "{missing:?}");
    assert_eq!(code(&server.faasm(&["invoke", "demo/loop", "--timeout", "100ms"])), 6);
    let listed = server.faasm(&["list", "-o", "name"]);
    assert_eq!(text(&listed.stdout), "demo/echo\ndemo/loop\n");

    assert_eq!(server.terminate(), 0);
    assert_eq!(code(&server.faasm(&["list"])), 5);
    (server.child, server.url) = Serve::spawn(server.data.path(), &[]);
    assert_eq!(text(&server.faasm(&["invoke", "demo/echo", "-d", "again"]).stdout), "again");
}

#[test]
fn a_server_that_is_told_to_end_ends_calls_that_do_not() {
    let mut server = Serve::with(&["--grace", "100ms", "--timeout", "10m"]);
    assert_eq!(code(&server.faasm(&["upload", "demo/loop", &guest("loop")])), 0);
    let mut looping = Command::new(binary());
    let looping = looping.args(["invoke", "demo/loop"]).env("FAASM_URL", &server.url);
    let looping = looping.stderr(Stdio::piped()).spawn().unwrap();
    while !server.log().contains("takes a call") {
        std::thread::yield_now();
    }
    assert_eq!(server.terminate(), 0);
    let ended = looping.wait_with_output().unwrap();
    assert_eq!(code(&ended), 5, "{ended:?}");
    assert!(text(&ended.stderr).contains("shutting down"), "{ended:?}");
}

#[test]
fn a_server_that_was_killed_starts_again_with_its_functions() {
    let mut server = Serve::start();
    assert_eq!(code(&server.faasm(&["upload", "demo/echo", &guest("echo")])), 0);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    (server.child, server.url) = Serve::spawn(server.data.path(), &[]);
    assert_eq!(text(&server.faasm(&["invoke", "demo/echo", "-d", "again"]).stdout), "again");
}

/// With input: makes it the value `kept`, and pushes that. Without: its output is that value.
const KEEPER: &str = r#"(module
  (import "env" "__faasm_read_input" (func $input (param i32 i32) (result i32)))
  (import "env" "__faasm_write_output" (func $output (param i32 i32)))
  (import "env" "__faasm_write_state" (func $write (param i32 i32 i32)))
  (import "env" "__faasm_push_state" (func $push (param i32)))
  (import "env" "__faasm_read_state" (func $read (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "kept\00")
  (func (export "main") (result i32) (local $len i32)
    (local.set $len (call $input (i32.const 1024) (i32.const 1024)))
    (if (local.get $len)
      (then
        (call $write (i32.const 0) (i32.const 1024) (local.get $len))
        (call $push (i32.const 0)))
      (else
        (local.set $len (call $read (i32.const 0) (i32.const 1024) (i32.const 1024)))
        (call $output (i32.const 1024) (local.get $len))))
    (i32.const 0)))"#;

#[test]
fn state_is_there_after_the_server_was_killed() {
    let mut server = Serve::start();
    let module = server.data.path().join("keeper.wasm");
    std::fs::write(&module, wat::parse_str(KEEPER).unwrap()).unwrap();
    let uploaded = server.faasm(&["upload", "user/keeper", module.to_str().unwrap()]);
    assert_eq!(code(&uploaded), 0, "{}", text(&uploaded.stderr));
    let kept = server.faasm(&["invoke", "user/keeper", "-d", "still here"]);
    assert_eq!(code(&kept), 0, "{}", text(&kept.stderr));

    let second = Command::new(binary())
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(server.data.path())
        .output()
        .unwrap();
    assert_ne!(code(&second), 0);
    let said = text(&second.stderr);
    assert!(said.contains("another server is using"), "{said}");

    server.child.kill().unwrap();
    server.child.wait().unwrap();
    server.restart();
    let read = server.faasm(&["invoke", "user/keeper"]);
    assert_eq!(text(&read.stdout), "still here", "{}", text(&read.stderr));
}
