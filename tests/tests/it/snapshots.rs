//! Snapshots at rest: what a restarted host restores, and `faasm snapshot` in processes of its own.

use std::fs;
use std::path::Path;

use faasm_runtime::host::{Host, HostConfig};
use serde_json::Value;

use crate::host::{TestHost, name};
use crate::process::{code, faasm, guest, text};

/// Draws a number when it is initialised, and answers it.
const DRAWN: &str = r#"(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 40)
  (func (export "_faasm_zygote") (result i32)
    (memory.fill (i32.const 65536) (i32.const 7) (i32.const 1500000))
    (call $random (i32.const 8) (i32.const 4)))
  (func (export "main") (result i32) (i32.load (i32.const 8))))"#;

fn answer(host: &TestHost) -> i32 {
    host.outcome("drawn", b"").return_code
}

/// The same folder in a host that was started anew, with these settings.
pub(crate) fn restarted(host: TestHost, change: impl FnOnce(&mut HostConfig)) -> TestHost {
    let TestHost { host, dir } = host;
    drop(host);
    let mut config = HostConfig::new(dir.path().join("data"));
    change(&mut config);
    TestHost { host: Host::start(config).unwrap(), dir }
}

fn files(host: &TestHost, folder: &str) -> Vec<std::path::PathBuf> {
    let folder = host.dir.path().join("data").join(folder);
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Changes a byte in the middle of each file, by another file.
fn damage(host: &TestHost, folder: &str) {
    for path in files(host, folder) {
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn a_restarted_host_restores_what_was_initialised() {
    let host = TestHost::start();
    host.upload_wat("drawn", DRAWN);
    let drawn = answer(&host);
    let host = restarted(host, |_| {});
    assert_eq!(answer(&host), drawn, "it was initialised again");
    assert_eq!(files(&host, "images").len(), 1);
    // From the image that was assembled then, and without it.
    let host = restarted(host, |_| {});
    assert_eq!(answer(&host), drawn);
    damage(&host, "images");
    let host = restarted(host, |_| {});
    assert_eq!(answer(&host), drawn);
    fs::remove_file(&files(&host, "images")[0]).unwrap();
    let host = restarted(host, |_| {});
    assert_eq!([answer(&host), answer(&host)], [drawn; 2]);
}

#[test]
fn what_does_not_fit_is_initialised_again_and_kept() {
    let host = TestHost::start();
    host.upload_wat("drawn", DRAWN);
    let first = answer(&host);
    // Of a host with other limits.
    let host = restarted(host, |config| config.memory_bytes = 1 << 29);
    let second = answer(&host);
    assert_ne!(first, second);
    let host = restarted(host, |config| config.memory_bytes = 1 << 29);
    assert_eq!(answer(&host), second, "the new one was kept");
    // Damaged.
    let mut host = host;
    for folder in ["chunks", "protos"] {
        let before = answer(&host);
        damage(&host, "images");
        damage(&host, folder);
        host = restarted(host, |config| config.memory_bytes = 1 << 29);
        let again = answer(&host);
        assert_ne!(again, before, "{folder}");
        host = restarted(host, |config| config.memory_bytes = 1 << 29);
        assert_eq!(answer(&host), again, "the new one was kept");
    }
}

#[test]
fn snapshots_and_chunks_that_nothing_names_go_at_the_next_start() {
    let host = TestHost::start();
    host.upload_wat("drawn", DRAWN);
    host.upload_wat("drawn", DRAWN);
    assert_eq!(files(&host, "protos").len(), 2, "each upload draws anew");
    let host = restarted(host, |_| {});
    assert_eq!(files(&host, "protos").len(), 1);
    assert!(host.host.remove(&name("drawn")).unwrap());
    let host = restarted(host, |_| {});
    for folder in ["protos", "chunks", "images"] {
        assert!(files(&host, folder).is_empty(), "{folder}");
    }
}

fn take(data: &Path, source: &str) -> String {
    let taken = faasm(data, &["snapshot", "take", source]);
    assert_eq!(code(&taken), 0, "{taken:?}");
    text(&taken.stdout).trim().to_owned()
}

fn show(data: &Path, id: &str) -> Value {
    let shown = faasm(data, &["snapshot", "show", id, "--json"]);
    assert_eq!(code(&shown), 0, "{shown:?}");
    serde_json::from_slice(&shown.stdout).unwrap()
}

fn wat_file(folder: &Path, name: &str, wat: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, wat::parse_str(wat).unwrap()).unwrap();
    path.to_string_lossy().into_owned()
}

#[test]
fn a_snapshot_is_taken_shown_run_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let (drawn, hello) =
        (take(data, &wat_file(data, "drawn.wasm", DRAWN)), take(data, &guest("hello")));
    let run = |id: &str, args: &[&str]| faasm(data, &[&["snapshot", "run", id], args].concat());
    let first = code(&run(&drawn, &[]));
    assert_eq!((code(&run(&drawn[..12], &[])), code(&run(&drawn, &[]))), (first, first));
    let greeted = run(&hello, &["you"]);
    assert_eq!((code(&greeted), text(&greeted.stdout)), (0, "Hello, you, from C!\n"));

    let report = show(data, &drawn);
    assert_eq!(report["digest"], drawn.as_str());
    assert_eq!(report["initialised"][0], "_faasm_zygote");
    assert_eq!(report["entries"][0], "main");
    assert_eq!(report["memory_bytes"], 40 << 16);
    assert_eq!(report["hosts"][0]["name"], "random_get");
    let number = |field: &str| report[field].as_u64().unwrap();
    assert!(number("data_bytes") > 1_500_000 && number("elided_bytes") > 1_000_000, "{report}");
    assert!(number("stored_bytes") < 100_000, "sevens are compressed: {report}");
    let shown = faasm(data, &["snapshot", "show", &drawn[..8]]);
    assert!(text(&shown.stdout).contains("wasi_snapshot_preview1.random_get"), "{shown:?}");

    let listed = faasm(data, &["snapshot", "ls"]);
    let listed = text(&listed.stdout);
    assert!(listed.contains(&drawn[..12]) && listed.contains(&hello[..12]), "{listed}");
    let chunks = || fs::read_dir(data.join("chunks")).unwrap().count();
    let of_hello = show(data, &hello)["chunks"].as_u64().unwrap();
    let of_drawn = report["chunks"].as_u64().unwrap();
    assert!(chunks() as u64 <= of_hello + of_drawn);
    assert_eq!(code(&faasm(data, &["snapshot", "rm", &drawn])), 0);
    assert!(chunks() as u64 <= of_hello);
    assert_eq!(code(&run(&drawn, &[])), 3);
    assert_eq!(code(&run(&hello, &[])), 0, "the other one has its chunks");
    assert_eq!(code(&faasm(data, &["snapshot", "rm", &hello])), 0);
    assert_eq!(chunks(), 0);
    assert_eq!(code(&faasm(data, &["snapshot", "show", &hello[..8]])), 3);
}

#[test]
fn a_snapshot_goes_to_another_host_by_file_and_key() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (here, there) = (here.path(), there.path());
    let id = take(here, &wat_file(here, "drawn.wasm", DRAWN));
    let first = code(&faasm(here, &["snapshot", "run", &id]));
    let file = here.join("drawn.snapshot").to_string_lossy().into_owned();
    let exported = faasm(here, &["snapshot", "export", &id, "-o", &file]);
    assert_eq!(code(&exported), 0, "{exported:?}");

    let import = |args: &[&str]| faasm(there, &[&["snapshot", "import"], args].concat());
    let refused = import(&[&file]);
    assert_eq!(code(&refused), 2);
    let talk = text(&refused.stderr);
    let own = there.join("key").display().to_string();
    assert!(talk.contains(&own) && talk.contains("seal") && talk.contains("--key"), "{talk}");
    let key = here.join("key").to_string_lossy().into_owned();
    let refused = import(&[&file, "--key", &key]);
    assert_eq!(code(&refused), 2, "not without `--reseal`");
    assert!(text(&refused.stderr).contains("--reseal"), "{refused:?}");
    assert_eq!(code(&faasm(there, &["snapshot", "run", &id])), 3, "nothing was kept");
    let imported = import(&[&file, "--key", &key, "--reseal"]);
    assert_eq!((code(&imported), text(&imported.stdout).trim()), (0, &*id), "{imported:?}");
    assert!(text(&imported.stderr).contains(&key), "{imported:?}");
    assert_eq!(code(&faasm(there, &["snapshot", "run", &id])), first);
    // Sealed with its own key now, it is at home; and there again it is what it was.
    let back = there.join("back.snapshot").to_string_lossy().into_owned();
    assert_eq!(code(&faasm(there, &["snapshot", "export", &id, "-o", &back])), 0);
    assert_eq!(code(&import(&[&back])), 0);
    assert_eq!(show(there, &id)["stored_bytes"], show(here, &id)["stored_bytes"]);
}

#[test]
fn damaged_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (here, file) = (dir.path(), dir.path().join("x.snapshot"));
    let id = take(here, &wat_file(here, "drawn.wasm", DRAWN));
    let path = file.to_string_lossy().into_owned();
    assert_eq!(code(&faasm(here, &["snapshot", "export", &id, "-o", &path])), 0);
    assert_eq!(code(&faasm(here, &["snapshot", "rm", &id])), 0);
    let good = fs::read(&file).unwrap();
    for at in [0, 9, 13, 40, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&file, bad).unwrap();
        let refused = faasm(here, &["snapshot", "import", &path]);
        assert_eq!(code(&refused), 2, "byte {at}: {refused:?}");
    }
    for len in [0, 11, 12, 100, good.len() / 2, good.len() - 1] {
        fs::write(&file, &good[..len]).unwrap();
        let refused = faasm(here, &["snapshot", "import", &path]);
        assert_eq!(code(&refused), 2, "{len} bytes: {refused:?}");
    }
    fs::write(&file, good).unwrap();
    assert_eq!(code(&faasm(here, &["snapshot", "import", &path])), 0);
}
