//! What a guest may take: memory, stack, time; and how each limit ends it without harm to the host.

use std::time::{Duration, Instant};

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{
    Engine, EngineConfig, Linker, Module, SealKey, Store, StoreLimits, TrapCode, TrapKind, Val,
};

const TEXT: &str = r#"(module $greedy
  (memory 1)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func $deep (export "recurse") (param i32) (result i32)
    (i32.add (i32.const 1) (call $deep (local.get 0))))
  (func (export "spin") (loop $for_ever (br $for_ever)))
  (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1))))"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = SealKey::derive(b"example");
    let mut config = EngineConfig::new(key.clone());
    config.stack_bytes = 1 << 20;
    let engine = Engine::new(config)?;
    let wasm = wat::parse_str(TEXT)?;
    let object = compile(&validate(&wasm)?, &CompileOptions::default())?;
    let module = Module::load(&engine, &key.seal(object))?;
    let limits = StoreLimits { memory_bytes: 1 << 20, ..StoreLimits::default() };
    let mut store = Store::for_module(&engine, &module, limits, ())?;
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    let func = |store: &Store<()>, name: &str| instance.func(store, name).ok_or("no such function");

    // A megabyte is sixteen pages: the guest is told −1 and goes on.
    let grow = func(&store, "grow")?.typed::<u32, i32>(&store)?;
    let answers = (grow.call(&mut store, 15)?, grow.call(&mut store, 1)?);
    println!("growing by 15 pages, then by one: {answers:?}");

    let recurse = func(&store, "recurse")?;
    let trap = recurse.call(&mut store, &[Val::I32(0)]).err().ok_or("endless recursion ended")?;
    println!("recursion: {trap}");

    // The store goes on after a trap, but not after an interrupt, which may have come anywhere.
    let add = func(&store, "add")?.typed::<(i32, i32), i32>(&store)?;
    println!("after it: 2 + 3 = {}", add.call(&mut store, (2, 3))?);

    store.set_deadline(Some(Instant::now() + Duration::from_millis(20)));
    let spin = func(&store, "spin")?;
    let trap = spin.call(&mut store, &[]).err().ok_or("an endless loop ended")?;
    println!("with a deadline: {trap}");
    match trap.kind() {
        TrapKind::Code(TrapCode::Interrupted) if store.is_poisoned() => {}
        other => return Err(format!("{other:?} is not an interrupt").into()),
    }
    // From another thread it is ended by the handle that `Store::interrupt` gives.
    let mut other = Store::for_module(&engine, &module, limits, ())?;
    let instance = Linker::new(&engine).instantiate(&mut other, &module)?;
    let spin = instance.func(&other, "spin").ok_or("no such function")?;
    let interrupt = other.interrupt();
    std::thread::scope(|scope| {
        // A request ends the call that runs when it comes; one that comes before the call is asked again.
        let calling = scope.spawn(move || spin.call(&mut other, &[]).is_err());
        while !calling.is_finished() {
            interrupt.request();
            std::thread::yield_now();
        }
        calling.join().map_err(|_| "the calling thread panicked")
    })?;
    println!("interrupted from another thread");
    Ok(())
}
