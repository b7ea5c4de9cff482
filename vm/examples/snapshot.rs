//! A store is initialised once and captured; equal stores are born from it, each life without a trace of the others.

use std::time::Instant;

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{Engine, EngineConfig, Linker, Module, SealKey, Store, StoreLimits};

const TEXT: &str = r#"(module
  (memory 16)
  (global $sum (mut i32) (i32.const 0))
  ;; Slow on purpose: fills a table of squares.
  (func (export "init") (local $i i32)
    (loop $next
      (i32.store (i32.mul (local.get $i) (i32.const 4)) (i32.mul (local.get $i) (local.get $i)))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 200000)))))
  (func (export "add_square") (param i32) (result i32)
    (global.set $sum (i32.add (global.get $sum)
      (i32.load (i32.mul (local.get 0) (i32.const 4)))))
    (global.get $sum)))"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = SealKey::derive(b"example");
    let engine = Engine::new(EngineConfig::new(key.clone()))?;
    let wasm = wat::parse_str(TEXT)?;
    let object = compile(&validate(&wasm)?, &CompileOptions::default())?;
    let module = Module::load(&engine, &key.seal(object))?;

    let begun = Instant::now();
    let mut first = Store::for_module(&engine, &module, StoreLimits::default(), ())?;
    let instance = Linker::new(&engine).instantiate(&mut first, &module)?;
    instance.func(&first, "init").ok_or("no init")?.call(&mut first, &[])?;
    let add = instance.func(&first, "add_square").ok_or("no add_square")?;
    let add = add.typed::<u32, u32>(&first)?;
    let captured = first.capture()?;
    println!("made and captured in {:?}", begun.elapsed());

    for life in 1..=5 {
        let begun = Instant::now();
        // Handles from before the capture are good in every store that is born from it.
        let mut store = captured.birth(())?;
        let answer = (add.call(&mut store, 3)?, add.call(&mut store, 4)?);
        store.recycle();
        println!("life {life}: {answer:?} in {:?}", begun.elapsed());
        if answer != (9, 25) {
            return Err("an earlier life left something".into());
        }
    }
    Ok(())
}
