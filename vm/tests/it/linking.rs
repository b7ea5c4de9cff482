//! Instances in one store: cross-instance calls, tables, tail calls, memories, globals, and the errors of linking.

use faasm_vm::{
    Extern, Global, GlobalType, InstantiateError, Limits, Linker, Memory, MemoryType, RefType,
    Store, StoreError, StoreLimits, Table, TableType, TrapCode, Val, ValType,
};

use crate::support::{arena, engine, module};

/// Instantiates modules in order; each sees the earlier ones' exports under `m0`, `m1`, ….
fn link(texts: &[&str]) -> (Store<()>, Vec<faasm_vm::Instance>) {
    let engine = engine();
    let mut store = arena(&engine);
    let mut linker = Linker::new(&engine);
    let mut instances = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let instance = linker.instantiate(&mut store, &module(&engine, text)).unwrap();
        linker.instance(&store, &format!("m{index}"), instance);
        instances.push(instance);
    }
    (store, instances)
}

const COUNTER: &str = r#"(module
  (memory 1)
  (func (export "bump") (param i32) (result i32)
    (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (local.get 0)))
    (i32.load (i32.const 8))))"#;

#[test]
fn calls_across_instances_switch_and_restore_the_context() {
    let (mut store, instances) = link(&[
        COUNTER,
        r#"(module
          (import "m0" "bump" (func $bump (param i32) (result i32)))
          (memory 1)
          (func (export "f") (param i32) (result i32)
            (i32.store (i32.const 8) (i32.const 1000))
            (drop (call $bump (local.get 0)))
            (i32.add (call $bump (local.get 0)) (i32.load (i32.const 8)))))"#,
    ]);
    let f = instances[1].func(&store, "f").unwrap();
    assert_eq!(f.call(&mut store, &[Val::I32(5)]).unwrap(), [Val::I32(1010)]);
    assert_eq!(f.call(&mut store, &[Val::I32(5)]).unwrap(), [Val::I32(1020)]);
}

#[test]
fn indirect_calls_cross_instances_through_a_shared_table() {
    let (mut store, instances) = link(&[
        r#"(module (memory 1) (data (i32.const 0) "\2a") (table (export "t") 4 funcref)
          (type $s (func (result i32)))
          (func $own (result i32) (i32.load8_u (i32.const 0)))
          (elem (i32.const 0) $own)
          (func (export "call") (param i32) (result i32) (call_indirect (type $s) (local.get 0))))"#,
        r#"(module (import "m0" "t" (table 4 funcref)) (memory 1) (data (i32.const 0) "\07")
          (type $other (func (param i32))) (type $s (func (result i32)))
          (func $theirs (result i32) (i32.load8_u (i32.const 0)))
          (func $wrong (param i32))
          (elem (i32.const 1) $theirs $wrong)
          (func (export "call") (param i32) (result i32)
            (i32.add (call_indirect (type $s) (local.get 0)) (i32.load8_u (i32.const 0)))))"#,
    ]);
    let calls = instances.iter().map(|i| i.func(&store, "call").unwrap()).collect::<Vec<_>>();
    assert_eq!(calls[0].call(&mut store, &[Val::I32(0)]).unwrap(), [Val::I32(42)]);
    assert_eq!(calls[0].call(&mut store, &[Val::I32(1)]).unwrap(), [Val::I32(7)]);
    assert_eq!(calls[1].call(&mut store, &[Val::I32(0)]).unwrap(), [Val::I32(49)]);
    assert_eq!(calls[1].call(&mut store, &[Val::I32(1)]).unwrap(), [Val::I32(14)]);
    let codes = [
        TrapCode::IndirectCallTypeMismatch,
        TrapCode::UninitializedElement,
        TrapCode::UndefinedElement,
    ];
    for (index, code) in (2..).zip(codes) {
        let trap = calls[0].call(&mut store, &[Val::I32(index)]).unwrap_err();
        assert_eq!(trap.trap_code(), Some(code));
    }
}

#[test]
fn tail_calls_cross_instances_and_long_chains_need_no_stack_at_home() {
    let (mut store, instances) = link(&[
        r#"(module (memory 1) (data (i32.const 0) "\05")
          (func (export "f") (param i32) (result i32)
            (i32.add (local.get 0) (i32.load8_u (i32.const 0)))))"#,
        r#"(module (import "m0" "f" (func $f (param i32) (result i32)))
          (memory 1) (data (i32.const 0) "\09") (table 1 funcref) (elem (i32.const 0) $f)
          (type $t (func (param i32) (result i32)))
          (func $direct (param i32) (result i32) (return_call $f (local.get 0)))
          (func $indirect (param i32) (result i32)
            (return_call_indirect (type $t) (local.get 0) (i32.const 0)))
          (func $loop (export "loop") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
            (return_call $loop (i32.sub (local.get 0) (i32.const 1))))
          (func (export "direct") (param i32) (result i32)
            (i32.add (call $direct (local.get 0)) (i32.load8_u (i32.const 0))))
          (func (export "indirect") (param i32) (result i32)
            (i32.add (call $indirect (local.get 0)) (i32.load8_u (i32.const 0)))))"#,
    ]);
    for (name, arg, result) in
        [("direct", 100, 114), ("indirect", 100, 114), ("loop", 1_000_000, 1)]
    {
        let f = instances[1].func(&store, name).unwrap();
        assert_eq!(f.call(&mut store, &[Val::I32(arg)]).unwrap(), [Val::I32(result)], "{name}");
    }
}

#[test]
fn memories_and_globals_are_shared_between_instances() {
    let (mut store, instances) = link(&[
        r#"(module (memory (export "m") 1 3) (global (export "g") (mut i64) (i64.const 1))
          (func (export "size") (result i32) (memory.size))
          (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))"#,
        r#"(module (import "m0" "m" (memory 1)) (import "m0" "g" (global $g (mut i64)))
          (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
          (func (export "store") (param i32 i32)
            (global.set $g (i64.extend_i32_u (local.get 1))) (i32.store (local.get 0) (local.get 1))))"#,
    ]);
    let grow = instances[1].func(&store, "grow").unwrap().typed::<i32, i32>(&store).unwrap();
    let poke = instances[1].func(&store, "store").unwrap().typed::<(i32, i32), ()>(&store).unwrap();
    let load = instances[0].func(&store, "load").unwrap().typed::<i32, i32>(&store).unwrap();
    let size = instances[0].func(&store, "size").unwrap().typed::<(), i32>(&store).unwrap();
    assert!(poke.call(&mut store, (70_000, 1)).is_err());
    assert_eq!(grow.call(&mut store, 2).unwrap(), 1);
    assert_eq!(size.call(&mut store, ()).unwrap(), 3);
    assert_eq!(grow.call(&mut store, 1).unwrap(), -1);
    poke.call(&mut store, (70_000, 77)).unwrap();
    assert_eq!(load.call(&mut store, 70_000).unwrap(), 77);
    let Some(Extern::Global(g)) = instances[0].export(&store, "g") else { panic!() };
    assert_eq!(g.get(&store), Val::I64(77));
}

#[test]
fn the_hosts_own_memories_tables_and_globals_can_be_imported() {
    let engine = engine();
    let mut store = arena(&engine);
    let mut linker = Linker::new(&engine);
    let limits = |min, max| Limits { min, max: Some(max) };
    let memory =
        MemoryType { limits: limits(1, 2), memory64: false, shared: false, page_size_log2: 16 };
    let memory = Memory::new(&mut store, memory).unwrap();
    let table = TableType { element: RefType::FUNCREF, limits: limits(10, 20), table64: false };
    let table = Table::new(&mut store, table, Val::FuncRef(None)).unwrap();
    let global = GlobalType { value: ValType::I32, mutable: false };
    let global = Global::new(&mut store, global, Val::I32(666)).unwrap();
    linker.define("spectest", "memory", Extern::Memory(memory));
    linker.define("spectest", "table", Extern::Table(table));
    linker.define("spectest", "global_i32", Extern::Global(global));
    let text = r#"(module (import "spectest" "memory" (memory 1 2))
      (import "spectest" "table" (table 10 20 funcref))
      (import "spectest" "global_i32" (global $g i32))
      (func $f (export "f") (result i32) (i32.store8 (i32.const 3) (i32.const 9)) (global.get $g))
      (elem (i32.const 4) $f))"#;
    let instance = linker.instantiate(&mut store, &module(&engine, text)).unwrap();
    let f = instance.func(&store, "f").unwrap();
    assert_eq!(f.call(&mut store, &[]).unwrap(), [Val::I32(666)]);
    assert_eq!(memory.view(&store).read(2, 3).unwrap(), [0, 9, 0]);
    let Val::FuncRef(Some(found)) = table.get(&store, 4).unwrap() else { panic!() };
    assert_eq!(found.call(&mut store, &[]).unwrap(), [Val::I32(666)]);
    assert_eq!(table.grow(&mut store, 10, Val::FuncRef(Some(found))).unwrap(), 10);
    assert_eq!(table.get(&store, 19).unwrap(), Val::FuncRef(Some(found)));
    assert!(table.grow(&mut store, 1, Val::FuncRef(None)).is_err());
    assert!(table.get(&store, 20).is_err());
    assert!(global.set(&mut store, Val::I32(1)).is_err());
    assert_eq!(memory.grow(&mut store, 1).unwrap(), 1);
    assert!(memory.grow(&mut store, 1).is_err());
}

#[test]
fn imports_that_are_unknown_or_do_not_match_are_named() {
    let exporter = r#"(module (func (export "f") (param i32)) (memory (export "m") 1 2)
      (table (export "t") 2 funcref) (global (export "g") i32 (i32.const 0)))"#;
    let cases = [
        (r#"(import "m0" "nothing" (func))"#, "unknown import: m0.nothing"),
        (r#"(import "nobody" "f" (func))"#, "unknown import: nobody.f"),
        (r#"(import "m0" "f" (func))"#, "incompatible import type: m0.f"),
        (r#"(import "m0" "f" (memory 1))"#, "incompatible import type: m0.f"),
        (r#"(import "m0" "m" (memory 2))"#, "incompatible import type: m0.m"),
        (r#"(import "m0" "m" (memory 1 1))"#, "incompatible import type: m0.m"),
        (r#"(import "m0" "t" (table 1 2 funcref))"#, "incompatible import type: m0.t"),
        (r#"(import "m0" "t" (table 1 externref))"#, "incompatible import type: m0.t"),
        (r#"(import "m0" "g" (global (mut i32)))"#, "incompatible import type: m0.g"),
        (r#"(import "m0" "g" (global i64))"#, "incompatible import type: m0.g"),
    ];
    let engine = engine();
    let mut store = arena(&engine);
    let mut linker = Linker::new(&engine);
    let instance = linker.instantiate(&mut store, &module(&engine, exporter)).unwrap();
    linker.instance(&store, "m0", instance);
    for (import, message) in cases {
        let importer = module(&engine, &format!("(module {import})"));
        let error = linker.instantiate(&mut store, &importer).unwrap_err();
        assert_eq!(error.to_string(), message, "{import}");
    }
    let importer = module(&engine, r#"(module (import "m0" "f" (func)) (import "x" "y" (func)))"#);
    let missing: Vec<_> = linker.missing(&importer).iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["unknown import: x.y"]);
}

#[test]
fn what_came_before_a_failed_segment_or_start_persists() {
    let engine = engine();
    let mut store = arena(&engine);
    let mut linker = Linker::new(&engine);
    let text = r#"(module (memory (export "m") 1) (table (export "t") 3 funcref)
      (func (export "at") (param i32) (result i32) (i32.load8_u (local.get 0)))
      (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0))))"#;
    let first = linker.instantiate(&mut store, &module(&engine, text)).unwrap();
    linker.instance(&store, "m0", first);
    let segments = r#"(module (import "m0" "m" (memory 1)) (import "m0" "t" (table 3 funcref))
      (func $f (result i32) (i32.const 11)) (elem (i32.const 1) $f)
      (data (i32.const 5) "\07") (data (i32.const 65536) "\01"))"#;
    let error = linker.instantiate(&mut store, &module(&engine, segments)).unwrap_err();
    assert!(
        matches!(&error, InstantiateError::Trap(trap) if trap.trap_code() == Some(TrapCode::MemoryOutOfBounds))
    );
    let at = first.func(&store, "at").unwrap();
    assert_eq!(at.call(&mut store, &[Val::I32(5)]).unwrap(), [Val::I32(7)]);
    let call = first.func(&store, "call").unwrap();
    assert_eq!(call.call(&mut store, &[Val::I32(1)]).unwrap(), [Val::I32(11)]);
    let start = r#"(module (import "m0" "m" (memory 1)) (start $s)
      (func $s (i32.store8 (i32.const 6) (i32.const 9)) unreachable))"#;
    let error = linker.instantiate(&mut store, &module(&engine, start)).unwrap_err();
    assert_eq!(error.to_string(), "unreachable");
    assert_eq!(at.call(&mut store, &[Val::I32(6)]).unwrap(), [Val::I32(9)]);
}

#[test]
fn a_store_of_one_module_refuses_another_that_needs_more_room() {
    let engine = engine();
    let small =
        module(&engine, r#"(module (memory 1) (func (export "f") (result i32) (i32.const 7)))"#);
    let globals = "(global (mut i64) (i64.const -1))".repeat(100);
    // Its context reaches to where the store has its descriptors, of which the first is null's.
    let text = format!(
        r#"(module (memory 1) (table 1 funcref) {globals}
          (func (export "f") (call_indirect (i32.const 0))))"#
    );
    let large = module(&engine, &text);
    let mut store = Store::for_module(&engine, &small, StoreLimits::default(), ()).unwrap();
    let linker = Linker::new(&engine);
    let refused = linker.instantiate(&mut store, &large).unwrap_err();
    assert!(matches!(refused, InstantiateError::Store(StoreError::Sealed)), "{refused}");
    let instance = linker.instantiate(&mut store, &small).unwrap();
    let f = instance.func(&store, "f").unwrap();
    assert_eq!(f.call(&mut store, &[]).unwrap(), [Val::I32(7)]);
}

#[test]
fn nothing_can_come_between_a_context_and_its_memory() {
    let engine = engine();
    let two = module(&engine, "(module (memory 1) (memory 1))");
    let one = module(&engine, r#"(module (memory (export "m") 1))"#);
    let mut store = Store::for_module(&engine, &two, StoreLimits::default(), ()).unwrap();
    let ty = GlobalType { value: ValType::I64, mutable: false };
    Global::new(&mut store, ty, Val::I64(7)).unwrap();
    let refused = Linker::new(&engine).instantiate(&mut store, &one).unwrap_err();
    assert!(matches!(refused, InstantiateError::Store(StoreError::Sealed)), "{refused}");
}
