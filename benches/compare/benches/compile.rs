//! Compiling real modules, from bytes to an object in memory, on one thread and on two.

use std::num::NonZero;

use anyhow::{Context, Result};
use faasm_benches::{Bench, Clock, root};
use faasm_compare::RIVAL;
use faasm_compiler::{CompileOptions, compile, validate};

/// Modules by the name in the rows.
const MODULES: &[(&str, &str)] = &[
    ("wordcount", "guests/c/build/wordcount.wasm"),
    ("quickjs", "guests/quickjs/build/quickjs.wasm"),
    ("sqlite", "guests/sqlite/build/sqlite.wasm"),
];

fn main() -> Result<()> {
    let mut bench = Bench::new("compile", RIVAL);
    for (threads, clock, group) in
        [(1, Clock::Thread, "one_thread"), (2, Clock::Wall, "two_threads")]
    {
        let options =
            CompileOptions { threads: NonZero::new(threads), ..CompileOptions::default() };
        let mut config = wasmtime::Config::new();
        config.parallel_compilation(threads > 1);
        let engine = wasmtime::Engine::new(&config)?;
        for (name, path) in MODULES {
            let wasm = std::fs::read(root().join(path)).with_context(|| path.to_string())?;
            bench.row(
                &format!("{group}/{name}"),
                clock,
                || {
                    let module = validate(&wasm).unwrap_or_else(|error| panic!("{error}"));
                    drop(compile(&module, &options).unwrap_or_else(|error| panic!("{error}")));
                },
                || drop(engine.precompile_module(&wasm).unwrap_or_else(|error| panic!("{error}"))),
            );
        }
    }
    bench.finish()
}
