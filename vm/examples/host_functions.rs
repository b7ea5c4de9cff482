//! Host functions: typed closures, the store's data, guest memory, errors, and a call back into the guest.

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{
    Caller, Engine, EngineConfig, Linker, Module, SealKey, Store, StoreLimits, Trap, Val,
};

const TEXT: &str = r#"(module $greeter
  (import "host" "log" (func $log (param i32 i32)))
  (import "host" "twice" (func $twice (param i32)))
  (memory 1)
  (data (i32.const 16) "hello from the guest")
  (table 1 funcref) (elem (i32.const 0) $greet)
  (func $greet (call $log (i32.const 16) (i32.const 20)))
  (func (export "run") (call $twice (i32.const 0)))
  (func $bad (export "bad") (call $log (i32.const -1) (i32.const 20))))"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = SealKey::derive(b"example");
    let engine = Engine::new(EngineConfig::new(key.clone()))?;
    let wasm = wat::parse_str(TEXT)?;
    let object = compile(&validate(&wasm)?, &CompileOptions::default())?;
    let module = Module::load(&engine, &key.seal(object))?;

    let mut linker = Linker::<Vec<String>>::new(&engine);
    linker
        .func_wrap("host", "log", |mut caller: Caller<'_, Vec<String>>, ptr: u32, len: u32| {
            let (memory, lines) = caller.memory_and_data();
            let memory = memory.ok_or_else(|| Trap::host("the guest has no memory"))?;
            let bytes = memory.read(ptr, len).map_err(Trap::host)?;
            lines.push(String::from_utf8_lossy(&bytes).into_owned());
            Ok::<(), Trap>(())
        })?
        .func_wrap("host", "twice", |mut caller: Caller<'_, Vec<String>>, pointer: u32| {
            let function = caller.table_func(pointer).ok_or_else(|| Trap::host("no function"))?;
            for _ in 0..2 {
                function.call(&mut caller, &[] as &[Val])?;
            }
            Ok::<(), Trap>(())
        })?;

    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), Vec::new())?;
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.func(&store, "run").ok_or("no function run")?;
    run.call(&mut store, &[])?;
    println!("the guest said: {:?}", store.data());

    let bad = instance.func(&store, "bad").ok_or("no function bad")?;
    match bad.call(&mut store, &[]) {
        Ok(_) => Err("a bad pointer was followed".into()),
        Err(trap) => {
            print!("a bad pointer: {trap}\n{}", trap.backtrace());
            Ok(())
        }
    }
}
