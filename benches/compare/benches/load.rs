//! Loading real modules: from a file to a module that can be instantiated, and letting go of it.
//!
//! * `cached`: from a cache of objects that were verified before, which only this user can write. The rival's
//!   `deserialize_file` trusts its file without a check, so this is like with like.
//! * `checked`: the same with a look at every byte, in place.
//! * `imported`: from any file: a copy that nobody can change, and a look at every byte. The rival has nothing like
//!   it; the figure beside it is of its `deserialize_file` again.

mod modules;

use anyhow::{Context, Result};
use faasm_benches::{Bench, Clock, target};
use faasm_compare::RIVAL;
use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{Check, CodeCache, Engine, EngineConfig, Module, SealKey};
use modules::{MODULES, Real};

fn main() -> Result<()> {
    let mut bench = Bench::new("load", RIVAL);
    let names: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for &module in MODULES {
        if names.is_empty() || names.iter().any(|name| name == module.name) {
            measure(&mut bench, module)?;
        }
    }
    bench.finish()
}

fn measure(bench: &mut Bench, module: Real) -> Result<()> {
    let (name, wasm) = (module.name, module.bytes()?);
    let validated = match validate(&wasm) {
        Ok(validated) => validated,
        Err(error) => {
            println!("{name:<28} not measured: {error}");
            return Ok(());
        }
    };
    let folder = target().join("bench/objects");
    let ours = Engine::new(EngineConfig::new(SealKey::derive(b"benchmarks")))?;
    let cache = CodeCache::open(&folder)?;
    let sealed = ours.seal().seal(compile(&validated, &CompileOptions::default())?);
    drop(cache.insert(&ours, name, &sealed)?);
    let file = folder.join(format!("{name}.o"));
    std::fs::write(&file, sealed)?;
    let engine = wasmtime::Engine::default();
    let theirs = folder.join(format!("{name}.cwasm"));
    std::fs::write(&theirs, engine.precompile_module(&wasm)?)?;

    let rival = || {
        // SAFETY: this benchmark wrote the file itself.
        let module = unsafe { wasmtime::Module::deserialize_file(&engine, &theirs) };
        drop(module.unwrap_or_else(|error| panic!("{error}")));
    };
    for (group, check) in [("cached", Check::Seal), ("checked", Check::Bytes)] {
        let load = || cache.load(&ours, name, check).map(|found| found.context("gone"));
        let clock = if check == Check::Seal { Clock::Thread } else { Clock::Wall };
        let load = || drop(load().unwrap_or_else(|error| panic!("{error}")));
        bench.row(&format!("{group}/{name}"), clock, load, rival);
    }
    let import = || {
        drop(Module::load_file(&ours, &file).unwrap_or_else(|error| panic!("{error}")));
    };
    bench.row(&format!("imported/{name}"), Clock::Wall, import, rival);
    Ok(())
}
