//! Snapshots as plain data: what is restored in another slot goes on as the store would have.

use faasm_vm::{
    Caller, CaptureError, Engine, Extern, ExternRefs, Global, GlobalType, Instance, Limits, Linker,
    Memory, MemoryType, Module, RefType, RestoreError, SharedMemory, Store, StoreLimits,
    StoreSnapshot, Table, TableType, Tag, TrapCode, Val, ValType,
};
use proptest::prelude::*;

use crate::support::{arena, engine, module};

/// Host functions that all of these modules may import.
fn hosts(engine: &Engine) -> Linker<()> {
    let mut linker = Linker::new(engine);
    linker.func_wrap("h", "add", |_: Caller<'_, ()>, x: i32| x + 100).unwrap();
    let ty = faasm_vm::FuncType { params: [ValType::I32].into(), results: [ValType::I32].into() };
    let double = |_: Caller<'_, ()>, args: &[Val], results: &mut [Val]| {
        let Val::I32(x) = args[0] else { panic!() };
        results[0] = Val::I32(2 * x);
        Ok(())
    };
    linker.func_new("h", "double", ty, double).unwrap();
    linker
}

const FIRST: &str = r#"(module (import "h" "add" (func $add (param i32) (result i32)))
  (import "h" "double" (func $double (param i32) (result i32)))
  (memory (export "m") 1 8) (global $g (export "g") (mut i32) (i32.const 3)) (table (export "t") 4 20 funcref)
  (elem (i32.const 0) $add $double $own) (export "add" (func $add))
  (data $d "passive")
  (func $own (export "own") (param i32) (result i32)
    (global.set $g (i32.add (global.get $g) (local.get 0))) (global.get $g))
  (func (export "grow") (result i32) (memory.grow (i32.const 2)))
  (func (export "drop") (data.drop $d))
  (func (export "init") (memory.init $d (i32.const 0) (i32.const 0) (i32.const 7)))
  (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))"#;

const SECOND: &str = r#"(module (import "a" "m" (memory 3)) (import "a" "t" (table $t 4 funcref))
  (import "a" "add" (func $add (param i32) (result i32))) (import "a" "own" (func $own (param i32) (result i32)))
  (import "a" "g" (global $g (mut i32)))
  (type $f (func (param i32) (result i32))) (table $mine 2 2 funcref) (elem (table $mine) (i32.const 1) func $sum)
  (func $sum (param i32) (result i32) (i32.add (call $add (local.get 0)) (call $own (local.get 0))))
  (func (export "through") (param i32 i32) (result i32) (call_indirect $t (type $f) (local.get 1) (local.get 0)))
  (func (export "mine") (param i32) (result i32) (call_indirect $mine (type $f) (local.get 0) (i32.const 1)))
  (func (export "deep") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (i32.load (local.get 0)))) (else (global.get $g)))))"#;

/// Two linked instances, the second of which needs what the first has grown.
struct World {
    engine: Engine,
    modules: Vec<Module>,
    store: Store<()>,
}

fn world() -> World {
    let engine = engine();
    let mut linker = hosts(&engine);
    let mut store = arena(&engine);
    let modules = vec![module(&engine, FIRST), module(&engine, SECOND)];
    let first = linker.instantiate(&mut store, &modules[0]).unwrap();
    call(&mut store, first, "grow", &[]);
    call(&mut store, first, "store", &[150_000, 77]);
    linker.instance(&store, "a", first);
    linker.instantiate(&mut store, &modules[1]).unwrap();
    World { engine, modules, store }
}

fn call(store: &mut Store<()>, instance: Instance, name: &str, args: &[i32]) -> Option<i32> {
    let args: Vec<Val> = args.iter().map(|&arg| Val::I32(arg)).collect();
    let results = instance.func(store, name).unwrap().call(store, &args).unwrap();
    results.first().map(|result| match result {
        Val::I32(result) => *result,
        other => panic!("{other:?}"),
    })
}

fn restored(world: &World, snapshot: &StoreSnapshot) -> Store<()> {
    Store::restore(&world.engine, snapshot, &world.modules, &hosts(&world.engine), ()).unwrap()
}

/// As in another process: with an engine of its own, and code at other addresses.
fn restored_abroad(snapshot: &StoreSnapshot) -> Store<()> {
    let engine = engine();
    let modules = [module(&engine, FIRST), module(&engine, SECOND)];
    Store::restore(&engine, snapshot, &modules, &hosts(&engine), ()).unwrap()
}

/// Calls everything once; what it answers depends on all that the store holds.
fn behaviour(store: &mut Store<()>) -> Vec<Option<i32>> {
    let instances: Vec<_> = store.instances().collect();
    let [first, second] = instances[..] else { panic!() };
    vec![
        call(store, first, "load", &[150_000]),
        call(store, first, "own", &[5]),
        call(store, second, "through", &[0, 1]),
        call(store, second, "through", &[1, 21]),
        call(store, second, "through", &[2, 1]),
        call(store, second, "mine", &[4]),
        call(store, second, "deep", &[0]),
        call(store, first, "grow", &[]),
        call(store, first, "init", &[]),
        call(store, second, "deep", &[3]),
    ]
}

#[test]
fn a_restored_store_is_elsewhere_and_goes_on_as_the_first_would() {
    let mut world = world();
    let snapshot = world.store.snapshot(ExternRefs::Refuse).unwrap();
    let mut there = restored_abroad(&snapshot);
    assert_ne!(there.slot_address(), world.store.slot_address());
    assert_eq!(there.snapshot(ExternRefs::Refuse).unwrap(), snapshot);
    let expected = behaviour(&mut world.store);
    assert_eq!(expected[..4], [Some(77), Some(8), Some(101), Some(42)]);
    assert_eq!(behaviour(&mut there), expected);
    let after = world.store.snapshot(ExternRefs::Refuse).unwrap();
    assert_ne!(after, snapshot);
    assert_eq!(there.snapshot(ExternRefs::Refuse).unwrap(), after);
}

#[test]
fn a_restored_store_is_open_and_its_old_handles_are_not_its_own() {
    let mut world = world();
    let snapshot = world.store.snapshot(ExternRefs::Refuse).unwrap();
    let mut there = restored(&world, &snapshot);
    let old = world.store.instances().next().unwrap();
    assert!(old.func(&there, "own").is_none());
    let first = there.instances().next().unwrap();
    assert_eq!(first.index(), old.index());
    let mut linker = hosts(&world.engine);
    linker.instance(&there, "a", first);
    let third = r#"(module (import "a" "own" (func $own (param i32) (result i32)))
      (import "h" "double" (func $double (param i32) (result i32)))
      (func (export "f") (param i32) (result i32) (call $double (call $own (local.get 0)))))"#;
    let third = linker.instantiate(&mut there, &module(&world.engine, third)).unwrap();
    assert_eq!(call(&mut there, third, "f", &[4]), Some(14));
    // Also a captured store and the ones born from it have snapshots.
    let captured = there.capture().unwrap();
    let mut born = captured.birth(()).unwrap();
    let of_born = born.snapshot(ExternRefs::Refuse).unwrap();
    assert_eq!(of_born, there.snapshot(ExternRefs::Refuse).unwrap());
}

#[test]
fn what_was_dropped_and_what_failed_is_so_again() {
    let engine = engine();
    let linker = hosts(&engine);
    let mut store = arena(&engine);
    let too_large = "(module (memory 1) (memory i64 300000) (func (export \"f\")))";
    let traps = r#"(module (memory (export "m") 1) (data (i32.const 0) "\2a") (data (i32.const 65536) "x"))"#;
    let modules = [module(&engine, too_large), module(&engine, traps), module(&engine, FIRST)];
    linker.instantiate(&mut store, &modules[0]).unwrap_err();
    linker.instantiate(&mut store, &modules[1]).unwrap_err();
    let first = linker.instantiate(&mut store, &modules[2]).unwrap();
    call(&mut store, first, "drop", &[]);
    let snapshot = store.snapshot(ExternRefs::Refuse).unwrap();
    let mut there = Store::restore(&engine, &snapshot, &modules, &linker, ()).unwrap();
    assert_eq!(there.snapshot(ExternRefs::Refuse).unwrap(), snapshot);
    let instances: Vec<_> = there.instances().collect();
    assert!(instances[1].func(&there, "init").unwrap().call(&mut there, &[]).is_err(), "dropped");
    let Some(Extern::Memory(memory)) = instances[0].export(&there, "m") else { panic!() };
    assert_eq!(memory.view(&there).read(0, 1).unwrap(), [42]);
}

#[test]
fn types_have_the_numbers_that_they_had() {
    let engine = engine();
    let mut linker = hosts(&engine);
    let mut store = arena(&engine);
    let first = r#"(module (rec) (rec (type $f (sub (func (param (ref null $g))))) (type $g (func (result (ref null $f)))))
      (type $sub (sub $f (func (param (ref null $g))))) (type $v (func))
      (table (export "t") 3 funcref) (elem (i32.const 0) $a $b) (func $a (type $sub)) (func $b (type $v))
      (func (export "call") (param i32) (call_indirect (type $f) (ref.null $g) (local.get 0))))"#;
    // It fails to link, and has made a type known.
    let unlinkable = r#"(module (import "nobody" "f" (func (param f32 f32 f32))))"#;
    let second = r#"(module (type (func (param f64 f64))) (import "a" "t" (table 3 funcref)) (elem (i32.const 2) $c)
      (func $c (export "c") (param f32 f32 f32)))"#;
    let modules = [module(&engine, first), module(&engine, second)];
    let instance = linker.instantiate(&mut store, &modules[0]).unwrap();
    linker.instance(&store, "a", instance);
    linker.instantiate(&mut store, &module(&engine, unlinkable)).unwrap_err();
    linker.instantiate(&mut store, &modules[1]).unwrap();
    linker.instantiate(&mut store, &module(&engine, unlinkable)).unwrap_err();
    let snapshot = store.snapshot(ExternRefs::Refuse).unwrap();
    let mut there = Store::restore(&engine, &snapshot, &modules, &hosts(&engine), ()).unwrap();
    assert_eq!(there.snapshot(ExternRefs::Refuse).unwrap(), snapshot);
    let call = there.instances().next().unwrap().func(&there, "call").unwrap();
    call.call(&mut there, &[Val::I32(0)]).unwrap();
    for other in [1, 2] {
        let trap = call.call(&mut there, &[Val::I32(other)]).unwrap_err();
        assert_eq!(trap.trap_code(), Some(TrapCode::IndirectCallTypeMismatch));
    }
}

#[test]
fn a_store_of_one_module_is_restored_as_one() {
    let engine = engine();
    let linker = hosts(&engine);
    let modules = [module(&engine, FIRST)];
    let limits =
        StoreLimits { memory_bytes: 3 << 16, table_elements: 100, ..StoreLimits::default() };
    let mut store = Store::for_module(&engine, &modules[0], limits, ()).unwrap();
    let instance = linker.instantiate(&mut store, &modules[0]).unwrap();
    call(&mut store, instance, "own", &[4]);
    call(&mut store, instance, "grow", &[]);
    let snapshot = store.snapshot(ExternRefs::Refuse).unwrap();
    assert_eq!(snapshot.modules(), [modules[0].digest()]);
    let mut there = Store::restore(&engine, &snapshot, &modules, &linker, ()).unwrap();
    assert_eq!(there.snapshot(ExternRefs::Refuse).unwrap(), snapshot);
    let instance = there.instances().next().unwrap();
    assert_eq!(call(&mut there, instance, "own", &[4]), Some(11));
    assert_eq!(call(&mut there, instance, "grow", &[]), Some(-1), "the limits are as they were");
    let more = linker.instantiate(&mut there, &modules[0]);
    assert!(more.is_err(), "it is for one instance");
}

#[test]
fn what_is_missing_is_named() {
    let mut world = world();
    let snapshot = world.store.snapshot(ExternRefs::Refuse).unwrap();
    let linker = hosts(&world.engine);
    let restore = |modules: &[Module], linker: &Linker<()>| {
        Store::restore(&world.engine, &snapshot, modules, linker, ()).unwrap_err()
    };
    let RestoreError::Module { digest } = restore(&world.modules[1..], &linker) else { panic!() };
    assert_eq!(digest, world.modules[0].digest());
    let error = restore(&world.modules, &Linker::new(&world.engine));
    assert_eq!(error.to_string(), "a host function is not as it was: unknown import: h.add");
    let mut other = Linker::new(&world.engine);
    other.func_wrap("h", "add", |_: Caller<'_, ()>, x: i64| x).unwrap();
    let error = restore(&world.modules, &other);
    assert!(error.to_string().ends_with("incompatible import type: h.add"), "{error}");
}

#[test]
fn external_references_are_refused_or_kept() {
    let engine = engine();
    let mut store = arena(&engine);
    let ty = GlobalType { value: ValType::EXTERNREF, mutable: true };
    Global::new(&mut store, ty, Val::ExternRef(Some(41))).unwrap();
    let text = r#"(module (table (export "t") 2 externref))"#;
    let modules = [module(&engine, text)];
    let linker = Linker::new(&engine);
    let instance = linker.instantiate(&mut store, &modules[0]).unwrap();
    let Some(Extern::Table(table)) = instance.export(&store, "t") else { panic!() };
    table.set(&mut store, 1, Val::ExternRef(Some(7))).unwrap();
    assert!(matches!(store.snapshot(ExternRefs::Refuse), Err(CaptureError::ExternRef)));
    let snapshot = store.snapshot(ExternRefs::Keep).unwrap();
    let there = Store::restore(&engine, &snapshot, &modules, &linker, ()).unwrap();
    let instance = there.instances().next().unwrap();
    let Some(Extern::Table(table)) = instance.export(&there, "t") else { panic!() };
    assert_eq!(table.get(&there, 1), Ok(Val::ExternRef(Some(7))));
}

/// A module that imports a shared memory and has one of its own.
const SHARES: &str = r#"(module (import "env" "memory" (memory $theirs 1 8 shared))
  (memory $mine (export "mine") 1 4 shared) (memory $plain 1)
  (func (export "grow") (param i32) (result i32) (memory.grow $theirs (local.get 0)))
  (func (export "grow_mine") (param i32) (result i32) (memory.grow $mine (local.get 0)))
  (func (export "store") (param i32 i32)
    (i32.store $theirs (local.get 0) (local.get 1)) (i32.store $mine (i32.const 8) (local.get 1))
    (i32.store $plain (i32.const 8) (local.get 1)))
  (func (export "add") (param i32) (result i32) (i32.atomic.rmw.add $theirs (i32.const 64) (local.get 0)))
  (func (export "load") (param i32) (result i32)
    (i32.add (i32.atomic.load $theirs (local.get 0))
      (i32.add (i32.load $mine (i32.const 8)) (i32.load $plain (i32.const 8))))))"#;

fn shared_memory(engine: &Engine) -> SharedMemory {
    let limits = Limits { min: 1, max: Some(8) };
    let ty = MemoryType { limits, memory64: false, shared: true, page_size_log2: 16 };
    SharedMemory::new(engine, ty).unwrap()
}

fn sharing(engine: &Engine, module: &Module, memory: &SharedMemory, pages: u64) -> Store<()> {
    let limits = StoreLimits { memory_bytes: pages << 16, ..StoreLimits::default() };
    let mut store = Store::new(engine, limits, ()).unwrap();
    let mut linker = Linker::new(engine);
    linker.define_shared_memory("env", "memory", memory.clone());
    linker.instantiate(&mut store, module).unwrap();
    store
}

#[test]
fn a_restored_store_has_shared_memories_of_its_own_with_what_was_in_them() {
    let engine = engine();
    let (module, memory) = (module(&engine, SHARES), shared_memory(&engine));
    let mut store = sharing(&engine, &module, &memory, 32);
    // It has the memory already: two instances have one.
    let mut linker = Linker::new(&engine);
    linker.define_shared_memory("env", "memory", memory.clone());
    let second = linker.instantiate(&mut store, &module).unwrap();
    let first = store.instances().next().unwrap();
    assert_eq!(call(&mut store, first, "grow", &[2]), Some(1));
    assert_eq!(call(&mut store, second, "grow_mine", &[3]), Some(1));
    call(&mut store, first, "store", &[190_000, 7]);
    memory.write(100_000, b"by the host").unwrap();
    let snapshot = store.snapshot(ExternRefs::Refuse).unwrap();

    let modules = [module];
    let restore = || Store::restore(&engine, &snapshot, &modules, &Linker::new(&engine), ());
    let mut there = restore().unwrap();
    assert_eq!(there.snapshot(ExternRefs::Refuse).unwrap(), snapshot);
    memory.write(190_000, &[9]).unwrap();
    let [first, second] = there.instances().collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(call(&mut there, first, "load", &[190_000]), Some(21));
    assert_eq!(call(&mut there, second, "load", &[190_000]), Some(7), "of its own: nothing");
    assert_eq!(call(&mut there, second, "add", &[5]), Some(0));
    assert_eq!(call(&mut there, first, "add", &[5]), Some(5), "one memory");
    assert_eq!(call(&mut there, first, "grow", &[1]), Some(3));
    assert_eq!(memory.size(), 3);
    // Nobody else has the new ones, so this store can be captured, and what is born has a snapshot too.
    assert!(matches!(store.capture(), Err(CaptureError::SharedMemory)));
    let captured = there.capture().unwrap();
    let of_born = captured.birth(()).unwrap().snapshot(ExternRefs::Refuse).unwrap();
    assert_eq!(of_born, there.snapshot(ExternRefs::Refuse).unwrap());
}

#[test]
fn a_snapshot_beside_a_thread_that_writes_and_grows_is_of_one_size() {
    let engine = engine();
    let (module, memory) = (module(&engine, SHARES), shared_memory(&engine));
    let mut store = sharing(&engine, &module, &memory, 32);
    let mut other = sharing(&engine, &module, &memory, 32);
    let modules = [module];
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let instance = other.instances().next().unwrap();
            for round in 0..7 {
                for at in 0..400 {
                    call(&mut other, instance, "store", &[at * 160, round]);
                }
                call(&mut other, instance, "grow", &[1]);
                call(&mut other, instance, "store", &[((round + 1) << 16) + 8, round]);
            }
        });
        while !writer.is_finished() {
            let snapshot = store.snapshot(ExternRefs::Refuse).unwrap();
            let restored = Store::restore(&engine, &snapshot, &modules, &Linker::new(&engine), ());
            assert_eq!(restored.unwrap().snapshot(ExternRefs::Refuse).unwrap(), snapshot);
        }
        writer.join().unwrap();
    });
    assert_eq!(memory.size(), 8);
}

#[test]
fn a_store_whose_limit_another_has_passed_has_no_snapshot() {
    let engine = engine();
    let (module, memory) = (module(&engine, SHARES), shared_memory(&engine));
    let mut store = sharing(&engine, &module, &memory, 4);
    memory.grow(1).unwrap();
    store.snapshot(ExternRefs::Refuse).unwrap();
    memory.grow(1).unwrap();
    let error = store.snapshot(ExternRefs::Refuse).unwrap_err();
    assert!(matches!(error, CaptureError::OverLimit { bytes } if bytes == 5 << 16), "{error}");
}

#[test]
fn tags_and_exceptions_are_as_they_were() {
    let engine = engine();
    let mut store = arena(&engine);
    let tag = Tag::new(&mut store, &[ValType::I32, ValType::I64]).unwrap();
    let mut linker = Linker::new(&engine);
    linker.define("env", "tag", Extern::Tag(tag));
    let text = r#"(module (import "env" "tag" (tag $t (param i32 i64))) (tag $u (param f32 f32))
      (global $g (mut exnref) (ref.null exn))
      (func (export "keep") (param i32)
        (block $caught (result i32 i64 exnref)
          (try_table (catch_ref $t $caught) (throw $t (local.get 0) (i64.const 9)))
          (unreachable))
        (global.set $g) (drop) (drop))
      (func (export "again") (result i32)
        (block $caught (result i32 i64)
          (try_table (catch $t $caught) (throw_ref (global.get $g)))
          (unreachable))
        (drop)))"#;
    let modules = [module(&engine, text)];
    let instance = linker.instantiate(&mut store, &modules[0]).unwrap();
    // It has made a type known that nothing else uses.
    Tag::new(&mut store, &[ValType::F64]).unwrap();
    call(&mut store, instance, "keep", &[31]);
    let snapshot = store.snapshot(ExternRefs::Refuse).unwrap();
    let mut there =
        Store::restore(&engine, &snapshot, &modules, &Linker::new(&engine), ()).unwrap();
    assert_eq!(there.snapshot(ExternRefs::Refuse).unwrap(), snapshot);
    let instance = there.instances().next().unwrap();
    assert_eq!(call(&mut there, instance, "again", &[]), Some(31));
}

/// Something that is done to a store.
#[derive(Clone, Debug)]
enum Step {
    First,
    Second,
    Memory { pages: u32, offset: u32 },
    Table { elements: u32, grown: u32 },
    Global(i64),
    Store { offset: u16, value: i32 },
    Grow,
    Drop,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::First),
        Just(Step::Second),
        (0..3_u32, 0..65_000_u32).prop_map(|(pages, offset)| Step::Memory { pages, offset }),
        (0..2000_u32, 0..3000_u32).prop_map(|(elements, grown)| Step::Table { elements, grown }),
        any::<i64>().prop_map(Step::Global),
        (0..60_000_u16, any::<i32>()).prop_map(|(offset, value)| Step::Store { offset, value }),
        Just(Step::Grow),
        Just(Step::Drop),
    ]
}

struct Stage {
    store: Store<()>,
    linker: Linker<()>,
    modules: Vec<Module>,
    first: Option<Instance>,
}

impl Stage {
    fn take(&mut self, step: &Step) {
        let store = &mut self.store;
        let limits = |min: u32| Limits { min: min.into(), max: None };
        match *step {
            Step::First => {
                let first = self.linker.instantiate(store, &self.modules[0]).unwrap();
                self.linker.instance(store, "a", first);
                self.first = Some(first);
            }
            // It links only to what has grown.
            Step::Second => drop(self.linker.instantiate(store, &self.modules[1])),
            Step::Memory { pages, offset } => {
                let limits = limits(pages);
                let ty = MemoryType { limits, memory64: false, shared: false, page_size_log2: 16 };
                let memory = Memory::new(store, ty).unwrap();
                memory.grow(store, 1).unwrap();
                memory.view(store).write_u32(offset, 9).unwrap();
            }
            Step::Table { elements, grown } => {
                let (element, limits) = (RefType::FUNCREF, limits(elements));
                let ty = TableType { element, limits, table64: false };
                let table = Table::new(store, ty, Val::FuncRef(None)).unwrap();
                let func = self.first.and_then(|first| first.func(store, "own"));
                table.grow(store, grown.into(), Val::FuncRef(func)).unwrap();
            }
            Step::Global(value) => {
                let ty = GlobalType { value: ValType::I64, mutable: false };
                Global::new(store, ty, Val::I64(value)).unwrap();
            }
            Step::Store { offset, value } => self.call("store", &[offset.into(), value]),
            Step::Grow => self.call("grow", &[]),
            Step::Drop => self.call("drop", &[]),
        }
    }

    fn call(&mut self, name: &str, args: &[i32]) {
        if let Some(first) = self.first {
            call(&mut self.store, first, name, args);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn snapshots_of_restored_stores_are_the_same(steps in prop::collection::vec(step(), 0..16)) {
        let engine = engine();
        let modules = vec![module(&engine, FIRST), module(&engine, SECOND)];
        let (store, linker) = (arena(&engine), hosts(&engine));
        let mut stage = Stage { store, linker, modules, first: None };
        for step in &steps {
            stage.take(step);
        }
        let snapshot = stage.store.snapshot(ExternRefs::Refuse).unwrap();
        let mut there = Store::restore(&engine, &snapshot, &stage.modules, &hosts(&engine), ()).unwrap();
        prop_assert_eq!(there.snapshot(ExternRefs::Refuse).unwrap(), snapshot.clone());
        prop_assert_eq!(there.instances().len(), stage.store.instances().len());
        let mut again = Store::restore(&engine, &snapshot, &stage.modules, &hosts(&engine), ()).unwrap();
        prop_assert_eq!(again.snapshot(ExternRefs::Refuse).unwrap(), snapshot);
    }
}
