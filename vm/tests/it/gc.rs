//! Garbage collection under pressure: everything that is in use survives, everything else goes.
//!
//! Each test runs twice: with collections as they come, and with one before every object.

use faasm_vm::{
    Caller, CaptureError, Engine, EngineConfig, Func, FuncType, GcError, GcRef, HeapType, Instance,
    Linker, RefType, Store, StoreLimits, TrapCode, Val, ValType,
};

use crate::support::{key, module};

const PROGRAM: &str = r#"(module $objects
  (type $node (sub (struct (field $next (mut (ref null $node))) (field $value (mut i64)))))
  (type $pair (sub final $node (struct
    (field (mut (ref null $node))) (field (mut i64)) (field $left anyref) (field $right anyref))))
  (type $nodes (array (mut (ref null $node))))
  (type $bytes (array (mut i8)))
  (import "h" "again" (func $again (param anyref) (result anyref)))
  (global $kept (export "kept") (mut (ref null $node)) (ref.null $node))
  (global $shared (ref $node) (struct.new $node (ref.null $node) (i64.const 77)))
  (table $table 4 (ref null $node))
  (elem $segment (ref null $node)
    (item (struct.new $node (ref.null $node) (i64.const 5))) (item (global.get $shared)))

  ;; A list of the values n-1 … 0, each node made while the list so far is in a local.
  (func $list (param $n i32) (result (ref null $node))
    (local $head (ref null $node)) (local $i i64)
    (loop $more
      (if (i64.lt_u (local.get $i) (i64.extend_i32_u (local.get $n))) (then
        (local.set $head (struct.new $node (local.get $head) (local.get $i)))
        (local.set $i (i64.add (local.get $i) (i64.const 1)))
        (br $more))))
    (local.get $head))
  (func $sum (param $head (ref null $node)) (result i64)
    (local $sum i64)
    (block $end
      (loop $more
        (br_on_null $end (local.get $head)) drop
        (local.set $sum (i64.add (local.get $sum) (struct.get $node $value (local.get $head))))
        (local.set $head (struct.get $node $next (local.get $head)))
        (br $more)))
    (local.get $sum))
  (func (export "list") (param i32) (result i64) (call $sum (call $list (local.get 0))))

  ;; A tree of pairs: the first subtree waits on the operand stack while the second is made.
  (func $tree (param $depth i32) (result anyref)
    (if (result anyref) (i32.eqz (local.get $depth))
      (then (ref.i31 (i32.const 1)))
      (else
        (struct.new $pair (ref.null $node) (i64.const 0)
          (call $tree (i32.sub (local.get $depth) (i32.const 1)))
          (call $tree (i32.sub (local.get $depth) (i32.const 1)))))))
  (func $leaves (param $tree anyref) (result i32)
    (local $pair (ref $pair))
    (block $leaf (result anyref)
      (local.set $pair (br_on_cast_fail $leaf anyref (ref $pair) (local.get $tree)))
      (return (i32.add
        (call $leaves (struct.get $pair $left (local.get $pair)))
        (call $leaves (struct.get $pair $right (local.get $pair))))))
    (i31.get_s (ref.cast (ref i31))))
  (func (export "tree") (param i32) (result i32) (call $leaves (call $tree (local.get 0))))

  ;; Cycles that nothing refers to any more.
  (func $churn (export "churn") (param $n i32)
    (local $a (ref $node))
    (loop $more
      (local.set $a (struct.new $node (ref.null $node) (i64.const 1)))
      (struct.set $node $next (local.get $a) (struct.new $node (local.get $a) (i64.const 2)))
      (drop (array.new $bytes (i32.const 7) (i32.and (local.get $n) (i32.const 255))))
      (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))

  ;; References of an outer frame, while the host has entered the guest again.
  (func (export "through_host") (result i64)
    (local $list (ref null $node)) (local $array (ref $nodes))
    (local.set $list (call $list (i32.const 10)))
    (local.set $array (array.new $nodes (local.get $list) (i32.const 3)))
    (local.set $list (ref.cast (ref null $node) (call $again (local.get $list))))
    (call $churn (i32.const 20))
    (i64.add (call $sum (local.get $list))
      (call $sum (array.get $nodes (local.get $array) (i32.const 2)))))

  ;; Locals of all kinds live over the making of objects.
  (func (export "mixed") (param $a i32) (param $b i64) (param $c f32) (param $d f64) (param $e v128)
      (param $x externref) (result i32 i64 f32 f64 v128 externref i64)
    (local $kept (ref null $node)) (local $f funcref)
    (local.set $f (ref.func $churn))
    (local.set $kept (struct.new $node (ref.null $node) (local.get $b)))
    (call $churn (i32.const 10))
    (local.get $a) (local.get $b) (local.get $c) (local.get $d) (local.get $e) (local.get $x)
    (call $churn (i32.const 10))
    (select (result (ref null $node)) (local.get $kept) (ref.null $node) (local.get $a))
    (struct.get $node $value))

  (func (export "keep") (param i32) (global.set $kept (call $list (local.get 0))))
  (func (export "kept_sum") (result i64) (call $sum (global.get $kept)))
  (func (export "tables") (result i64)
    (table.init $table $segment (i32.const 0) (i32.const 0) (i32.const 2))
    (drop (table.grow $table (call $list (i32.const 4)) (i32.const 2)))
    (call $churn (i32.const 30))
    (table.init $table $segment (i32.const 2) (i32.const 0) (i32.const 1))
    (i64.add (i64.extend_i32_u (ref.eq (table.get $table (i32.const 0)) (table.get $table (i32.const 2))))
      (i64.add (call $sum (table.get $table (i32.const 1))) (call $sum (table.get $table (i32.const 5))))))
  (func (export "trap_when_full")
    (local $list (ref null $node))
    (loop $more (local.set $list (struct.new $node (local.get $list) (i64.const 0))) (br $more)))
  (func (export "huge") (result i32)
    (array.len (array.new_default $bytes (i32.const -1))))
  (func (export "trap_inside") (param i32)
    (local $list (ref null $node))
    (local.set $list (call $list (i32.const 5)))
    (if (local.get 0) (then unreachable))
    (drop (call $sum (local.get $list))))
  (func (export "make") (param i64) (result (ref $node))
    (struct.new $node (ref.null $node) (local.get 0)))
  (func (export "value") (param (ref null $node)) (result i64)
    (struct.get $node $value (local.get 0)))
  (func (export "bytes") (param i32) (result i32)
    (local $a (ref $bytes))
    (local.set $a (array.new $bytes (local.get 0) (i32.const 1000)))
    (call $churn (i32.const 5))
    (array.fill $bytes (local.get $a) (i32.const 999) (i32.const 255) (i32.const 1))
    (array.copy $bytes $bytes (local.get $a) (i32.const 1) (local.get $a) (i32.const 0) (i32.const 500))
    (i32.add (array.get_s $bytes (local.get $a) (i32.const 999))
      (array.get_u $bytes (local.get $a) (i32.const 500)))))"#;

struct World {
    store: Store<()>,
    instance: Instance,
}

fn engine(collect_always: bool) -> Engine {
    let mut config = EngineConfig::new(key());
    config.collect_always = collect_always;
    Engine::new(config).unwrap()
}

fn anyref() -> ValType {
    ValType::Ref(RefType { nullable: true, heap: HeapType::Any })
}

/// The host function makes garbage by the guest, and gives back what it was given.
fn linker(engine: &Engine) -> Linker<()> {
    let mut linker = Linker::new(engine);
    let ty = FuncType { params: [anyref()].into(), results: [anyref()].into() };
    linker
        .func_new("h", "again", ty, |mut caller: Caller<'_, ()>, params, results| {
            let Some(faasm_vm::Extern::Func(churn)) = caller.export("churn") else {
                unreachable!("the program exports it")
            };
            churn.call(&mut caller, &[Val::I32(10)])?;
            results[0] = params[0];
            Ok(())
        })
        .unwrap();
    linker
}

impl World {
    fn new(collect_always: bool) -> Self {
        Self::with_limit(collect_always, StoreLimits::default().gc_heap_bytes)
    }

    fn with_limit(collect_always: bool, gc_heap_bytes: u64) -> Self {
        let engine = engine(collect_always);
        let module = module(&engine, PROGRAM);
        let limits = StoreLimits { gc_heap_bytes, ..StoreLimits::default() };
        let mut store = Store::for_module(&engine, &module, limits, ()).unwrap();
        let instance = linker(&engine).instantiate(&mut store, &module).unwrap();
        Self { store, instance }
    }

    fn func(&self, name: &str) -> Func {
        self.instance.func(&self.store, name).unwrap()
    }

    fn call(&mut self, name: &str, args: &[Val]) -> Vec<Val> {
        let func = self.func(name);
        func.call(&mut self.store, args).unwrap()
    }

    fn trap(&mut self, name: &str, args: &[Val]) -> Option<TrapCode> {
        let func = self.func(name);
        func.call(&mut self.store, args).unwrap_err().trap_code()
    }
}

fn both(test: impl Fn(bool)) {
    test(false);
    test(true);
}

#[test]
fn what_locals_and_operands_refer_to_survives() {
    both(|always| {
        let mut world = World::new(always);
        assert_eq!(world.call("list", &[Val::I32(500)]), [Val::I64(499 * 500 / 2)]);
        assert_eq!(world.call("tree", &[Val::I32(8)]), [Val::I32(256)]);
        let args = [
            Val::I32(1),
            Val::I64(-2),
            Val::from(3.5_f32),
            Val::from(4.5_f64),
            Val::V128(u128::MAX - 5),
            Val::ExternRef(Some(6)),
        ];
        let mut expected = args.to_vec();
        expected.push(Val::I64(-2));
        assert_eq!(world.call("mixed", &args), expected);
        assert_eq!(world.call("bytes", &[Val::I32(200)]), [Val::I32(199)]);
    });
}

#[test]
fn frames_below_a_host_function_are_roots() {
    both(|always| {
        let mut world = World::new(always);
        for _ in 0..3 {
            assert_eq!(world.call("through_host", &[]), [Val::I64(90)]);
        }
    });
}

#[test]
fn tables_and_kept_segments_are_roots_and_segments_are_made_once() {
    both(|always| {
        let mut world = World::new(always);
        // 1 for the same object twice, 77 from the shared one, 6 from the list.
        assert_eq!(world.call("tables", &[]), [Val::I64(84)]);
    });
}

#[test]
fn garbage_and_cycles_take_no_room_for_long() {
    let mut world = World::new(false);
    for _ in 0..50 {
        world.call("churn", &[Val::I32(10_000)]);
    }
    assert!(world.store.gc_heap_bytes() < 1 << 20, "{}", world.store.gc_heap_bytes());
    world.store.collect_garbage();
    assert!(world.store.gc_heap_bytes() < 1 << 10, "{}", world.store.gc_heap_bytes());
    world.call("keep", &[Val::I32(1000)]);
    world.store.collect_garbage();
    let kept = world.store.gc_heap_bytes();
    assert!((24_000..26_000).contains(&kept), "1000 nodes of 24 bytes: {kept}");
    assert_eq!(world.call("kept_sum", &[]), [Val::I64(499_500)]);
}

#[test]
fn a_full_heap_is_a_trap_and_what_it_held_is_free_again() {
    for always in [false, true] {
        let mut world = World::with_limit(always, if always { 64 << 10 } else { 2 << 20 });
        assert_eq!(world.trap("trap_when_full", &[]), Some(TrapCode::GcHeapExhausted));
        assert_eq!(world.trap("huge", &[]), Some(TrapCode::GcHeapExhausted));
        assert_eq!(world.trap("trap_inside", &[Val::I32(1)]), Some(TrapCode::Unreachable));
        assert_eq!(world.call("tree", &[Val::I32(6)]), [Val::I32(64)]);
    }
}

#[test]
fn captures_hold_the_heap_and_resets_undo_what_was_made() {
    both(|always| {
        let mut world = World::new(always);
        world.call("keep", &[Val::I32(100)]);
        let captured = world.store.capture().unwrap();
        for _ in 0..3 {
            let store = captured.birth(()).unwrap();
            let fresh = store.accessible_pages();
            let mut born = World { store, instance: world.instance };
            assert_eq!(born.call("kept_sum", &[]), [Val::I64(4950)]);
            let depth = if always { 6 } else { 14 };
            assert_eq!(born.call("tree", &[Val::I32(depth)]), [Val::I32(1 << depth)]);
            born.call("keep", &[Val::I32(3)]);
            assert_eq!(born.call("kept_sum", &[]), [Val::I64(3)]);
            let engine = born.store.engine();
            born.store.recycle();
            engine.settle();
            let again = captured.birth(()).unwrap();
            assert!(again.is_reused());
            assert!(again.accessible_pages() == fresh, "a reset restores every byte");
        }
    });
}

#[test]
fn references_to_the_host_are_not_captured() {
    let text = r#"(module (type $b (struct (field anyref)))
      (global $g (export "g") (mut (ref null $b)) (ref.null $b))
      (func (export "keep") (param externref)
        (global.set $g (struct.new $b (any.convert_extern (local.get 0))))))"#;
    let engine = engine(false);
    let module = module(&engine, text);
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
    let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
    let keep = instance.func(&store, "keep").unwrap();
    keep.call(&mut store, &[Val::ExternRef(Some(9))]).unwrap();
    assert!(matches!(store.capture(), Err(CaptureError::ExternRef)));
    keep.call(&mut store, &[Val::ExternRef(None)]).unwrap();
    store.capture().unwrap();
}

#[test]
fn handles_keep_objects_follow_them_and_go_stale() {
    both(|always| {
        let mut world = World::new(always);
        let made = world.call("make", &[Val::I64(41)])[0];
        let Val::AnyRef(Some(handle)) = made else { panic!("{made:?}") };
        world.call("churn", &[Val::I32(2000)]);
        assert_eq!(world.call("value", &[made]), [Val::I64(41)]);
        handle.set(&mut world.store, 1, Val::I64(42)).unwrap();
        assert_eq!(world.call("value", &[made]), [Val::I64(42)]);
        assert_eq!(handle.kind(&world.store), Ok(HeapType::Struct));
        assert_eq!(handle.get(&mut world.store, 2), Err(GcError::OutOfBounds));
        assert_eq!(handle.set(&mut world.store, 1, Val::I32(0)), Err(GcError::WrongType));
        assert_eq!(handle.len(&world.store), Ok(2));
        world.store.release_refs();
        assert_eq!(handle.get(&mut world.store, 1), Err(GcError::Stale));
        let value = world.func("value");
        assert!(value.call(&mut world.store, &[made]).is_err(), "a stale handle is no argument");
    });
}

#[test]
fn the_host_makes_objects_of_a_modules_types() {
    both(|always| {
        let mut world = World::new(always);
        let World { store, instance } = &mut world;
        let node = |store: &mut Store<()>, next: Val, value: i64| {
            GcRef::new_struct(store, *instance, 0, &[next, Val::I64(value)]).unwrap()
        };
        let first = node(store, Val::AnyRef(None), 1);
        let second = node(store, Val::AnyRef(Some(first)), 2);
        let next = second.get(store, 0).unwrap();
        let Val::AnyRef(Some(next)) = next else { panic!("{next:?}") };
        assert!(next.is_same(store, &first) && !next.is_same(store, &second));
        let elements = [Val::AnyRef(Some(first)), Val::AnyRef(None), Val::AnyRef(Some(second))];
        let array = GcRef::new_array(store, *instance, 2, &elements).unwrap();
        assert_eq!(array.len(store), Ok(3));
        assert_eq!(array.get(store, 1), Ok(Val::AnyRef(None)));
        let integer = GcRef::new_i31(store, -7);
        assert_eq!(integer.as_i31(store), Some(-7));
        let wrong = GcRef::new_array(store, *instance, 2, &[Val::AnyRef(Some(integer))]);
        assert_eq!(wrong, Err(GcError::WrongType));
        assert_eq!(GcRef::new_struct(store, *instance, 2, &[]), Err(GcError::Kind));
        assert_eq!(world.call("value", &[Val::AnyRef(Some(second))]), [Val::I64(2)]);
    });
}

#[test]
fn many_stores_collect_on_two_threads_at_once() {
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut world = World::new(false);
                for _ in 0..20 {
                    assert_eq!(world.call("tree", &[Val::I32(10)]), [Val::I32(1024)]);
                    assert_eq!(world.call("through_host", &[]), [Val::I64(90)]);
                }
            });
        }
    });
}

#[test]
fn a_collection_ends_at_the_deadline_and_leaves_nothing_that_can_be_used() {
    let mut world = World::new(true);
    world.call("keep", &[Val::I32(10)]);
    let captured = world.store.capture().unwrap();
    let fresh = captured.birth(()).unwrap().accessible_pages();
    world.store = captured.birth(()).unwrap();
    let World { store, instance } = &mut world;
    // More references than a collection follows between two looks at the deadline.
    let elements = vec![Val::AnyRef(None); 100_000];
    let array = GcRef::new_array(store, *instance, 2, &elements).unwrap();
    store.set_deadline(Some(std::time::Instant::now()));
    let made = GcRef::new_struct(store, *instance, 0, &[Val::AnyRef(None), Val::I64(1)]);
    assert_eq!(made, Err(GcError::Interrupted));
    assert!(store.is_poisoned());
    assert_eq!(array.len(store), Err(GcError::Stale));
    let made = GcRef::new_struct(store, *instance, 0, &[Val::AnyRef(None), Val::I64(1)]);
    assert_eq!(made, Err(GcError::Interrupted));
    store.collect_garbage();
    let engine = store.engine();
    world.store.recycle();
    engine.settle();
    let again = captured.birth(()).unwrap();
    assert!(again.is_reused() && again.accessible_pages() == fresh);
}

/// Each export collects a heap that is full of references, or works on arrays, without an end.
const ENDLESS: &str = r#"(module
  (type $node (struct (field (mut (ref null $node)))))
  (type $nodes (array (mut (ref null $node))))
  (type $bytes (array (mut i8)))
  (data $d "0123456789") (elem $e (ref null $node) (item (struct.new $node (ref.null $node))))
  (global $kept (mut (ref null $nodes)) (ref.null $nodes))
  (func $keep (global.set $kept (array.new_default $nodes (i32.const 3000000))))
  (func (export "objects") (call $keep) (loop (drop (struct.new_default $node)) (br 0)))
  (func (export "lists") (local $list (ref null $node)) (local $i i32)
    (loop $again
      (local.set $list (ref.null $node)) (local.set $i (i32.const 100000))
      (loop $more
        (local.set $list (struct.new $node (local.get $list)))
        (br_if $more (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (br $again)))
  (func (export "arrays") (call $keep)
    (loop (drop (array.new $bytes (i32.const 1) (i32.const 1000))) (br 0)))
  (func (export "from data") (call $keep)
    (loop (drop (array.new_data $bytes $d (i32.const 0) (i32.const 10))) (br 0)))
  (func (export "from elements") (call $keep)
    (loop (drop (array.new_elem $nodes $e (i32.const 0) (i32.const 1))) (br 0)))
  (func (export "fill") (call $keep)
    (loop
      (array.fill $nodes (global.get $kept) (i32.const 0) (ref.null $node) (i32.const 3000000)) (br 0)))
  (func (export "copy") (call $keep)
    (loop
      (array.copy $nodes $nodes (global.get $kept) (i32.const 1) (global.get $kept) (i32.const 0)
        (i32.const 2999999)) (br 0)))
  (func (export "fine") (result i32) (i32.const 42)))"#;

#[test]
fn deadlines_end_guests_that_collect_or_work_on_arrays() {
    let engine = engine(false);
    let module = module(&engine, ENDLESS);
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
    let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
    let captured = store.capture().unwrap();
    let kinds = ["objects", "lists", "arrays", "from data", "from elements", "fill", "copy"];
    // Soon enough for some to end in the first collections, late enough for others to be well inside.
    for (kind, milliseconds) in kinds.into_iter().flat_map(|kind| [(kind, 5), (kind, 60)]) {
        let mut store = captured.birth(()).unwrap();
        let end = std::time::Instant::now() + std::time::Duration::from_millis(milliseconds);
        store.set_deadline(Some(end));
        let func = instance.func(&store, kind).unwrap();
        let trap = func.call(&mut store, &[]).unwrap_err();
        assert_eq!(trap.trap_code(), Some(TrapCode::Interrupted), "{kind}: {trap:?}");
        assert!(store.is_poisoned(), "{kind}");
        store.recycle();
        let mut again = captured.birth(()).unwrap();
        let fine = instance.func(&again, "fine").unwrap();
        assert_eq!(fine.call(&mut again, &[]).unwrap(), [Val::I32(42)], "{kind}");
        again.recycle();
    }
}
