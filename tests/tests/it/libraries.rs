//! Libraries: uploaded, loaded when a function is initialised or called, kept in its snapshot; and on the command line.

use std::fs;

use faasm_runtime::call::CallError;
use faasm_runtime::host::{Host, HostConfig};
use serde_json::Value;

use crate::host::{TestHost, name, root, wasm};
use crate::process::{Serve, code, faasm, guest, text};

fn library_path(library: &str) -> String {
    root().join("guests/c/build").join(library).to_string_lossy().into_owned()
}

fn library(library: &str) -> Vec<u8> {
    fs::read(library_path(library)).unwrap()
}

fn with_libraries(libraries: &[&str]) -> TestHost {
    let host = TestHost::start();
    for name_of in libraries {
        let (_, replaced) = host.host.upload_library(&name(name_of), &library(name_of)).unwrap();
        assert!(!replaced);
    }
    host
}

fn restarted(host: TestHost) -> TestHost {
    let TestHost { host, dir } = host;
    drop(host);
    TestHost { host: Host::start(HostConfig::new(dir.path().join("data"))).unwrap(), dir }
}

/// As every call must find it that begins where the initialisation ended.
const FRESH: &str = "not there, 8, 29";

#[test]
fn a_function_keeps_the_library_of_its_initialisation_and_forgets_that_of_a_call() {
    let host = with_libraries(&["liba.so", "libb.so", "libshapes.so"]);
    host.upload("dynlink-zygote");
    for _ in 0..3 {
        assert_eq!(host.text("dynlink-zygote", ""), FRESH);
        assert_eq!(host.text("dynlink-zygote", "load"), "loaded, 28");
    }
    assert_eq!(host.text("dynlink-zygote", ""), FRESH);
    // In another process: from the snapshot, with the libraries' objects.
    let images =
        |host: &TestHost| fs::read_dir(host.dir.path().join("data/images")).unwrap().count();
    assert_eq!(images(&host), 0);
    let host = restarted(host);
    assert_eq!(host.text("dynlink-zygote", ""), FRESH);
    assert_eq!(images(&host), 1, "it was restored, not initialised again");
    assert_eq!(host.text("dynlink-zygote", "load"), "loaded, 28");
    host.assert_nobody_is_left();
}

#[test]
fn a_program_loads_libraries_in_its_call() {
    let host =
        with_libraries(&["liba.so", "libb.so", "libshapes.so", "libwhole.so", "libmissing.so"]);
    host.upload("dynlink");
    for _ in 0..2 {
        assert_eq!(host.text("dynlink", ""), "all is well");
    }
}

#[test]
fn what_is_no_library_is_refused_and_what_is_gone_is_not_found() {
    let host = with_libraries(&["liba.so", "libb.so"]);
    let refused = host.host.upload_library(&name("echo.so"), &wasm("echo")).unwrap_err();
    assert!(refused.to_string().contains("dylink.0"), "{refused}");
    assert!(host.host.library(&name("echo.so")).is_none());
    host.upload("dynlink-zygote");
    assert!(host.host.remove_library(&name("libb.so")).unwrap());
    assert!(!host.host.remove_library(&name("libb.so")).unwrap());
    // What was initialised with it has it.
    assert_eq!(host.text("dynlink-zygote", ""), FRESH);
    // In the next process its object is gone: the function is initialised again, and says what it lacks.
    let host = restarted(host);
    let error = host.error("dynlink-zygote", b"");
    assert!(matches!(&error, CallError::Init(text) if text.contains("_faasm_zygote")), "{error:?}");
    host.host.upload_library(&name("libb.so"), &library("libb.so")).unwrap();
    assert_eq!(host.text("dynlink-zygote", ""), FRESH);
}

#[test]
fn libraries_are_a_namespaces_own() {
    let host =
        with_libraries(&["liba.so", "libb.so", "libshapes.so", "libwhole.so", "libmissing.so"]);
    let other = faasm_runtime::name::FunctionName::new("other", "dynlink").unwrap();
    let uploaded = host.host.upload(&other, &wasm("dynlink")).unwrap();
    let finished = host.host.invoke(uploaded.function, Vec::new(), None).finished;
    let outcome = crate::host::end(finished).result.unwrap();
    assert_ne!(outcome.return_code, 0);
    assert!(host.host.libraries(&other).is_empty());
    assert_eq!(host.host.libraries(&name("x")).len(), 5);
}

#[test]
fn the_command_line_runs_programs_with_libraries_from_files_and_folders() {
    let data = tempfile::tempdir().unwrap();
    let mut args = vec!["run".to_owned()];
    for library in ["liba.so", "libb.so", "libshapes.so", "libwhole.so", "libmissing.so"] {
        args.extend(["--lib".to_owned(), library_path(library)]);
    }
    args.push(guest("dynlink"));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ran = faasm(data.path(), &args);
    assert_eq!((code(&ran), text(&ran.stdout)), (0, "all is well\n"), "{ran:?}");
    let folder = format!("{}::/lib", root().join("guests/c/build").display());
    let ran = faasm(data.path(), &["run", "--dir", &folder, &guest("dynlink")]);
    assert_eq!((code(&ran), text(&ran.stdout)), (0, "all is well\n"), "{ran:?}");
    let shown = faasm(data.path(), &["inspect", "--json", &library_path("liba.so")]);
    let report: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(report["linking"]["needed"][0], "libb.so", "{report}");
    assert_eq!(report["shape"], "split");
    let shown = faasm(data.path(), &["inspect", &library_path("liba.so")]);
    assert!(text(&shown.stdout).contains("env.nowhere_data"), "{shown:?}");
}

#[test]
fn a_server_takes_libraries_with_a_function_and_alone() {
    let server = Serve::start();
    let [a, b, shapes] = ["liba.so", "libb.so", "libshapes.so"].map(library_path);
    let zygote = guest("dynlink-zygote");
    let uploaded = server.faasm(&[
        "upload",
        "demo/zygote",
        &zygote,
        "--lib",
        &b,
        "--lib",
        &format!("liba.so={a}"),
    ]);
    assert_eq!(code(&uploaded), 0, "{uploaded:?}");
    let called = server.faasm(&["invoke", "demo/zygote"]);
    assert_eq!((code(&called), text(&called.stdout)), (0, FRESH), "{called:?}");
    let uploaded = server.faasm(&["upload", "--library", "demo/libshapes.so", &shapes]);
    assert_eq!(code(&uploaded), 0, "{uploaded:?}");
    let called = server.faasm(&["invoke", "demo/zygote", "-d", "load"]);
    assert_eq!(text(&called.stdout), "loaded, 28", "{called:?}");
    let removed = server.faasm(&["remove", "--library", "demo/libshapes.so"]);
    assert_eq!(code(&removed), 0, "{removed:?}");
    let again = server.faasm(&["remove", "--library", "demo/libshapes.so"]);
    assert_ne!(code(&again), 0, "{again:?}");
    let refused = server.faasm(&["upload", "--library", "demo/hello.so", &guest("hello")]);
    assert_ne!(code(&refused), 0);
    assert!(text(&refused.stderr).contains("dylink.0"), "{refused:?}");
}

#[test]
fn a_snapshot_carries_its_libraries_to_another_host() {
    let server = Serve::start();
    let [a, b] = ["liba.so", "libb.so"].map(library_path);
    let zygote = guest("dynlink-zygote");
    let uploaded = server.faasm(&["upload", "demo/zygote", &zygote, "--lib", &b, "--lib", &a]);
    assert_eq!(code(&uploaded), 0, "{uploaded:?}");
    let data = server.stop();
    let ran = |data: &std::path::Path, args: &[&str]| {
        let output = faasm(data, args);
        assert_eq!(code(&output), 0, "{args:?}: {output:?}");
        text(&output.stdout).trim().to_owned()
    };
    // Of a function with its user's libraries, and of files.
    let of_function = ran(data.path(), &["snapshot", "take", "demo/zygote"]);
    let of_files = ran(data.path(), &["snapshot", "take", &zygote, "--lib", &a, "--lib", &b]);
    for taken in [&of_function, &of_files] {
        ran(data.path(), &["snapshot", "run", taken]);
    }
    let file = data.path().join("carried");
    let file = file.to_str().unwrap();
    ran(data.path(), &["snapshot", "export", &of_function, "-o", file]);
    let other = tempfile::tempdir().unwrap();
    let key = data.path().join("key");
    let key = key.to_str().unwrap();
    let imported = ran(other.path(), &["snapshot", "import", file, "--key", key, "--reseal"]);
    ran(other.path(), &["snapshot", "run", &imported]);
    // The function's own snapshot, which the server has taken.
    let kept = ran(data.path(), &["snapshot", "ls"]);
    assert!(kept.contains("demo/zygote"), "{kept}");
}
