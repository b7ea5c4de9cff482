//! Compiles a module once, seals the object, and loads and runs it: what compiles and what runs need not be one
//! process.

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{Engine, EngineConfig, Linker, Module, SealKey, Store, StoreLimits};

const TEXT: &str = r#"(module
  (func $gcd (export "gcd") (param i32 i32) (result i32)
    (if (result i32) (i32.eqz (local.get 1))
      (then (local.get 0))
      (else (return_call $gcd (local.get 1) (i32.rem_u (local.get 0) (local.get 1)))))))"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = SealKey::derive(b"a secret of this machine");

    // Where modules are uploaded: validate, compile, seal, keep.
    let wasm = wat::parse_str(TEXT)?;
    let object = compile(&validate(&wasm)?, &CompileOptions::default())?;
    let sealed = key.seal(object);
    println!("{} bytes of wasm became an object of {} bytes", wasm.len(), sealed.len());

    // Where they run: only what carries the seal is loaded.
    let engine = Engine::new(EngineConfig::new(key))?;
    let module = Module::load(&engine, &sealed)?;
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ())?;
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    let gcd = instance.func(&store, "gcd").ok_or("no function gcd")?;
    let gcd = gcd.typed::<(u32, u32), u32>(&store)?;
    println!("gcd(1071, 462) = {}", gcd.call(&mut store, (1071, 462))?);

    let mut changed = sealed;
    changed[100] ^= 1;
    match Module::load(&engine, &changed) {
        Ok(_) => Err("a changed object was loaded".into()),
        Err(error) => {
            println!("with one bit changed: {error}");
            Ok(())
        }
    }
}
