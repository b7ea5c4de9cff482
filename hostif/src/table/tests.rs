//! The table against itself, and the page it makes.

use std::collections::HashSet;
use std::path::Path;

use super::*;

#[test]
fn no_import_has_two_rows() {
    let mut seen = HashSet::new();
    for function in signatures() {
        assert!(seen.insert((function.module, function.name)), "{} is there twice", function.name);
        assert!(!function.doc.is_empty(), "{} has no text", function.name);
        assert!(function.ty().is_native(), "{} cannot be called directly", function.name);
    }
}

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/host-interface.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, document()).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page == document(), "docs/host-interface.md is stale: run this test with BLESS=1");
}

fn check(wat: &str) -> Result<(), Vec<ImportError>> {
    let wasm = wat::parse_str(wat).unwrap();
    check_imports(faasm_compiler::validate(&wasm).unwrap().info())
}

#[test]
fn imports_that_are_in_the_table_are_good() {
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "fd_seek" (func (param i32 i64 i32 i32) (result i32)))
        (import "env" "__faasm_write_output" (func (param i32 i32))))"#;
    assert_eq!(check(wat), Ok(()));
}

#[test]
fn every_wrong_import_is_named() {
    let wat = r#"(module
        (import "env" "sokket" (func (param i32)))
        (import "env" "__faasm_write_output" (func (param i32 i64)))
        (import "wasi_snapshot_preview1" "fd_close" (memory 1)))"#;
    let texts: Vec<String> = check(wat).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "unknown import env.sokket",
            "import env.__faasm_write_output has another type: the host has (i32, i32) -> (), not (i32, i64) -> ()",
            "import wasi_snapshot_preview1.fd_close has another type: the host has (i32) -> (i32), \
             not something that is no function",
        ]
    );
}

/// What the committed guests import, which clang and wasi-libc decided, is all in the table.
#[test]
fn the_committed_guests_can_be_uploaded() {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/c/build");
    let mut n = 0;
    for entry in std::fs::read_dir(built).unwrap() {
        let path = entry.unwrap().path();
        // The one that is there to be refused.
        if path.ends_with("unknown-import.wasm") {
            continue;
        }
        let wasm = std::fs::read(&path).unwrap();
        assert_eq!(
            check_imports(faasm_compiler::validate(&wasm).unwrap().info()),
            Ok(()),
            "{}",
            path.display()
        );
        n += 1;
    }
    assert!(n > 0);
}
