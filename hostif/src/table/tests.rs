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

/// In which phase there is what a function asks for is held by assertions where it asks, in every test of it.
#[test]
fn phases_come_one_after_the_other() {
    let phase = |name: &str| {
        let mut found = signatures().filter(|function| function.name == name);
        found.next().unwrap().touches.phase()
    };
    assert!(Phase::Link < Phase::Prepare && Phase::Prepare < Phase::Build);
    assert_eq!(phase("random_get"), Phase::Link);
    assert_eq!(phase("environ_get"), Phase::Prepare);
    assert_eq!(phase("fd_write"), Phase::Build);
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

/// The declarations of the SDK's header, as `name: (types) -> type`.
fn declarations(header: &str) -> Vec<(String, Vec<ValType>, Option<ValType>)> {
    // Pointers and every integer of C are 32 bits wide, but `long long` and what says 64.
    let wasm = |text: &str| {
        let text = text.trim();
        match text {
            "" | "void" => None,
            _ if text.contains('*') => Some(ValType::I32),
            _ if text.contains("64") || text.contains("long long") => Some(ValType::I64),
            _ if text.contains("double") => Some(ValType::F64),
            _ if text.contains("float") => Some(ValType::F32),
            _ => Some(ValType::I32),
        }
    };
    let mut found = Vec::new();
    // The first part is what comes before any declaration; the macro's own definition has no type before it.
    let parts: Vec<&str> = header.split("FAASM_IMPORT(").collect();
    for pair in parts.windows(2) {
        let before = pair[0].rsplit([';', '/', '{', '\n']).next().unwrap_or_default();
        let (name, rest) = pair[1].split_once(')').unwrap();
        let Some(rest) = rest.trim_start().strip_prefix('(') else { continue };
        let end = rest.find(");").unwrap();
        // A pointer to a function has a list of its own.
        let mut params = rest[..end].to_owned();
        while let Some(open) = params.find("(*") {
            let close = params[open..].find(')').unwrap() + open;
            let list = params[close + 1..].find(')').unwrap() + close + 1;
            params.replace_range(open..=list, "*");
        }
        found.push((name.to_owned(), params.split(',').filter_map(wasm).collect(), wasm(before)));
    }
    found
}

#[test]
fn the_header_for_c_declares_what_is_in_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = path.join("../guests/c/include/faasm/host_interface.h");
    let declared = declarations(&std::fs::read_to_string(path).unwrap());
    for (name, params, result) in &declared {
        let row = signatures().find(|row| row.module == FAASM && row.name == name);
        let ty = row.unwrap_or_else(|| panic!("{name} is declared, and not in the table")).ty();
        let results: Vec<ValType> = result.iter().copied().collect();
        assert_eq!((&*ty.params, &*ty.results), (&**params, &*results), "{name}");
    }
    for row in signatures().filter(|row| row.name.starts_with("__faasm_")) {
        let known = declared.iter().any(|(name, ..)| name == row.name);
        assert!(known, "{} is in the table, and host_interface.h does not declare it", row.name);
    }
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
        // The one that is there to be refused, and libraries, which import what programs have.
        let is_module = path.extension().is_some_and(|extension| extension == "wasm");
        if path.ends_with("unknown-import.wasm") || !is_module {
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
