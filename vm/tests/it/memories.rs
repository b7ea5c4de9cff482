//! Memories and tables: growth, limits, bulk operations.

use faasm_vm::{InstantiateError, Linker, Store, StoreError, StoreLimits, TrapCode, Val};

use crate::support::{engine, faaslet, module};

#[test]
fn memory_grows_zeroed_up_to_its_maximum() {
    let text = r#"(module (memory (export "m") 1 3)
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
      (func (export "fill") (memory.fill (i32.const 0) (i32.const 255)
        (i32.mul (memory.size) (i32.const 65536)))))"#;
    let (mut store, instance) = faaslet(text);
    let grow = instance.func(&store, "grow").unwrap().typed::<i32, i32>(&store).unwrap();
    let load = instance.func(&store, "load").unwrap().typed::<i32, i32>(&store).unwrap();
    let fill = instance.func(&store, "fill").unwrap().typed::<(), ()>(&store).unwrap();
    assert_eq!(
        load.call(&mut store, 65536).unwrap_err().trap_code(),
        Some(TrapCode::MemoryOutOfBounds)
    );
    fill.call(&mut store, ()).unwrap();
    assert_eq!(grow.call(&mut store, 0).unwrap(), 1);
    assert_eq!(grow.call(&mut store, 1).unwrap(), 1);
    assert_eq!(load.call(&mut store, 65535).unwrap(), 255);
    assert_eq!(load.call(&mut store, 65536).unwrap(), 0);
    assert_eq!(grow.call(&mut store, 2).unwrap(), -1);
    assert_eq!(grow.call(&mut store, -1).unwrap(), -1);
    assert_eq!(grow.call(&mut store, 1).unwrap(), 2);
    assert_eq!(load.call(&mut store, 3 * 65536 - 1).unwrap(), 0);
    assert!(load.call(&mut store, 3 * 65536).is_err());
}

#[test]
fn the_last_page_of_the_address_space_is_never_reached_by_growing() {
    let text = r#"(module (memory 1)
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "twice") (param i32) (result i32)
        (i32.add
          (i32.load8_u (local.get 0))
          (i32.load8_u (i32.add (local.get 0) (i32.const 65535))))))"#;
    let (mut store, instance) = faaslet(text);
    let grow = instance.func(&store, "grow").unwrap().typed::<i32, i32>(&store).unwrap();
    let twice = instance.func(&store, "twice").unwrap().typed::<i32, i32>(&store).unwrap();
    assert_eq!(grow.call(&mut store, 65_535).unwrap(), -1, "it would have 65,536 pages");
    assert_eq!(grow.call(&mut store, 65_534).unwrap(), 1);
    let last = (65_535_u32 << 16) - 1;
    let error = twice.call(&mut store, last.cast_signed()).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::MemoryOutOfBounds), "the sum does not wrap");
    assert_eq!(twice.call(&mut store, (last - 65_535).cast_signed()).unwrap(), 0);
}

#[test]
fn sums_wrap_where_another_access_shows_that_they_may() {
    let text = r#"(module (memory 1)
      (data (i32.const 8) "\01\00\00\00\02\00\00\00\03\00\00\00")
      (func (export "far") (param i32) (result i32)
        (i32.add
          (i32.load (i32.add (local.get 0) (i32.const 16)))
          (i32.mul (i32.const 10) (i32.load (i32.add (local.get 0) (i32.const 20))))))
      (func (export "mixed") (param i32) (result i32)
        (i32.add
          (i32.load (i32.add (local.get 0) (i32.const 16)))
          (i32.load (local.get 0)))))"#;
    let (mut store, instance) = faaslet(text);
    let far = instance.func(&store, "far").unwrap().typed::<i32, i32>(&store).unwrap();
    let mixed = instance.func(&store, "mixed").unwrap().typed::<i32, i32>(&store).unwrap();
    assert_eq!(far.call(&mut store, -8).unwrap(), 21);
    assert_eq!(far.call(&mut store, -4).unwrap(), 32);
    let error = mixed.call(&mut store, -8).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::MemoryOutOfBounds));
}

#[test]
fn the_stores_limits_bound_memories_and_tables() {
    let engine = engine();
    let limits =
        StoreLimits { memory_bytes: 2 << 16, table_elements: 10, ..StoreLimits::default() };
    let text = r#"(module (memory 1) (table $t 5 funcref)
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "table") (param i32) (result i32)
        (table.grow $t (ref.null func) (local.get 0))))"#;
    let small = module(&engine, text);
    let mut store = Store::for_module(&engine, &small, limits, ()).unwrap();
    let instance = Linker::new(&engine).instantiate(&mut store, &small).unwrap();
    let grow = instance.func(&store, "grow").unwrap().typed::<i32, i32>(&store).unwrap();
    let table = instance.func(&store, "table").unwrap().typed::<i32, i32>(&store).unwrap();
    assert_eq!(grow.call(&mut store, 2).unwrap(), -1);
    assert_eq!(grow.call(&mut store, 1).unwrap(), 1);
    assert_eq!(grow.call(&mut store, 1).unwrap(), -1);
    assert_eq!(table.call(&mut store, 6).unwrap(), -1);
    assert_eq!(table.call(&mut store, 5).unwrap(), 5);
    assert_eq!(table.call(&mut store, 1).unwrap(), -1);

    for text in ["(module (memory 3))", "(module (table 11 funcref))"] {
        let large = module(&engine, text);
        let refused = match Store::for_module(&engine, &large, limits, ()) {
            Ok(mut store) => match Linker::new(&engine).instantiate(&mut store, &large) {
                Err(InstantiateError::Store(error)) => error,
                other => panic!("{other:?}"),
            },
            Err(error) => error,
        };
        assert!(matches!(refused, StoreError::Limit { .. }), "{text}: {refused}");
    }
}

#[test]
fn bulk_operations_copy_overlapping_ranges_and_check_bounds_first() {
    let text = r#"(module (memory (export "m") 33) (data $d "abcdef")
      (func (export "init") (param i32 i32 i32) (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
      (func (export "drop") (data.drop $d))
      (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2))))"#;
    let (mut store, instance) = faaslet(text);
    let init = instance.func(&store, "init").unwrap().typed::<(i32, i32, i32), ()>(&store).unwrap();
    let copy = instance.func(&store, "copy").unwrap().typed::<(i32, i32, i32), ()>(&store).unwrap();
    let dropped = instance.func(&store, "drop").unwrap().typed::<(), ()>(&store).unwrap();
    let Some(faasm_vm::Extern::Memory(memory)) = instance.export(&store, "m") else { panic!() };
    init.call(&mut store, (10, 1, 5)).unwrap();
    assert_eq!(memory.view(&store).read(9, 7).unwrap(), *b"\0bcdef\0");
    copy.call(&mut store, (11, 10, 5)).unwrap();
    assert_eq!(memory.view(&store).read(9, 8).unwrap(), *b"\0bbcdef\0");
    copy.call(&mut store, (10, 11, 5)).unwrap();
    assert_eq!(memory.view(&store).read(9, 8).unwrap(), *b"\0bcdeff\0");
    // Long overlapping copies go in pieces, in the right direction.
    let pattern: Vec<u8> = (0..2_000_000_u32).map(|i| (i % 251) as u8).collect();
    memory.view(&store).write(100, &pattern).unwrap();
    copy.call(&mut store, (107, 100, 2_000_000)).unwrap();
    assert!(memory.view(&store).read(107, 2_000_000).unwrap() == pattern);
    copy.call(&mut store, (95, 107, 2_000_000)).unwrap();
    assert!(memory.view(&store).read(95, 2_000_000).unwrap() == pattern);
    for args in [(0, 2, 5), (33 * 65536 - 1, 0, 2), (-1, 0, 1)] {
        let trap = init.call(&mut store, args).unwrap_err();
        assert_eq!(trap.trap_code(), Some(TrapCode::MemoryOutOfBounds), "{args:?}");
    }
    assert!(copy.call(&mut store, (0, 33 * 65536 - 1, 2)).is_err());
    dropped.call(&mut store, ()).unwrap();
    init.call(&mut store, (0, 0, 0)).unwrap();
    assert!(init.call(&mut store, (0, 0, 1)).is_err());
}

#[test]
fn table_operations_work_on_inline_and_far_tables() {
    let text = r#"(module
      (type $r (func (result i32)))
      (table $fixed 6 funcref) (table $far (export "far") 6 20 funcref)
      (elem $e func $a $b) (func $a (result i32) (i32.const 1)) (func $b (result i32) (i32.const 2))
      (func (export "prepare")
        (table.init $fixed $e (i32.const 1) (i32.const 0) (i32.const 2))
        (table.copy $far $fixed (i32.const 3) (i32.const 0) (i32.const 3))
        (table.fill $fixed (i32.const 4) (ref.func $b) (i32.const 2))
        (elem.drop $e))
      (func (export "again") (table.init $fixed $e (i32.const 0) (i32.const 0) (i32.const 1)))
      (func (export "fixed") (param i32) (result i32) (call_indirect $fixed (type $r) (local.get 0)))
      (func (export "far_call") (param i32) (result i32) (call_indirect $far (type $r) (local.get 0)))
      (func (export "grow") (param i32) (result i32)
        (table.grow $far (ref.func $a) (local.get 0))))"#;
    let (mut store, instance) = faaslet(text);
    let call = |store: &mut Store<()>, name: &str, args: &[Val]| {
        instance.func(store, name).unwrap().call(store, args).map_err(|t| t.trap_code().unwrap())
    };
    call(&mut store, "prepare", &[]).unwrap();
    let expected = |name: &str, results: &[Option<i32>], store: &mut Store<()>| {
        for (index, result) in (0..).zip(results) {
            let found = call(store, name, &[Val::I32(index)]);
            match result {
                Some(result) => assert_eq!(found.unwrap(), [Val::I32(*result)], "{name} {index}"),
                None => assert_eq!(found, Err(TrapCode::UninitializedElement), "{name} {index}"),
            }
        }
    };
    expected("fixed", &[None, Some(1), Some(2), None, Some(2), Some(2)], &mut store);
    expected("far_call", &[None, None, None, None, Some(1), Some(2)], &mut store);
    assert_eq!(call(&mut store, "again", &[]), Err(TrapCode::TableOutOfBounds));
    assert_eq!(call(&mut store, "far_call", &[Val::I32(6)]), Err(TrapCode::UndefinedElement));
    assert_eq!(call(&mut store, "grow", &[Val::I32(14)]).unwrap(), [Val::I32(6)]);
    assert_eq!(call(&mut store, "far_call", &[Val::I32(19)]).unwrap(), [Val::I32(1)]);
    assert_eq!(call(&mut store, "grow", &[Val::I32(1)]).unwrap(), [Val::I32(-1)]);
}
