//! The committed kernels, scalar and SIMD builds, compute what gcc's builds of the same sources computed.

use std::path::{Path, PathBuf};

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{Linker, Module, Store, StoreLimits};

use crate::support::{engine, key};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/kernels")
}

/// Kernel, amount of work, and the checksum of that.
fn kernels() -> Vec<(String, i32, i64)> {
    let table = std::fs::read_to_string(folder().join("kernels.txt")).unwrap();
    let lines = table.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let mut word = || words.next().unwrap();
            (word().to_owned(), word().parse().unwrap(), word().parse().unwrap())
        })
        .collect()
}

fn run(build: &str, kernel: &str, n: i32) -> i64 {
    let path = folder().join("build").join(build).join(kernel).with_extension("wasm");
    let wasm = std::fs::read(&path).unwrap();
    let object = compile(&validate(&wasm).unwrap(), &CompileOptions::default()).unwrap();
    let engine = engine();
    let module = Module::load(&engine, &key().seal(object)).unwrap();
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
    let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
    let run = instance.func(&store, "run").unwrap().typed::<i32, i64>(&store).unwrap();
    run.call(&mut store, n).unwrap()
}

#[test]
fn kernels_compute_what_native_builds_do() {
    let kernels = kernels();
    assert!(kernels.len() >= 12, "{} kernels", kernels.len());
    for build in ["scalar", "simd"] {
        for (kernel, n, checksum) in &kernels {
            assert_eq!(run(build, kernel, *n), *checksum, "{build} {kernel}");
        }
    }
}
