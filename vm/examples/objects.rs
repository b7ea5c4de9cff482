//! Garbage-collected objects: the host makes them, looks into them and keeps them by handles.

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{Engine, EngineConfig, GcRef, Linker, Module, SealKey, Store, StoreLimits, Val};

const TEXT: &str = r#"(module $shapes
  (type $point (struct (field $x (mut f64)) (field $y (mut f64))))
  (type $line (array (mut (ref null $point))))
  (func (export "length") (param $line (ref $line)) (result f64)
    (local $i i32) (local $sum f64) (local $dx f64) (local $dy f64)
    (block $end
      (loop $next
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $end (i32.ge_u (local.get $i) (array.len (local.get $line))))
        (local.set $dx (f64.sub
          (struct.get $point $x (array.get $line (local.get $line) (local.get $i)))
          (struct.get $point $x (array.get $line (local.get $line) (i32.sub (local.get $i) (i32.const 1))))))
        (local.set $dy (f64.sub
          (struct.get $point $y (array.get $line (local.get $line) (local.get $i)))
          (struct.get $point $y (array.get $line (local.get $line) (i32.sub (local.get $i) (i32.const 1))))))
        (local.set $sum (f64.add (local.get $sum) (f64.sqrt (f64.add
          (f64.mul (local.get $dx) (local.get $dx)) (f64.mul (local.get $dy) (local.get $dy))))))
        (br $next)))
    (local.get $sum)))"#;

/// The types' indices in the module.
const POINT: u32 = 0;
const LINE: u32 = 1;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = SealKey::derive(b"example");
    let engine = Engine::new(EngineConfig::new(key.clone()))?;
    let wasm = wat::parse_str(TEXT)?;
    let object = compile(&validate(&wasm)?, &CompileOptions::default())?;
    let module = Module::load(&engine, &key.seal(object))?;
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ())?;
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;

    let mut points = Vec::new();
    for (x, y) in [(0.0, 0.0), (3.0, 4.0), (3.0, 10.0)] {
        let fields = [Val::from(x), Val::from(y)];
        let point = GcRef::new_struct(&mut store, instance, POINT, &fields)?;
        points.push(Val::AnyRef(Some(point)));
    }
    let line = GcRef::new_array(&mut store, instance, LINE, &points)?;
    let length = instance.func(&store, "length").ok_or("no function length")?;
    let before = length.call(&mut store, &[Val::AnyRef(Some(line))])?;

    // An object can be changed through any reference to it.
    let Val::AnyRef(Some(last)) = line.get(&mut store, 2)? else { return Err("no point".into()) };
    last.set(&mut store, 1, Val::from(4.0_f64))?;
    let after = length.call(&mut store, &[Val::AnyRef(Some(line))])?;
    println!("the line is {} long, then {}", number(&before), number(&after));
    if (before, after) != (vec![Val::from(11.0_f64)], vec![Val::from(5.0_f64)]) {
        return Err("that is not how long it is".into());
    }

    // Handles keep what they refer to until they are given back.
    println!("{} bytes of objects", store.gc_heap_bytes());
    store.release_refs();
    store.collect_garbage();
    println!("{} bytes after they were given back", store.gc_heap_bytes());
    Ok(())
}

fn number(values: &[Val]) -> f64 {
    match values {
        [Val::F64(bits)] => f64::from_bits(*bits),
        _ => f64::NAN,
    }
}
