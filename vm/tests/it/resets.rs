//! Which slots are born again, and what becomes of those whose mappings a call has changed.

use faasm_vm::{Captured, Engine, EngineConfig, Func, Linker, Store, StoreLimits, TrapCode, Val};

use crate::support::{engine, key, module};

/// Grows, and writes what it grew; writes pages from the first on; reads.
const FUNCTIONS: &str = r#"
  (func (export "grow") (param $pages i32)
    (local $at i32)
    (local.set $at (i32.shl (memory.grow (local.get $pages)) (i32.const 16)))
    (memory.fill (local.get $at) (i32.const 0xaa) (i32.shl (local.get $pages) (i32.const 16))))
  (func (export "write") (param $bytes i32)
    (memory.fill (i32.const 0) (i32.const 0xbb) (local.get $bytes)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))"#;

struct World {
    engine: Engine,
    captured: Captured,
    grow: Func,
    write: Func,
    load: Func,
}

impl World {
    /// With so many pages of memory.
    fn new(engine: Engine, pages: u32) -> Self {
        let module = module(&engine, &format!("(module (memory {pages} 2000) {FUNCTIONS}"));
        let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
        let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
        let func = |name| instance.func(&store, name).unwrap();
        let (grow, write, load) = (func("grow"), func("write"), func("load"));
        Self { captured: store.capture().unwrap(), engine, grow, write, load }
    }

    fn birth(&self) -> Store<()> {
        self.captured.birth(()).unwrap()
    }

    /// A life in which one function is called.
    fn live(&self, func: Func, argument: i32) {
        let mut store = self.birth();
        func.call(&mut store, &[Val::I32(argument)]).unwrap();
        store.recycle();
    }
}

/// Bytes of two pages.
const MEMORY: i32 = 2 << 16;

#[test]
fn the_life_after_one_that_grew_faults_beyond_its_own_memory() {
    let world = World::new(engine(), 2);
    // Pages, and more than is worth keeping page tables for.
    for pages in [1, 3, 900] {
        world.live(world.grow, pages);
        world.engine.settle();
        assert_eq!(world.captured.idle_slots(), 1);
        let mut store = world.birth();
        assert!(store.is_reused());
        for at in [MEMORY, MEMORY + (pages << 16) - 4] {
            let trap = world.load.call(&mut store, &[Val::I32(at)]).unwrap_err();
            assert_eq!(trap.trap_code(), Some(TrapCode::MemoryOutOfBounds), "{pages} pages, {at}");
        }
        store.recycle();
    }
}

#[test]
fn lives_that_all_grow_take_no_more_slots_and_mappings_than_may_wait() {
    let world = World::new(engine(), 2);
    let before = mappings();
    for _ in 0..2000 {
        world.live(world.grow, 1);
    }
    world.engine.settle();
    let slots = world.captured.idle_slots();
    // 64 that wait, as many in the thread's hands, and the one that lives.
    assert!((1..=129).contains(&slots), "{slots} slots");
    // The accessible part of each, and what lies between it and the next.
    let taken = mappings() - before;
    assert!(taken <= 3 * slots, "{taken} mappings for {slots} slots");
    let born: Vec<_> = (0..=slots).map(|_| world.birth()).collect();
    let fresh = born.last().unwrap();
    assert!(!fresh.is_reused());
    let pages = fresh.accessible_pages();
    assert!(born.iter().all(|store| store.accessible_pages() == pages), "each is as a fresh one");
}

fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

#[test]
fn a_slot_that_was_written_far_more_than_calls_do_gives_the_pages_back() {
    let world = World::new(engine(), 1024);
    let (spike, own) = (48 << 20, resident());
    world.live(world.write, spike);
    let full = resident();
    assert!(full - own > 40 << 10, "{own} KiB, {full} KiB: a copy of every page");
    // One that writes as much again finds them there.
    world.live(world.write, spike);
    assert_eq!(world.captured.idle_slots(), 1);
    world.live(world.write, 4);
    world.engine.settle();
    let left = resident();
    assert!(left < own + (8 << 10), "{own} KiB, then {full} KiB, then {left} KiB");
    let mut store = world.birth();
    assert!(store.is_reused());
    assert_eq!(world.load.call(&mut store, &[Val::I32(spike - 4)]).unwrap(), [Val::I32(0)]);
}

/// KiB of anonymous pages of this process (proc(5)).
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn each_thread_is_given_the_slot_that_it_used_last() {
    let world = World::new(engine(), 2);
    let life = |_| {
        let store = world.birth();
        let slot = store.slot_address();
        store.recycle();
        slot
    };
    let both = std::sync::Barrier::new(2);
    let thread = || -> Vec<usize> {
        // Each has a slot before the first is given back.
        let store = world.birth();
        both.wait();
        store.recycle();
        both.wait();
        (0..100).map(life).collect()
    };
    let (own, theirs) = std::thread::scope(|scope| {
        let other = scope.spawn(thread);
        (thread(), other.join().unwrap())
    });
    if std::thread::available_parallelism().is_ok_and(|count| count.get() % 2 == 0) {
        assert!(
            own.iter().all(|slot| *slot == own[0]) && theirs.iter().all(|slot| *slot == theirs[0])
        );
        assert_ne!(own[0], theirs[0]);
    }
    assert_eq!(world.captured.idle_slots(), 2);
}

#[test]
fn no_more_slots_rest_than_the_engine_allows() {
    for most in [0, 1, 3, 9] {
        let mut config = EngineConfig::new(key());
        config.idle_slots = most;
        let world = World::new(Engine::new(config).unwrap(), 1);
        let born: Vec<_> = (0..12).map(|_| world.birth()).collect();
        born.into_iter().for_each(Store::recycle);
        world.engine.settle();
        assert_eq!(world.captured.idle_slots(), most);
    }
}

#[test]
fn slots_go_with_the_last_handle_of_what_they_were_born_from() {
    let world = World::new(engine(), 2);
    let (mut living, resting) = (world.birth(), world.birth());
    resting.recycle();
    let before = mappings();
    let World { captured, grow, load, engine, .. } = world;
    drop(captured.clone());
    assert_eq!(captured.idle_slots(), 1);
    drop(captured);
    assert!(mappings() < before, "the slot at rest is gone");
    grow.call(&mut living, &[Val::I32(2)]).unwrap();
    assert_eq!(
        load.call(&mut living, &[Val::I32(MEMORY)]).unwrap(),
        [Val::I32(0xaaaa_aaaa_u32.cast_signed())]
    );
    living.recycle();
    engine.settle();
    drop(engine);
}
