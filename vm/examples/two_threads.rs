//! Many instances on two threads: an engine and a module are shared, each store belongs to the thread that uses it.

use std::time::Instant;

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{Engine, EngineConfig, Linker, Module, SealKey, Store, StoreLimits};

const TEXT: &str = r#"(module $counter
  (memory 1)
  (global $count (mut i32) (i32.const 0))
  (func (export "count") (param i32) (result i32)
    (global.set $count (i32.add (global.get $count) (local.get 0)))
    (i32.store (i32.const 0) (global.get $count))
    (i32.load (i32.const 0))))"#;

const STORES: u32 = 100;
const ROUNDS: u32 = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = SealKey::derive(b"example");
    let engine = Engine::new(EngineConfig::new(key.clone()))?;
    let wasm = wat::parse_str(TEXT)?;
    let object = compile(&validate(&wasm)?, &CompileOptions::default())?;
    let module = Module::load(&engine, &key.seal(object))?;

    let begun = Instant::now();
    let sums = std::thread::scope(|scope| {
        let threads = [1, 2].map(|step| {
            let (engine, module) = (&engine, &module);
            scope.spawn(move || work(engine, module, step).map_err(|error| error.to_string()))
        });
        threads.map(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".to_owned())))
    });
    for (step, sum) in (1..).zip(sums) {
        let sum = sum?;
        println!("thread {step}: {STORES} stores counted to {sum} together");
        if sum != step * STORES * ROUNDS {
            return Err("a count was lost".into());
        }
    }
    println!("{} calls in {:?}", 2 * STORES * ROUNDS, begun.elapsed());
    Ok(())
}

/// Lets many stores count in turns, and adds up to where each has come.
fn work(engine: &Engine, module: &Module, step: u32) -> Result<u32, Box<dyn std::error::Error>> {
    let linker = Linker::new(engine);
    let mut stores = Vec::new();
    for _ in 0..STORES {
        let mut store = Store::for_module(engine, module, StoreLimits::default(), ())?;
        let instance = linker.instantiate(&mut store, module)?;
        let count = instance.func(&store, "count").ok_or("no function count")?;
        let count = count.typed::<u32, u32>(&store)?;
        stores.push((store, count));
    }
    let mut sum = 0;
    for round in 1..=ROUNDS {
        for (store, count) in &mut stores {
            let reached = count.call(store, step)?;
            sum += if round == ROUNDS { reached } else { 0 };
        }
    }
    Ok(sum)
}
