//! Objects that were changed by someone who has the key: the seal holds, and the parts must still be checked.

use std::sync::LazyLock;

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{Engine, EngineConfig, Module, SealKey};

/// Has a bit of everything that an object describes.
const WHOLE: &str = r#"(module $whole
  (import "h" "f" (func $f (param i32 i64) (result f64)))
  (memory (export "m") 1 4) (memory 2)
  (table (export "t") 4 30 funcref) (table 3 externref)
  (global (export "g") (mut i32) (i32.const 7)) (global v128 (v128.const i64x2 1 2))
  (elem (i32.const 0) $own $f) (elem $passive func $own)
  (data (i32.const 8) "active") (data $d "passive")
  (func $own (export "own") (param i32) (result i32)
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3))
    (drop (call $f (i32.const 1) (i64.const 2)))
    (i32.div_s (i32.load (local.get 0)) (local.get 0)))
  (func $start (drop (memory.grow (i32.const 1)))) (start $start))"#;

static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::new(EngineConfig::new(key())).expect("the engine starts"));
static OBJECT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let wasm = wat::parse_str(WHOLE).expect("the text is a module");
    let module = validate(&wasm).expect("it is valid");
    compile(&module, &CompileOptions::default()).expect("it compiles")
});

fn key() -> SealKey {
    SealKey::derive(b"fuzz")
}

/// Opens what the fuzzer's bytes make: an object as it is, one with a seal of ours, or a real one with changes.
/// Nothing of it is run.
pub fn object_open(data: &[u8]) {
    let Some((&how, data)) = data.split_first() else { return };
    let object = match how % 4 {
        0 => data.to_vec(),
        1 => key().seal(data.to_vec()),
        _ => key().seal(changed(data)),
    };
    // Refused or not, it is an answer.
    let _ = Module::load(&ENGINE, &object);
}

/// The real object with bytes overwritten: a place (three bytes) and a value for each change.
fn changed(data: &[u8]) -> Vec<u8> {
    let mut object = OBJECT.clone();
    let length = object.len();
    for change in data.as_chunks::<4>().0 {
        let place = u32::from_le_bytes([change[0], change[1], change[2], 0]) as usize;
        object[place % length] = change[3];
    }
    object
}
