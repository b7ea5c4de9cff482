//! Exceptions inside guests: what is caught where, and what survives it.
//!
//! Most run optimised and not, with collections as they come and with one before every object.

use std::time::{Duration, Instant};

use faasm_compiler::{CompileOptions, OptLevel, compile, validate};
use faasm_vm::{
    Engine, EngineConfig, Extern, Instance, InstantiateError, Linker, Module, Store, StoreLimits,
    Trap, TrapCode, Val,
};

use crate::support::{arena, faaslet, key, module};

const PROGRAM: &str = include_str!("exceptions.wat");

struct World {
    store: Store<()>,
    instance: Instance,
}

fn engine(collect_always: bool) -> Engine {
    let mut config = EngineConfig::new(key());
    config.collect_always = collect_always;
    config.stack_bytes = 16 << 20;
    config.arena_bytes = 64 << 30;
    Engine::new(config).unwrap()
}

impl World {
    fn new(collect_always: bool, opt: OptLevel) -> Self {
        let engine = engine(collect_always);
        let wasm = wat::parse_str(PROGRAM).unwrap();
        let options = CompileOptions { opt, ..CompileOptions::default() };
        let object = compile(&validate(&wasm).unwrap(), &options).unwrap();
        let module = Module::load(&engine, &key().seal(object)).unwrap();
        let limits = StoreLimits { gc_heap_bytes: 1 << 20, ..StoreLimits::default() };
        let mut store = Store::for_module(&engine, &module, limits, ()).unwrap();
        let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
        Self { store, instance }
    }

    fn call(&mut self, name: &str, args: &[Val]) -> Vec<Val> {
        self.try_call(name, args).unwrap_or_else(|trap| panic!("{name}: {trap:?}"))
    }

    fn try_call(&mut self, name: &str, args: &[Val]) -> Result<Vec<Val>, Trap> {
        let func = self.instance.func(&self.store, name).unwrap();
        func.call(&mut self.store, args)
    }
}

fn both(test: impl Fn(&mut World)) {
    for opt in [OptLevel::Speed, OptLevel::None] {
        test(&mut World::new(false, opt));
        test(&mut World::new(true, opt));
    }
}

#[test]
fn the_first_clause_that_matches_has_it() {
    both(|world| {
        for (kind, expected) in [(0, 100), (1, 207), (2, 303), (3, 400)] {
            assert_eq!(world.call("which", &[Val::I32(kind)]), [Val::I32(expected)], "{kind}");
        }
    });
}

#[test]
fn what_no_clause_matches_goes_to_the_enclosing_try_and_then_out() {
    both(|world| {
        assert_eq!(world.call("enclosing", &[Val::I32(1)]), [Val::I32(1)], "the inner one's");
        assert_eq!(world.call("enclosing", &[Val::I32(2)]), [Val::I32(20)], "the outer one's");
        let trap = world.try_call("enclosing", &[Val::I32(3)]).unwrap_err();
        assert!(trap.exception().is_some() && trap.trap_code().is_none(), "{trap:?}");
        assert_eq!(trap.to_string(), "uncaught exception");
        let names: Vec<_> =
            trap.backtrace().frames().iter().filter_map(|frame| frame.name.as_deref()).collect();
        assert_eq!(names, ["enclosing"], "thrown again where nothing matched");
    });
}

#[test]
fn throws_inside_one_function_need_no_frames() {
    both(|world| {
        assert_eq!(world.call("local", &[Val::I32(5)]), [Val::I32(5), Val::I64(-5)]);
        assert_eq!(world.call("local", &[Val::I32(0)]), [Val::I32(0), Val::I64(1)]);
    });
}

#[test]
fn a_payload_of_all_types_arrives() {
    both(|world| {
        let args = [
            Val::I32(-1),
            Val::I64(i64::MIN),
            Val::F32(0x7fc0_0001),
            Val::F64(1.5_f64.to_bits()),
            Val::V128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff),
            Val::ExternRef(Some(77)),
        ];
        let mut results = world.call("payload", &args);
        assert!(matches!(results.pop(), Some(Val::FuncRef(Some(_)))));
        assert_eq!(results.pop(), Some(Val::I32(31)), "the structure that went with it");
        assert_eq!(results, args);
        let trap = world.try_call("throw_all", &args).unwrap_err();
        let exception = trap.exception().unwrap();
        let Some(Extern::Tag(tag)) = world.instance.export(&world.store, "all") else { panic!() };
        assert_eq!(exception.tag(&world.store), Ok(tag));
        let payload = exception.payload(&mut world.store).unwrap();
        assert_eq!((payload.len(), &payload[..6]), (8, &args[..]));
        let Val::AnyRef(Some(object)) = payload[6] else { panic!("{payload:?}") };
        assert_eq!(object.get(&mut world.store, 0), Ok(Val::I32(31)));
    });
}

#[test]
fn live_values_of_all_types_survive_a_landing_in_a_loop() {
    both(|world| {
        let args = [
            Val::I32(3),
            Val::I64(1 << 40),
            Val::F32(1.5_f32.to_bits()),
            Val::F64((-2.5_f64).to_bits()),
            Val::V128(u128::MAX / 3),
        ];
        let results = world.call("loop", &args);
        assert_eq!(results[..5], args);
        // Ten rounds, of which those with an odd number throw it.
        assert_eq!(results[5..], [Val::I32(1 + 3 + 5 + 7 + 9), Val::I32(31)]);
    });
}

#[test]
fn a_landing_sees_the_locals_of_the_call_that_threw() {
    both(|world| {
        for (fails, expected) in
            [(0, 1 + 100), (1, 1 + 10 + 100), (2, 1 + 20 + 200), (3, 15 + 20 + 200)]
        {
            assert_eq!(world.call("progress", &[Val::I32(fails)]), [Val::I32(expected)], "{fails}");
        }
    });
}

#[test]
fn an_exception_is_thrown_again_with_its_identity() {
    both(|world| {
        assert_eq!(world.call("again", &[]), [Val::I32(12)]);
        let code = world.try_call("throw_null", &[]).unwrap_err().trap_code();
        assert_eq!(code, Some(TrapCode::NullException));
    });
}

#[test]
fn every_kind_of_call_is_covered_but_not_a_tail_call() {
    both(|world| {
        for kind in 0..3 {
            assert_eq!(world.call("kinds", &[Val::I32(kind)]), [Val::I32(7)], "{kind}");
        }
        assert!(world.try_call("tail", &[]).unwrap_err().exception().is_some());
        assert_eq!(world.call("around_tail", &[]), [Val::I32(7)]);
    });
}

#[test]
fn arguments_and_results_on_the_stack_are_what_they_were() {
    both(|world| {
        // Every second call throws; between them forty results come back.
        assert_eq!(world.call("wide", &[Val::I32(10)]), [Val::I64(5 * 780 + 5 * 1000)]);
    });
}

#[test]
fn a_frame_of_many_pages_is_landed_in() {
    let n = 3000_i64;
    let names: Vec<_> = (0..n).map(|at| format!("$l{at}")).collect();
    let declared: String = names.iter().map(|name| format!("(local {name} i64)")).collect();
    let set: String = names
        .iter()
        .map(|name| format!("(local.set {name} (i64.mul (local.get $x) (call $next)))"))
        .collect();
    let sum: String = names.iter().map(|name| format!("(local.get {name}) i64.add ")).collect();
    let (mut store, instance) = faaslet(&format!(
        r#"(module (tag $t (param i64)) (global $g (mut i64) (i64.const 0))
          (func $next (result i64)
            (global.set $g (i64.add (global.get $g) (i64.const 1))) (global.get $g))
          (func $throw (throw $t (i64.const -1)))
          (func (export "f") (param $x i64) (result i64) {declared} {set}
            (block $caught (result i64)
              (try_table (catch $t $caught) (call $throw)) (unreachable))
            {sum}))"#
    ));
    let f = instance.func(&store, "f").unwrap();
    let result = f.call(&mut store, &[Val::I64(2)]).unwrap();
    assert_eq!(result, [Val::I64(2 * n * (n + 1) / 2 - 1)]);
}

#[test]
fn a_hundred_thousand_frames_are_left_at_once() {
    let mut world = World::new(false, OptLevel::Speed);
    for _ in 0..3 {
        assert_eq!(world.call("deep", &[Val::I32(100_000)]), [Val::I32(7)]);
    }
}

#[test]
fn exceptions_that_nobody_holds_are_collected() {
    let mut world = World::new(false, OptLevel::Speed);
    // Each has 32 bytes and more: many times the heap's limit of a MiB.
    assert_eq!(world.call("many", &[Val::I32(300_000)]), [Val::I32(300_000)]);
    let hoarded = world.try_call("hoard", &[]).unwrap_err();
    assert_eq!(hoarded.trap_code(), Some(TrapCode::GcHeapExhausted), "unlike these");
}

#[test]
fn traps_are_not_caught() {
    both(|world| {
        for (kind, code) in [
            (0, TrapCode::Unreachable),
            (1, TrapCode::IntegerDivideByZero),
            (2, TrapCode::StackOverflow),
        ] {
            let trap = world.try_call("traps", &[Val::I32(kind)]).unwrap_err();
            assert_eq!(trap.trap_code(), Some(code));
        }
        assert_eq!(world.call("around_tail", &[]), [Val::I32(7)], "the store can go on");
    });
}

#[test]
fn an_interrupt_is_not_caught_and_poisons() {
    let mut world = World::new(false, OptLevel::Speed);
    world.store.set_deadline(Some(Instant::now() + Duration::from_millis(30)));
    let trap = world.try_call("forever", &[]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::Interrupted));
    assert!(world.store.is_poisoned());
}

#[test]
fn an_exception_in_the_start_function_ends_the_instantiation() {
    let engine = engine(false);
    let module = module(&engine, "(module (tag $t) (start $s) (func $s (throw $t)))");
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
    let error = Linker::new(&engine).instantiate(&mut store, &module).unwrap_err();
    assert!(matches!(error, InstantiateError::Trap(trap) if trap.exception().is_some()));
}

#[test]
fn two_threads_throw_at_once() {
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut world = World::new(false, OptLevel::Speed);
                for _ in 0..50 {
                    assert_eq!(world.call("many", &[Val::I32(2000)]), [Val::I32(2000)]);
                    assert_eq!(world.call("deep", &[Val::I32(500)]), [Val::I32(7)]);
                }
            });
        }
    });
}

#[test]
fn a_catcher_has_its_own_instance_again() {
    let thrower = r#"(module
      (tag $t (export "t") (param i32)) (tag $other (export "other"))
      (memory 1) (global $g (mut i32) (i32.const 1000))
      (table (export "table") 1 funcref)
      (type $f (func))
      (func (export "throw") (param i32)
        (i32.store (i32.const 0) (local.get 0)) (global.set $g (local.get 0))
        (if (i32.eqz (local.get 0)) (then (throw $other)))
        (throw $t (local.get 0)))
      ;; The callee is the other instance's, and throws.
      (func (export "call_back") (result i32)
        (block $caught (result i32)
          (try_table (catch $t $caught) (call_indirect (type $f) (i32.const 0)))
          (unreachable))
        (i32.add (i32.load (i32.const 0))) (i32.add (global.get $g))))"#;
    let catcher = r#"(module
      (import "m0" "t" (tag $t (param i32))) (import "m0" "throw" (func $throw (param i32)))
      (import "m0" "table" (table 1 funcref)) (import "m0" "call_back" (func $call_back (result i32)))
      (import "m0" "t" (tag $same (param i32)))
      (memory 1) (data (i32.const 0) "\05") (global $g (mut i32) (i32.const 7))
      (func (export "catch") (param i32) (result i32)
        (block $caught (result i32)
          (try_table (catch $same $caught) (call $throw (local.get 0)))
          (unreachable))
        (i32.add (i32.load (i32.const 0))) (i32.add (global.get $g)))
      (func $thrower (global.set $g (i32.const 9)) (throw $t (i32.const 10000)))
      (elem (i32.const 0) $thrower)
      (func (export "back") (result i32) (i32.add (call $call_back) (global.get $g))))"#;
    let engine = engine(false);
    let mut store = arena(&engine);
    let mut linker = Linker::new(&engine);
    let first = linker.instantiate(&mut store, &module(&engine, thrower)).unwrap();
    linker.instance(&store, "m0", first);
    let second = linker.instantiate(&mut store, &module(&engine, catcher)).unwrap();
    let catch = second.func(&store, "catch").unwrap();
    assert_eq!(catch.call(&mut store, &[Val::I32(100)]).unwrap(), [Val::I32(100 + 5 + 7)]);
    let back = second.func(&store, "back").unwrap();
    assert_eq!(back.call(&mut store, &[]).unwrap(), [Val::I32(10_000 + 100 + 100 + 9)]);
    let trap = catch.call(&mut store, &[Val::I32(0)]).unwrap_err();
    let Some(Extern::Tag(other)) = first.export(&store, "other") else { panic!() };
    assert_eq!(trap.exception().unwrap().tag(&store), Ok(other));
    assert_eq!(catch.call(&mut store, &[Val::I32(1)]).unwrap(), [Val::I32(1 + 5 + 9)]);
}

#[test]
fn a_born_store_throws_what_was_captured() {
    let (mut store, instance) = faaslet(
        r#"(module (tag $t (param i64))
          (global $g (mut exnref) (ref.null exn)) (table $table 2 exnref)
          (func $take (param i64) (result exnref)
            (block $caught (result i64 exnref)
              (try_table (catch_ref $t $caught) (throw $t (local.get 0)))
              (unreachable))
            (return))
          (func (export "keep")
            (global.set $g (call $take (i64.const 5)))
            (table.set $table (i32.const 1) (call $take (i64.const 6))))
          (func (export "sum") (result i64)
            (block $first (result i64)
              (try_table (catch $t $first) (throw_ref (global.get $g)))
              (unreachable))
            (block $second (result i64)
              (try_table (catch $t $second) (throw_ref (table.get $table (i32.const 1))))
              (unreachable))
            (i64.add)))"#,
    );
    instance.func(&store, "keep").unwrap().call(&mut store, &[]).unwrap();
    let sum = instance.func(&store, "sum").unwrap();
    let captured = store.capture().unwrap();
    for _ in 0..2 {
        let mut born = captured.birth(()).unwrap();
        assert_eq!(sum.call(&mut born, &[]).unwrap(), [Val::I64(11)]);
        born.recycle();
    }
}
