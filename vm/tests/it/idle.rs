//! Slots at rest: how many are kept, and that they make room for whoever needs it.

use faasm_vm::{
    BirthError, Captured, Engine, EngineConfig, Func, Linker, Module, Store, StoreError,
    StoreLimits, Val,
};

use crate::support::{key, object};

/// Answers a number of its own, and how much memory it had before it asked for one page more.
const GUEST: &str = r#"(module (memory 1)
  (func (export "f") (result i32) (i32.const 42))
  (func (export "grow") (result i32) (memory.grow (i32.const 1))))"#;

/// What one function's slot has, and what a module and its capture have.
const OF_SLOT: usize = 2;
const OF_FUNCTION: usize = 5;

struct Function {
    captured: Captured,
    f: Func,
    grow: Func,
}

fn engine(set: impl FnOnce(&mut EngineConfig)) -> Engine {
    let mut config = EngineConfig::new(key());
    set(&mut config);
    Engine::new(config).unwrap()
}

fn function(engine: &Engine) -> Function {
    let module = Module::load(engine, &object(GUEST)).unwrap();
    let mut store = Store::for_module(engine, &module, StoreLimits::default(), ()).unwrap();
    let instance = Linker::new(engine).instantiate(&mut store, &module).unwrap();
    let func = |name| instance.func(&store, name).unwrap();
    let (f, grow) = (func("f"), func("grow"));
    Function { captured: store.capture().unwrap(), f, grow }
}

impl Function {
    fn births(&self, count: usize) -> Vec<Store<()>> {
        (0..count).map(|_| self.captured.birth(()).unwrap()).collect()
    }

    fn rest(&self, count: usize) {
        self.births(count).into_iter().for_each(Store::recycle);
    }

    fn answers(&self, store: &mut Store<()>) {
        assert_eq!(self.f.call(store, &[]).unwrap(), [Val::I32(42)]);
    }
}

#[test]
fn a_captured_store_keeps_no_more_slots_than_it_may() {
    let engine = engine(|config| config.idle_slots = 5);
    let function = function(&engine);
    function.rest(9);
    assert_eq!(function.captured.idle_slots(), 5);
    let mut stores = function.births(7);
    assert_eq!(stores.iter().filter(|store| store.is_reused()).count(), 5);
    stores.iter_mut().for_each(|store| function.answers(store));
}

#[test]
fn all_together_keep_no_more_than_they_may() {
    let engine = engine(|config| (config.idle_slots, config.all_idle_slots) = (8, 10));
    let functions: Vec<_> = (0..6).map(|_| function(&engine)).collect();
    let idle = || functions.iter().map(|function| function.captured.idle_slots()).sum::<usize>();
    for count in [1, 6, 8, 3] {
        for function in &functions {
            function.rest(count);
            assert!(function.captured.idle_slots() > 0, "who was used last has a slot at rest");
            assert!(idle() <= 10, "{}", idle());
        }
    }
    drop(functions);
    let function = function(&engine);
    function.rest(8);
    assert_eq!(function.captured.idle_slots(), 8, "captured stores that are gone hold nothing");
}

#[test]
fn the_slot_that_was_used_last_serves_first() {
    let engine = engine(|_| {});
    let function = function(&engine);
    let mut stores = function.births(3);
    let last = stores.remove(1);
    let address = last.slot_address();
    stores.into_iter().for_each(Store::recycle);
    last.recycle();
    assert_eq!(function.captured.birth(()).unwrap().slot_address(), address);
}

#[test]
fn slots_at_rest_make_room_for_others() {
    // Two functions, and ten slots.
    let engine = engine(|config| config.mappings = Some(2 * OF_FUNCTION + 10 * OF_SLOT));
    let idle = function(&engine);
    let busy = function(&engine);
    idle.rest(8);
    let mut stores = busy.births(10);
    assert_eq!(idle.captured.idle_slots(), 0);

    let error = busy.captured.birth(()).unwrap_err();
    assert!(matches!(error, BirthError::Mappings(_)), "{error:?}");
    assert!(error.to_string().contains("all 30 mappings"), "{error}");
    assert!(matches!(idle.captured.birth(()), Err(BirthError::Mappings(_))));
    let made = Store::new(&engine, StoreLimits::default(), ());
    assert!(matches!(made, Err(StoreError::Mappings(_))));

    // Those that live are as they were, and what they leave is room again.
    stores.iter_mut().for_each(|store| busy.answers(store));
    stores.pop().unwrap().recycle();
    idle.answers(&mut idle.captured.birth(()).unwrap());
    assert_eq!(busy.captured.idle_slots(), 0);
}

#[test]
fn growth_takes_mappings_until_the_reset() {
    let engine = engine(|config| config.mappings = Some(OF_FUNCTION + 3 * OF_SLOT + 1));
    let function = function(&engine);
    let grow = |store: &mut Store<()>| function.grow.call(store, &[]).unwrap()[0];
    for _ in 0..2 {
        let mut stores = function.births(3);
        assert_eq!(grow(&mut stores[0]), Val::I32(1));
        assert_eq!(grow(&mut stores[0]), Val::I32(2));
        assert_eq!(grow(&mut stores[1]), Val::I32(-1));
        stores.iter_mut().for_each(|store| function.answers(store));
        stores.remove(0).recycle();
        assert_eq!(grow(&mut stores[1]), Val::I32(1));
        stores.into_iter().for_each(Store::recycle);
    }
}

#[test]
fn a_module_that_is_loaded_takes_room_of_slots_at_rest() {
    let engine = engine(|config| config.mappings = Some(OF_FUNCTION + 4 * OF_SLOT));
    let first = function(&engine);
    first.rest(4);
    let second = function(&engine);
    assert!(first.captured.idle_slots() < 4);
    second.answers(&mut second.captured.birth(()).unwrap());
}

#[test]
fn threads_that_want_all_there_is_keep_the_bounds_and_lose_nothing() {
    const SLOTS: usize = 12;
    let engine = engine(|config| {
        (config.idle_slots, config.all_idle_slots) = (4, 6);
        config.mappings = Some(3 * OF_FUNCTION + SLOTS * OF_SLOT);
    });
    let functions: Vec<_> = (0..3).map(|_| function(&engine)).collect();
    let refused: usize = std::thread::scope(|scope| {
        let work = |thread: usize| {
            let mut refused = 0;
            for round in 0..400 {
                let function = &functions[(round + thread) % 3];
                let mut stores: Vec<_> = (0..1 + (round * 7 + thread) % 6)
                    .filter_map(|_| function.captured.birth(()).ok())
                    .collect();
                refused += 1 + (round * 7 + thread) % 6 - stores.len();
                stores.iter_mut().for_each(|store| function.answers(store));
                stores.into_iter().for_each(Store::recycle);
            }
            refused
        };
        let threads: Vec<_> = (0..3).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    println!("{refused} births were refused");
    let idle: usize = functions.iter().map(|function| function.captured.idle_slots()).sum();
    assert!(idle <= 6, "{idle} slots are at rest");
    // Every mapping was given back.
    let stores = functions[0].births(SLOTS);
    assert!(matches!(functions[1].captured.birth(()), Err(BirthError::Mappings(_))));
    drop(stores);
}
