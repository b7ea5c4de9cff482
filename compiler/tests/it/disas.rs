//! The generated code: each `.wat` file in `tests/disas` has what is expected of it below its module.
//!
//! `BLESS=1` writes what is generated into the files.
//! Lines `;;! KEY = VALUE` at the top choose `target` (a triple), `emit` (`ir`, `optimized-ir` or `assembly`) and
//! `stubs` (`listed`).
//! Every file is also compiled to an object for both architectures.

use std::fs;
use std::path::{Path, PathBuf};

use faasm_compiler::{CompileOptions, Cpu, Emit, Stubs, Target, compile, listing, validate};

use crate::objects;

const MARKER: &str = ";;= ";

pub(crate) fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/disas");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 10, "the files are gone");
    files
}

fn options(target: &str) -> CompileOptions {
    CompileOptions {
        target: Target::Triple(target.to_owned()),
        cpu: Cpu::Baseline,
        ..CompileOptions::default()
    }
}

/// The value of a `;;! KEY = VALUE` line.
fn setting<'a>(source: &'a str, key: &str) -> Option<&'a str> {
    source.lines().filter_map(|line| line.strip_prefix(";;! ")).find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then(|| value.trim())
    })
}

fn generated(source: &str) -> String {
    let wasm = wat::parse_str(source).unwrap();
    let module = validate(&wasm).unwrap();
    let options = options(setting(source, "target").unwrap_or("x86_64-unknown-linux-gnu"));
    let emit = match setting(source, "emit") {
        None | Some("assembly") => Emit::Assembly,
        Some("ir") => Emit::Ir,
        Some("optimized-ir") => Emit::OptimizedIr,
        Some(other) => panic!("no such emit: {other}"),
    };
    let stubs = match setting(source, "stubs") {
        None => Stubs::Omitted,
        Some("listed") => Stubs::Listed,
        Some(other) => panic!("no such stubs: {other}"),
    };
    let text = listing(&module, &options, emit, stubs).unwrap();
    text.lines().map(|line| format!("{MARKER}{line}").trim_end().to_owned() + "\n").collect()
}

#[test]
fn code_is_as_expected() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let is_expected = |line: &&str| line.starts_with(MARKER.trim_end());
        let expected: String =
            text.lines().filter(is_expected).map(|l| l.to_owned() + "\n").collect();
        let source: String =
            text.lines().filter(|line| !is_expected(line)).map(|l| l.to_owned() + "\n").collect();
        let found = generated(&source);
        if found == expected {
            continue;
        }
        if bless {
            fs::write(&file, format!("{}\n\n{found}", source.trim_end())).unwrap();
        } else {
            wrong.push(format!("{}:\n{found}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "BLESS=1 accepts what is generated:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_compiles_for_both_architectures() {
    for file in files() {
        let wasm = wat::parse_file(&file).unwrap();
        let module = validate(&wasm).unwrap();
        for target in ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"] {
            let bytes = compile(&module, &options(target))
                .unwrap_or_else(|error| panic!("{} for {target}: {error}", file.display()));
            objects::check(&bytes, module.info());
        }
    }
}
