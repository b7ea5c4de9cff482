//! The golden object: one that was written before, byte for byte, and what it says of itself.
//!
//! `BLESS=1` writes what this compiler makes. A difference in the format goes with a new `FORMAT`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use faasm_abi::object::{DATA_SECTION, FORMAT, INFO_SECTION, NAMES_SECTION, SealKey};
use faasm_abi::tables::name_at;
use faasm_compiler::{CompileOptions, Cpu, Target, compile, validate};
use object::{Object, ObjectSection};

use crate::objects::{entries, functions, info, section, segments, stubs, trap_sites};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The key is part of the test: `vm/tests/it/golden.rs` opens the object with it.
fn key() -> SealKey {
    SealKey::derive(b"golden")
}

fn made_now() -> Vec<u8> {
    let wasm = wat::parse_file(file("small.wat")).unwrap();
    let options = CompileOptions {
        target: Target::Triple("x86_64-unknown-linux-gnu".to_owned()),
        cpu: Cpu::Baseline,
        ..CompileOptions::default()
    };
    key().seal(compile(&validate(&wasm).unwrap(), &options).unwrap())
}

/// Everything that a loader reads, for people to read; the code and the postcard are not in it.
fn described(sealed: &[u8]) -> String {
    let file = object::File::parse(key().open(sealed).unwrap()).unwrap();
    let mut text = format!("format {FORMAT}\n");
    for found in file.sections() {
        let (name, align) = (found.name().unwrap(), found.align());
        let (at, size) = found.file_range().unwrap();
        writeln!(text, "section {name} at {at:#x}, {size:#x} bytes, aligned to {align}").unwrap();
    }
    let info = info(&file);
    writeln!(text, "target {}\nfeatures {:?}\n{:#?}", info.target, info.features, info.module)
        .unwrap();
    let names = section(&file, NAMES_SECTION);
    for (index, row) in functions(&file).iter().enumerate() {
        writeln!(text, "function {index}: {:?} {:?}", row.code, name_at(names, row.name)).unwrap();
    }
    for (index, row) in stubs(&file).iter().enumerate() {
        writeln!(text, "stubs {index}: {row:?}").unwrap();
    }
    for (index, row) in entries(&file).iter().enumerate() {
        writeln!(text, "entry {index}: {:?}", row.0).unwrap();
    }
    for (index, row) in segments(&file).iter().enumerate() {
        writeln!(text, "segment {index}: {row:?}").unwrap();
    }
    for site in trap_sites(&file) {
        writeln!(text, "trap at {:#x}: {:?}", site.offset, site.code).unwrap();
    }
    writeln!(text, "data {:?}", section(&file, DATA_SECTION).escape_ascii().to_string()).unwrap();
    text
}

/// `path` with `found` in it, or what differs.
fn compare(path: &Path, found: &[u8]) {
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, found).unwrap();
    }
    let expected = std::fs::read(path).unwrap();
    // Not `assert_eq`: it would print both.
    assert!(expected == found, "{} is not what it was: BLESS=1 accepts it", path.display());
}

#[test]
fn the_object_is_the_same_byte_for_byte_and_says_what_it_said() {
    compare(&file("small.o"), &made_now());
    let sealed = std::fs::read(file("small.o")).unwrap();
    compare(&file("small.txt"), described(&sealed).as_bytes());
}

#[test]
fn the_version_is_the_first_word_of_the_description() {
    let sealed = std::fs::read(file("small.o")).unwrap();
    let file = object::File::parse(key().open(&sealed).unwrap()).unwrap();
    assert_eq!(section(&file, INFO_SECTION)[..4], FORMAT.to_le_bytes());
}
