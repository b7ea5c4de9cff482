//! Capture, birth, and reset: nothing that one life wrote is there in the next.

use std::sync::Arc;

use faasm_vm::{
    BirthError, Caller, CaptureError, Captured, Engine, Extern, Func, Instance, Interrupt, Linker,
    SharedRegion, Store, StoreLimits, Strategy, Trap, TrapCode, Val,
};

use crate::support::{arena, engine, engine_with, faaslet, module};

/// Has everything that can be written: memory that grows, globals, inline and far tables, segments, the stack.
const WRITER: &str = r#"(module $writer
  (import "h" "map" (func $map (result i32)))
  (memory (export "memory") 3 40)
  (global $g (export "g") (mut i64) (i64.const 1))
  (global $v (export "v") (mut v128) (v128.const i64x2 1 2))
  (table $fixed 8 funcref)
  (table $far (export "far") 4 3000 funcref)
  (data $d "passive") (data (i32.const 100) "active")
  (elem $e func $f) (elem (table $fixed) (i32.const 0) func $f)
  (func $f (export "f"))
  (func (export "init") (i32.store (i32.const 70000) (i32.const 42)) (global.set $g (i64.const 5)))
  (func $deep (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
  (func (export "dirty") (param i32)
    (memory.fill (i32.const 0) (i32.const 0xaa) (i32.const 196608))
    (global.set $g (i64.const -1)) (global.set $v (v128.const i64x2 -1 -1))
    (table.fill $fixed (i32.const 0) (ref.func $f) (i32.const 8))
    (table.fill $far (i32.const 0) (ref.func $f) (i32.const 4))
    (drop (table.grow $far (ref.func $f) (i32.const 2000)))
    (data.drop $d) (elem.drop $e)
    (drop (call $deep (i32.const 3000)))
    (drop (memory.grow (i32.const 5)))
    (memory.fill (i32.const 196608) (i32.const 0xbb) (i32.const 327680))
    (i32.store (call $map) (i32.const 0xcccccccc))
    (if (i32.eq (local.get 0) (i32.const 1)) (then unreachable))
    (if (i32.eq (local.get 0) (i32.const 2)) (then (loop (br 0)))))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "passive") (memory.init $d (i32.const 0) (i32.const 0) (i32.const 7))))"#;

struct World {
    captured: Captured,
    instance: Instance,
    dirty: Func,
}

fn world() -> World {
    world_of(&engine())
}

fn world_of(engine: &Engine) -> World {
    let mut linker = Linker::<SharedRegion>::new(engine);
    linker
        .func_wrap("h", "map", |mut caller: Caller<'_, SharedRegion>| -> Result<u32, Trap> {
            let region = caller.data().clone();
            caller.map_region(&region, 0, 4096).map_err(Trap::host)
        })
        .unwrap();
    let module = module(engine, WRITER);
    let mut store = Store::for_module(engine, &module, StoreLimits::default(), region()).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let init = instance.func(&store, "init").unwrap();
    init.call(&mut store, &[]).unwrap();
    let dirty = instance.func(&store, "dirty").unwrap();
    World { captured: store.capture().unwrap(), instance, dirty }
}

fn region() -> SharedRegion {
    SharedRegion::create(4096, 4096).unwrap()
}

/// Every accessible byte of a store's slot, with its place, hashed per page so that differences are named.
fn pages<T>(store: &Store<T>) -> Vec<(usize, Vec<u8>)> {
    store.accessible_pages()
}

fn assert_same(fresh: &Store<SharedRegion>, used: &Store<SharedRegion>) {
    let (fresh, used) = (pages(fresh), pages(used));
    assert_eq!(fresh.len(), used.len(), "the same pages are accessible");
    for ((place, fresh), (other, used)) in fresh.iter().zip(&used) {
        assert_eq!(place, other);
        assert!(fresh == used, "the page at {place:#x} differs");
    }
}

#[test]
fn every_byte_of_a_recycled_slot_is_a_fresh_births_with_every_strategy() {
    for strategy in Strategy::ALL {
        assert_resets(&world_of(&engine_with(strategy)));
    }
}

fn assert_resets(world: &World) {
    let fresh = world.captured.birth(region()).unwrap();
    for how in [0, 1, 2, 0] {
        let mut store = world.captured.birth(region()).unwrap();
        if how == 2 {
            store.set_deadline(Some(
                std::time::Instant::now() + std::time::Duration::from_millis(20),
            ));
        }
        let outcome = world.dirty.call(&mut store, &[Val::I32(how)]);
        let code = outcome.err().map(|trap| trap.trap_code().unwrap());
        let expected = [None, Some(TrapCode::Unreachable), Some(TrapCode::Interrupted)];
        assert_eq!(code, expected[how.unsigned_abs() as usize]);
        assert_ne!(pages(&fresh), pages(&store));
        let engine = store.engine();
        store.recycle();
        // It has grown: its mappings are restored while it waits.
        engine.settle();
        assert_eq!(world.captured.idle_slots(), 1);
        let store = world.captured.birth(region()).unwrap();
        assert_same(&fresh, &store);
        assert!(store.is_reused() && !store.is_poisoned());
        store.recycle();
    }
}

#[test]
fn a_born_store_has_what_was_captured_and_old_handles_work() {
    let world = world();
    for life in 0..3 {
        let mut store = world.captured.birth(region()).unwrap();
        let load = world.instance.func(&store, "load").unwrap().typed::<i32, i32>(&store).unwrap();
        assert_eq!(load.call(&mut store, 70_000).unwrap(), 42, "life {life}");
        assert_eq!(load.call(&mut store, 0).unwrap(), 0);
        let end = load.call(&mut store, 3 * 65536).unwrap_err();
        assert_eq!(end.trap_code(), Some(TrapCode::MemoryOutOfBounds), "no memory grew over");
        let Some(Extern::Global(g)) = world.instance.export(&store, "g") else { panic!() };
        assert_eq!(g.get(&store), Val::I64(5));
        let passive = world.instance.func(&store, "passive").unwrap();
        passive.call(&mut store, &[]).unwrap();
        world.dirty.call(&mut store, &[Val::I32(0)]).unwrap();
        assert!(passive.call(&mut store, &[]).is_err(), "dropped in this life");
        store.recycle();
    }
}

#[test]
fn a_store_of_several_instances_is_captured_whole() {
    let engine = engine();
    let mut linker = Linker::<()>::new(&engine);
    let mut store = arena(&engine);
    let first = r#"(module (memory (export "m") 1) (global (export "g") (mut i32) (i32.const 3)))"#;
    let first = linker.instantiate(&mut store, &module(&engine, first)).unwrap();
    linker.instance(&store, "a", first);
    let second = r#"(module (import "a" "m" (memory 1)) (import "a" "g" (global $g (mut i32)))
      (memory $own 2) (table 1 funcref) (elem (i32.const 0) $bump)
      (func $bump (export "bump") (result i32)
        (global.set $g (i32.add (global.get $g) (i32.const 1)))
        (i32.store $own (i32.const 65536) (i32.add (i32.load (i32.const 0)) (global.get $g)))
        (i32.store (i32.const 0) (i32.load $own (i32.const 65536)))
        (i32.load (i32.const 0)))
      (func (export "call") (result i32) (call_indirect (result i32) (i32.const 0))))"#;
    let second = linker.instantiate(&mut store, &module(&engine, second)).unwrap();
    let call = second.func(&store, "call").unwrap().typed::<(), i32>(&store).unwrap();
    assert_eq!(call.call(&mut store, ()).unwrap(), 4);
    let captured = store.capture().unwrap();
    for _ in 0..3 {
        let mut born = captured.birth(()).unwrap();
        assert_eq!(call.call(&mut born, ()).unwrap(), 9);
        assert_eq!(call.call(&mut born, ()).unwrap(), 15);
        born.recycle();
    }
    // The captured store goes on by itself, but takes nothing more.
    assert_eq!(call.call(&mut store, ()).unwrap(), 9);
    let more = linker.instantiate(&mut store, &module(&engine, "(module)"));
    assert!(matches!(more, Err(faasm_vm::InstantiateError::Store(faasm_vm::StoreError::Sealed))));
}

#[test]
fn what_cannot_be_captured_is_refused() {
    let (mut store, instance) = faaslet(
        r#"(module (global (export "x") (mut externref) (ref.null extern))
          (func (export "endless") (loop (br 0))))"#,
    );
    let Some(Extern::Global(x)) = instance.export(&store, "x") else { panic!() };
    x.set(&mut store, Val::ExternRef(Some(1))).unwrap();
    assert!(matches!(store.capture(), Err(CaptureError::ExternRef)));
    x.set(&mut store, Val::ExternRef(None)).unwrap();
    assert!(store.capture().is_ok());
    store.set_deadline(Some(std::time::Instant::now()));
    instance.func(&store, "endless").unwrap().call(&mut store, &[]).unwrap_err();
    assert!(matches!(store.capture(), Err(CaptureError::Poisoned)));

    let world = world();
    let mut store = world.captured.birth(region()).unwrap();
    world.dirty.call(&mut store, &[Val::I32(0)]).unwrap();
    assert!(matches!(store.capture(), Err(CaptureError::MappedRegion)));
    assert!(matches!(world.captured.birth(1_u8), Err(BirthError::WrongData)));
}

#[test]
fn data_is_dropped_once_however_a_store_ends() {
    let (mut store, _) = faaslet("(module (memory 1))");
    let captured = store.capture().unwrap();
    drop(captured);
    let engine = engine();
    let module = module(&engine, "(module (memory 1))");
    let token = Arc::new(());
    let mut first =
        Store::for_module(&engine, &module, StoreLimits::default(), Arc::clone(&token)).unwrap();
    Linker::new(&engine).instantiate(&mut first, &module).unwrap();
    let captured = first.capture().unwrap();
    let (second, third) =
        (captured.birth(Arc::clone(&token)).unwrap(), captured.birth(Arc::clone(&token)).unwrap());
    assert_eq!(Arc::strong_count(&token), 4);
    second.recycle();
    drop(third);
    drop(captured);
    first.recycle();
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn an_interrupt_of_one_life_does_not_end_the_next() {
    let engine = engine();
    let mut linker = Linker::<Option<Interrupt>>::new(&engine);
    linker
        .func_wrap("h", "request", |caller: Caller<'_, Option<Interrupt>>| {
            caller.data().as_ref().unwrap().request();
        })
        .unwrap();
    let text =
        r#"(module (import "h" "request" (func $r)) (memory 1) (func (export "f") (call $r)))"#;
    let module = module(&engine, text);
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), None).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let f = instance.func(&store, "f").unwrap();
    let captured = store.capture().unwrap();

    let mut store = captured.birth(None::<Interrupt>).unwrap();
    let own = store.interrupt();
    *store.data_mut() = Some(own.clone());
    let trap = f.call(&mut store, &[]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::Interrupted));
    store.recycle();
    let mut store = captured.birth(Some(own)).unwrap();
    assert!(store.is_reused());
    f.call(&mut store, &[]).unwrap();
}
