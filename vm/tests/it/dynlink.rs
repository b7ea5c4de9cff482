//! Libraries that a guest loads while it runs: symbols, addresses, order, circles, hostile ones; and captures, births,
//! resets and snapshots of stores that have some.

use std::sync::{Arc, Mutex, OnceLock};

use faasm_vm::dynlink::{self, Binding, Candidate, DynlinkError, From};
use faasm_vm::{
    Caller, Engine, ExternRefs, Instance, Linker, Module, Store, StoreLimits, StoreSnapshot, Trap,
    TrapCode, Val,
};

use crate::support::{engine, key, module};

/// What a guest can load, and how its last attempt ended.
struct Shelf {
    candidates: Vec<Candidate>,
    linker: OnceLock<Linker<Data>>,
    error: Mutex<String>,
}

type Data = Arc<Shelf>;

/// A program and its libraries, in an engine.
struct World {
    engine: Engine,
    program: Module,
    shelf: Data,
}

/// "NAME" at `64 * n` for the n-th name.
const NAMES: &[&str] = &["a.so", "b.so", "c.so", "d.so", "twice", "a_data", "b_next", "order"];

fn program() -> String {
    let names = NAMES.iter().enumerate();
    let names: String =
        names.map(|(at, name)| format!("(data (i32.const {}) \"{name}\\00\")", at * 64)).collect();
    format!(
        r#"(module $program
          (import "env" "dlopen" (func $open (param i32 i32) (result i32)))
          (import "env" "dlsym" (func $sym (param i32 i32) (result i32)))
          (memory (export "memory") 1 64)
          (table (export "__indirect_function_table") 3 funcref)
          (elem (i32.const 2) func $twice)
          (global (export "__stack_pointer") (mut i32) (i32.const 60000))
          (global (export "order") i32 (i32.const 2048))
          {names}
          (func $twice (export "twice") (param i32) (result i32)
            (i32.mul (local.get 0) (i32.const 2)))
          (func (export "open") (param i32 i32) (result i32)
            (call $open (i32.mul (local.get 0) (i32.const 64)) (local.get 1)))
          (func (export "sym") (param i32 i32) (result i32)
            (call $sym (local.get 0) (i32.mul (local.get 1) (i32.const 64))))
          (func (export "call") (param i32 i32) (result i32)
            (call_indirect (param i32) (result i32) (local.get 1) (local.get 0)))
          (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
          (func (export "table") (result i32) (table.size 0)))"#
    )
}

/// What every library imports.
const PARTS: &str = r#"
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $slots i32))
  (import "env" "__stack_pointer" (global $sp (mut i32)))"#;

/// Needs `b.so`; its constructor writes `1` behind what stands at `order`.
const A: &str = r#"
  (import "env" "twice" (func $twice (param i32) (result i32)))
  (import "env" "b_next" (func $next (param i32) (result i32)))
  (import "GOT.func" "twice" (global $twice_at (mut i32)))
  (import "GOT.func" "b_next" (global $next_at (mut i32)))
  (import "GOT.mem" "order" (global $order (mut i32)))
  (import "GOT.mem" "b_data" (global $b_data (mut i32)))
  (import "GOT.mem" "nothing" (global $nothing (mut i32)))
  (global (export "a_data") i32 (i32.const 4))
  (data (global.get $base) "\01\00\00\00\07\00\00\00")
  (elem (global.get $slots) func $own)
  (func $own (param i32) (result i32) (i32.add (local.get 0) (i32.const 1000)))
  (func (export "__wasm_apply_data_relocs")
    (i32.store offset=8 (global.get $base) (global.get $b_data)))
  (func (export "__wasm_call_ctors")
    (i32.store (global.get $order)
      (i32.add (i32.mul (i32.load (global.get $order)) (i32.const 10)) (i32.const 1))))
  (func (export "a_run") (param i32) (result i32)
    ;; own data, b's data through the relocation, a call of each kind
    (i32.add (i32.load offset=4 (global.get $base))
      (i32.add (i32.load (i32.load offset=8 (global.get $base)))
        (i32.add (call $twice (local.get 0))
          (i32.add (call $next (local.get 0))
            (call_indirect (param i32) (result i32) (local.get 0) (global.get $slots)))))))
  (func (export "a_pointer") (param i32) (result i32)
    (select (global.get $twice_at) (global.get $next_at) (local.get 0)))
  (func (export "a_nothing") (param i32) (result i32) (global.get $nothing))
  (func (export "a_far") (param i32) (result i32) (i32.load (local.get 0)))"#;

const B: &str = r#"
  (import "GOT.mem" "order" (global $order (mut i32)))
  (global (export "b_data") i32 (i32.const 0))
  (data (global.get $base) "\64\00\00\00")
  (func (export "b_next") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func (export "_initialize")
    (i32.store (global.get $order)
      (i32.add (i32.mul (i32.load (global.get $order)) (i32.const 10)) (i32.const 2))))"#;

fn library(dylink: &str, body: &str) -> String {
    format!("(module (@dylink.0 {dylink}) {PARTS} {body})")
}

fn liba() -> String {
    library(
        r#"(mem-info (memory 12 4) (table 1 0)) (needed "b.so")
           (import-info "GOT.mem" "nothing" 0x1)"#,
        A,
    )
}

fn libb() -> String {
    library("(mem-info (memory 4 2) (table 0 0))", B)
}

fn world(libraries: &[(&str, String)]) -> World {
    let engine = engine();
    let program = module(&engine, &program());
    let candidate = |(name, text): &(&str, String)| Candidate {
        name: format!("/lib/{name}"),
        module: module(&engine, text),
    };
    let candidates = libraries.iter().map(candidate).collect();
    let shelf =
        Arc::new(Shelf { candidates, linker: OnceLock::new(), error: Mutex::new(String::new()) });
    assert!(shelf.linker.set(linker(&engine)).is_ok());
    World { engine, program, shelf }
}

fn linker(engine: &Engine) -> Linker<Data> {
    let mut linker = Linker::new(engine);
    linker.func_wrap("env", "dlopen", open).unwrap();
    linker.func_wrap("env", "dlsym", sym).unwrap();
    linker.func_wrap("env", "of_host", |_: Caller<'_, Data>, number: i32| number + 500).unwrap();
    linker
}

/// Flags: 1 lazy, 2 global.
fn open(mut caller: Caller<'_, Data>, name: u32, flags: u32) -> Result<u32, Trap> {
    let name = String::from_utf8(caller.memory().unwrap().read_cstr(name, 64).unwrap()).unwrap();
    let shelf = Arc::clone(caller.data());
    let binding = Binding { lazy: flags & 1 != 0, global: flags & 2 != 0 };
    let linker = shelf.linker.get().unwrap();
    match dynlink::open(&mut caller, linker, &shelf.candidates, &name, binding) {
        Ok(library) => Ok(library.index() + 1),
        Err(DynlinkError::Trap(trap)) => Err(trap),
        Err(error) => {
            *shelf.error.lock().unwrap() = error.to_string();
            Ok(0)
        }
    }
}

fn sym(mut caller: Caller<'_, Data>, handle: u32, name: u32) -> Result<u32, Trap> {
    let name = String::from_utf8(caller.memory().unwrap().read_cstr(name, 64).unwrap()).unwrap();
    let from = match handle {
        0 => From::Everything,
        handle => From::Library(dynlink::Library::at(&caller, handle - 1).unwrap()),
    };
    Ok(dynlink::symbol(&mut caller, from, &name).map_err(Trap::host)?.unwrap_or(0))
}

impl World {
    fn store(&self) -> (Store<Data>, Instance) {
        let data = Arc::clone(&self.shelf);
        let limits = StoreLimits { table_elements: 1000, ..StoreLimits::default() };
        let mut store = Store::for_module(&self.engine, &self.program, limits, data).unwrap();
        let linker = self.shelf.linker.get().unwrap();
        let instance = linker.instantiate(&mut store, &self.program).unwrap();
        (store, instance)
    }

    fn error(&self) -> String {
        self.shelf.error.lock().unwrap().clone()
    }
}

fn name(wanted: &str) -> Val {
    Val::I32(i32::try_from(NAMES.iter().position(|name| *name == wanted).unwrap()).unwrap())
}

fn call(store: &mut Store<Data>, instance: Instance, export: &str, args: &[Val]) -> i32 {
    let func = instance.func(store, export).unwrap();
    match func.call(store, args).unwrap()[..] {
        [Val::I32(result)] => result,
        ref other => panic!("{other:?}"),
    }
}

fn load(store: &mut Store<Data>, instance: Instance, library: &str, flags: i32) -> i32 {
    call(store, instance, "open", &[name(library), Val::I32(flags)])
}

/// Calls a function of a library by its name, through the program's table.
fn run(store: &mut Store<Data>, instance: Instance, function: &str, arg: i32) -> i32 {
    let found = library_symbol(store, function);
    call(store, instance, "call", &[Val::I32(found), Val::I32(arg)])
}

/// The address of a symbol, which any library may have.
fn library_symbol(store: &mut Store<Data>, symbol: &str) -> i32 {
    let libraries = (0..).map_while(|index| dynlink::Library::at(store, index));
    let all: Vec<_> = libraries.collect();
    let found = all
        .into_iter()
        .find_map(|library| dynlink::symbol(store, From::Library(library), symbol).unwrap());
    found.unwrap_or_else(|| panic!("no {symbol}")).cast_signed()
}

#[test]
fn a_library_and_what_it_needs_are_linked_to_the_program_and_to_each_other() {
    let world = world(&[("a.so", liba()), ("b.so", libb())]);
    let (mut store, instance) = world.store();
    let (handle, again) =
        (load(&mut store, instance, "a.so", 0), load(&mut store, instance, "a.so", 0));
    assert_eq!((handle, again), (1, 1), "{}", world.error());
    // 7 of its own, 100 of b's, 2 × 5, 5 + 1, 5 + 1000.
    assert_eq!(run(&mut store, instance, "a_run", 5), 7 + 100 + 10 + 6 + 1005);
    // What is needed was constructed first.
    assert_eq!(call(&mut store, instance, "load", &[Val::I32(2048)]), 21);
    // Pointers to the same function are equal: the program's own slot, and dlsym's.
    assert_eq!(run(&mut store, instance, "a_pointer", 1), 2);
    let of_b = run(&mut store, instance, "a_pointer", 0);
    let size = call(&mut store, instance, "table", &[]);
    assert_eq!(library_symbol(&mut store, "b_next"), of_b);
    assert_eq!(call(&mut store, instance, "table", &[]), size, "no second slot");
    // Data that are exported, and what is weak and nowhere.
    let data = library_symbol(&mut store, "a_data");
    assert_eq!(call(&mut store, instance, "load", &[Val::I32(data)]), 7);
    assert_eq!(run(&mut store, instance, "a_nothing", 0), 0);
    // The program's and the global libraries' symbols are everybody's.
    let everybodys = |store: &mut Store<Data>, symbol| {
        call(store, instance, "sym", &[Val::I32(0), name(symbol)])
    };
    assert_eq!(everybodys(&mut store, "twice"), 2);
    assert_eq!(everybodys(&mut store, "order"), 2048);
    assert_eq!(everybodys(&mut store, "b_next"), 0, "it was loaded for a.so alone");
    assert_eq!(load(&mut store, instance, "b.so", 2), 2);
    assert_eq!(everybodys(&mut store, "b_next"), of_b);
}

#[test]
fn a_fault_in_a_librarys_code_is_the_guests_while_the_call_that_loaded_it_goes_on() {
    let opener = r#"
      (import "env" "dlopen" (func $open (param i32 i32) (result i32)))
      (import "env" "dlsym" (func $sym (param i32 i32) (result i32)))
      (func (export "open_and_fault") (result i32)
        (call_indirect (param i32) (result i32) (i32.const -8)
          (call $sym (call $open (i32.const 0) (i32.const 0)) (i32.const 960))))
      (data (i32.const 960) "a_far\00")"#;
    let world = world(&[("a.so", liba()), ("b.so", libb())]);
    let text = program().replacen(
        r#"(import "env" "dlopen" (func $open (param i32 i32) (result i32)))
          (import "env" "dlsym" (func $sym (param i32 i32) (result i32)))"#,
        &opener[..opener.find("(func (export").unwrap()],
        1,
    );
    let end = text.rfind(')').unwrap();
    let rest = &opener[opener.find("(func (export").unwrap()..];
    let program = module(&world.engine, &format!("{}{rest})", &text[..end]));
    let world = World { program, ..world };
    let (mut store, instance) = world.store();
    let func = instance.func(&store, "open_and_fault").unwrap();
    let trap = func.call(&mut store, &[]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::MemoryOutOfBounds), "{trap}");
    assert!(trap.backtrace().frames().len() >= 2, "{}", trap.backtrace());
}

#[test]
fn libraries_in_a_circle_find_each_others_functions() {
    let one = |other: &str, own: &str, theirs: &str, id: u32| {
        library(
            &format!("(mem-info (memory 0 0) (table 0 0)) (needed \"{other}\")"),
            &format!(
                r#"(import "env" "{theirs}" (func $theirs (param i32) (result i32)))
                   (import "GOT.func" "{theirs}" (global $at (mut i32)))
                   (func (export "{own}") (param i32) (result i32)
                     (if (result i32) (i32.le_s (local.get 0) (i32.const 0))
                       (then (i32.const {id}))
                       (else (call $theirs (i32.sub (local.get 0) (i32.const 1))))))
                   (func (export "{own}_indirectly") (param i32) (result i32)
                     (call_indirect (param i32) (result i32) (local.get 0) (global.get $at)))"#
            ),
        )
    };
    let world = world(&[("c.so", one("d.so", "c", "d", 3)), ("d.so", one("c.so", "d", "c", 4))]);
    let (mut store, instance) = world.store();
    assert_eq!(load(&mut store, instance, "c.so", 0), 1, "{}", world.error());
    assert_eq!(run(&mut store, instance, "c", 6), 3);
    assert_eq!(run(&mut store, instance, "c", 7), 4);
    assert_eq!(run(&mut store, instance, "d_indirectly", 1), 4);
    assert_eq!(load(&mut store, instance, "d.so", 0), 2);
}

#[test]
fn functions_of_the_host_are_found_and_those_of_nobody_when_they_are_called() {
    let text = library(
        r#"(mem-info (memory 0 0) (table 0 0)) (import-info "env" "perhaps" 0x1)"#,
        r#"(import "env" "of_host" (func $host (param i32) (result i32)))
           (import "env" "perhaps" (func $perhaps (param i32) (result i32)))
           (import "env" "b_next" (func $next (param i32) (result i32)))
           (func (export "host") (param i32) (result i32) (call $host (local.get 0)))
           (func (export "perhaps_not") (param i32) (result i32) (call $perhaps (local.get 0)))
           (func (export "next") (param i32) (result i32) (call $next (local.get 0)))"#,
    );
    let world = world(&[("c.so", text), ("b.so", libb())]);
    let (mut store, instance) = world.store();
    assert_eq!(load(&mut store, instance, "c.so", 0), 0);
    assert_eq!(world.error(), "/lib/c.so needs the symbol b_next, which nothing defines");
    assert_eq!(load(&mut store, instance, "c.so", 1), 1, "{}", world.error());
    assert_eq!(run(&mut store, instance, "host", 1), 501);
    let refused = |store: &mut Store<Data>, function: &str| {
        let slot = library_symbol(store, function);
        let func = instance.func(store, "call").unwrap();
        func.call(store, &[Val::I32(slot), Val::I32(0)]).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&mut store, "perhaps_not"),
        "/lib/c.so needs the symbol perhaps, which nothing defines"
    );
    assert!(refused(&mut store, "next").contains("b_next"));
    // Loaded for everybody, it is there.
    assert_eq!(load(&mut store, instance, "b.so", 2), 2);
    assert_eq!(run(&mut store, instance, "next", 1), 2);
}

#[test]
fn what_cannot_be_loaded_is_refused_with_its_name_and_the_program_goes_on() {
    let minimal = |dylink: &str| library(dylink, "");
    let wrong = |import: &str| library("(mem-info (memory 0 0) (table 0 0))", import);
    let cases: Vec<(String, &str)> = vec![
        ("(module)".to_owned(), "/lib/c.so is not a library"),
        (minimal(r#"(mem-info (memory 0 0) (table 0 0)) (needed "x.so")"#), "needs x.so"),
        (minimal("(mem-info (memory 0xffffffff 0) (table 0 0))"), "more memory than there is"),
        (minimal("(mem-info (memory 0 63) (table 0 0))"), "an alignment beyond all memory"),
        (minimal("(mem-info (memory 0 0xffffffff) (table 0 0))"), "an alignment beyond all memory"),
        (minimal("(mem-info (memory 8 31) (table 0 0))"), "more memory than there is"),
        (minimal("(mem-info (memory 0 0) (table 0xffffffff 0))"), "more elements of the table"),
        (minimal("(mem-info (memory 0 0) (table 1 31))"), "more elements of the table"),
        (
            wrong(r#"(import "env" "twice" (func (param i64)))"#),
            "imports twice as something else than it is",
        ),
        (wrong(r#"(import "env" "twice" (global i32))"#), "imports twice as something else"),
        (wrong(r#"(import "env" "of_host" (func))"#), "imports of_host as something else"),
        (wrong(r#"(import "GOT.mem" "twice" (global (mut i32)))"#), "imports GOT.mem.twice as"),
        (wrong(r#"(import "GOT.func" "order" (global (mut i32)))"#), "imports GOT.func.order as"),
        (wrong(r#"(import "GOT.mem" "no" (global (mut i32)))"#), "needs the symbol GOT.mem.no"),
        (wrong(r#"(import "GOT.mem" "no" (global i32))"#), "needs the symbol GOT.mem.no"),
        (wrong(r#"(import "GOT.func" "no" (global (mut i32)))"#), "needs the symbol GOT.func.no"),
        (wrong(r#"(import "wasi" "no" (func))"#), "needs the symbol wasi.no"),
        (wrong(r#"(import "env" "no" (memory 1))"#), "needs the symbol no"),
        (
            wrong(r#"(data (i32.sub (global.get $base) (i32.const 70000)) "x")"#),
            "the segments of /lib/c.so do not fit",
        ),
        (wrong("(elem (i32.const 100000) func)"), "the segments of /lib/c.so do not fit"),
        (
            r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
                (import "env" "memory" (memory 1 1 shared)))"#
                .to_owned(),
            "imports memory as something else",
        ),
        (
            r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
                (import "env" "__memory_base" (global i64)))"#
                .to_owned(),
            "imports __memory_base as something else",
        ),
        (
            r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
                (import "env" "__indirect_function_table" (table 1 externref)))"#
                .to_owned(),
            "imports __indirect_function_table as something else",
        ),
    ];
    for (text, expected) in cases {
        let world = world(&[("c.so", text.clone()), ("b.so", libb())]);
        let (mut store, instance) = world.store();
        assert_eq!(load(&mut store, instance, "c.so", 0), 0, "{text}");
        assert!(world.error().contains(expected), "{text}: {}", world.error());
        assert_eq!(load(&mut store, instance, "b.so", 0), 1, "{text}: {}", world.error());
        assert_eq!(run(&mut store, instance, "b_next", 1), 2);
    }
}

#[test]
fn the_c_library_that_a_library_needs_is_the_programs() {
    let library = library(
        r#"(mem-info (memory 0 0) (table 0 0)) (needed "libc.so" "libm.so")"#,
        r#"(import "env" "twice" (func $twice (param i32) (result i32)))
        (func (export "twice_of") (param i32) (result i32) (call $twice (local.get 0)))"#,
    );
    let world = world(&[("c.so", library)]);
    let (mut store, instance) = world.store();
    assert_eq!(load(&mut store, instance, "c.so", 0), 1, "{}", world.error());
    assert_eq!(run(&mut store, instance, "twice_of", 21), 42);
}

#[test]
fn data_are_aligned_as_they_ask() {
    let text = library(
        "(mem-info (memory 4 17) (table 0 3))",
        r#"(func (export "at") (param i32) (result i32)
             (i32.or (global.get $base) (global.get $slots)))"#,
    );
    let world = world(&[("b.so", libb()), ("c.so", text)]);
    let (mut store, instance) = world.store();
    load(&mut store, instance, "b.so", 0);
    assert_eq!(load(&mut store, instance, "c.so", 0), 2, "{}", world.error());
    let at = run(&mut store, instance, "at", 0);
    assert!(at > 0 && at & ((1 << 17) - 1) & !0xff == 0 && at & 7 == 0, "{at:#x}");
}

#[test]
fn a_program_whose_table_cannot_grow_is_told_how_to_link_it() {
    let world = world(&[("a.so", liba()), ("b.so", libb())]);
    let fixed = program().replacen("3 funcref", "3 3 funcref", 1);
    let world = World { program: module(&world.engine, &fixed), ..world };
    let (mut store, instance) = world.store();
    assert_eq!(load(&mut store, instance, "a.so", 0), 0);
    assert!(world.error().contains("--growable-table"), "{}", world.error());
}

#[test]
fn a_constructor_that_traps_ends_the_call() {
    let text = library(
        "(mem-info (memory 0 0) (table 0 0))",
        r#"(func (export "_initialize") unreachable)"#,
    );
    let world = world(&[("c.so", text)]);
    let (mut store, instance) = world.store();
    let func = instance.func(&store, "open").unwrap();
    let trap = func.call(&mut store, &[name("c.so"), Val::I32(0)]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::Unreachable));
}

#[test]
fn births_have_the_libraries_of_the_captured_store_and_not_those_of_an_earlier_life() {
    let world = world(&[("a.so", liba()), ("b.so", libb())]);
    let (mut store, instance) = world.store();
    assert_eq!(load(&mut store, instance, "b.so", 2), 1);
    let captured = store.capture().unwrap();
    for _ in 0..3 {
        let mut life = captured.birth(Arc::clone(&world.shelf)).unwrap();
        assert_eq!(load(&mut life, instance, "b.so", 0), 1);
        assert_eq!(run(&mut life, instance, "b_next", 1), 2);
        let fresh = life.accessible_pages();
        let idle = captured.idle_slots();
        life.recycle();
        assert_eq!(captured.idle_slots(), idle + 1, "nothing was loaded: the slot serves again");
        let mut life = captured.birth(Arc::clone(&world.shelf)).unwrap();
        assert!(life.is_reused());
        assert_eq!(dynlink::find(&life, "a.so"), None);
        assert_eq!(call(&mut life, instance, "load", &[Val::I32(2048)]), 2);
        assert_eq!(load(&mut life, instance, "a.so", 0), 2, "{}", world.error());
        assert_eq!(run(&mut life, instance, "a_run", 5), 7 + 100 + 10 + 6 + 1005);
        life.recycle();
        world.engine.settle();
        assert_eq!(captured.idle_slots(), 0, "what a life has loaded goes with its slot");
        let newborn = captured.birth(Arc::clone(&world.shelf)).unwrap();
        assert_eq!(newborn.accessible_pages().len(), fresh.len());
        drop(newborn);
    }
    // The captured store itself goes on, and what it loads now is its own.
    assert_eq!(load(&mut store, instance, "a.so", 0), 2);
    let life = captured.birth(Arc::clone(&world.shelf)).unwrap();
    assert_eq!(dynlink::find(&life, "a.so"), None);
    // And so can be captured one that was born.
    let again = store.capture().unwrap();
    let mut life = again.birth(Arc::clone(&world.shelf)).unwrap();
    assert_eq!(run(&mut life, instance, "a_run", 0), 7 + 100 + 1 + 1000);
}

#[test]
fn a_snapshot_has_the_libraries() {
    let lazy = library(
        "(mem-info (memory 0 0) (table 0 0))",
        r#"(import "env" "later" (func $later (param i32) (result i32)))
           (func (export "call_later") (param i32) (result i32) (call $later (local.get 0)))"#,
    );
    let later = library(
        "(mem-info (memory 0 0) (table 0 0))",
        r#"(func (export "later") (param i32) (result i32) (i32.const 77))"#,
    );
    let world = world(&[("a.so", liba()), ("b.so", libb()), ("c.so", lazy), ("d.so", later)]);
    let (mut store, instance) = world.store();
    assert_eq!(load(&mut store, instance, "c.so", 1), 1, "{}", world.error());
    assert_eq!(load(&mut store, instance, "a.so", 0), 2);
    assert_eq!(load(&mut store, instance, "b.so", 2), 3);
    let snapshot = store.snapshot(ExternRefs::Refuse).unwrap();
    let runs = snapshot.runs().iter().map(|run| (run.offset, key().seal(run.bytes.clone())));
    let runs: Vec<_> = runs.collect();
    let described = key().seal(snapshot.describe());
    let open = |bytes| world.engine.unseal(bytes).unwrap();
    let read = StoreSnapshot::from_parts(
        open(&described),
        runs.iter().map(|(offset, bytes)| (*offset, open(bytes))),
    )
    .unwrap();
    let modules = world.shelf.candidates.iter().map(|candidate| candidate.module.clone());
    let modules: Vec<_> = modules.chain([world.program.clone()]).collect();
    let linker = world.shelf.linker.get().unwrap();
    let data = Arc::clone(&world.shelf);
    let mut restored = Store::restore(&world.engine, &read, &modules, linker, data).unwrap();
    assert_eq!(restored.snapshot(ExternRefs::Refuse).unwrap(), snapshot);
    let instance = restored.instances().next().unwrap();
    assert_eq!(run(&mut restored, instance, "a_run", 5), 7 + 100 + 10 + 6 + 1005);
    assert_eq!(load(&mut restored, instance, "a.so", 0), 2);
    assert_eq!(run(&mut restored, instance, "a_pointer", 1), 2);
    assert_eq!(load(&mut restored, instance, "d.so", 2), 4, "{}", world.error());
    assert_eq!(run(&mut restored, instance, "call_later", 0), 77);
    assert_eq!(call(&mut restored, instance, "load", &[Val::I32(2048)]), 21);
}

/// Numbers from a seed (Knuth's multiplier of MMIX).
struct Random(u64);

impl Random {
    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        &of[usize::try_from(self.0 >> 33).unwrap() % of.len()]
    }
}

/// A library of parts that fit and parts that do not.
fn any_library(random: &mut Random) -> String {
    let small = ["0", "1", "4", "16", "100"];
    let large = ["0", "1", "100", "70000", "0x7fffffff", "0xffffffff"];

    let sizes = |random: &mut Random| match random.pick(&[0, 0, 0, 0, 0, 0, 1]) {
        0 => *random.pick(&small),
        _ => *random.pick(&large),
    };
    let (memory, table) = (sizes(random), sizes(random));
    let aligns = ["0", "2", "4", "16", "20", "64"];
    let (of_memory, of_table) = (*random.pick(&aligns[..5]), *random.pick(&aligns[..3]));
    let imports = [
        r#"(import "env" "memory" (memory 1))"#,
        r#"(import "env" "memory" (memory 1 2))"#,
        r#"(import "env" "__indirect_function_table" (table 1 funcref))"#,
        r#"(import "env" "__indirect_function_table" (table 100000 funcref))"#,
        r#"(import "env" "__memory_base" (global i32))"#,
        r#"(import "env" "__memory_base" (global (mut i32)))"#,
        r#"(import "env" "__stack_pointer" (global (mut i32)))"#,
        r#"(import "env" "twice" (func (param i32) (result i32)))"#,
        r#"(import "env" "twice" (func))"#,
        r#"(import "env" "of_host" (func (param i32) (result i32)))"#,
        r#"(import "env" "b_next" (func (param i32) (result i32)))"#,
        r#"(import "env" "order" (global i32))"#,
        r#"(import "env" "tag" (tag (param i32)))"#,
        r#"(import "env" "tag" (tag (param i64)))"#,
        r#"(import "GOT.mem" "order" (global (mut i32)))"#,
        r#"(import "GOT.mem" "twice" (global (mut i32)))"#,
        r#"(import "GOT.func" "twice" (global (mut i32)))"#,
        r#"(import "GOT.func" "own" (global (mut i32)))"#,
        r#"(import "GOT.func" "memory" (global (mut i32)))"#,
        r#"(import "GOT.mem" "nothing" (global (mut i32)))"#,
        r#"(import "GOT.mem" "order" (global i32))"#,
        r#"(import "GOT.func" "b_next" (global (mut i32)))"#,
    ];
    let count = *random.pick(&[0, 2, 4, 8]);
    // Mostly those that fit.
    let good = [0, 2, 4, 6, 7, 9, 14, 16, 19];
    let some: String = (0..count)
        .map(|_| match random.pick(&[0, 0, 0, 0, 0, 1]) {
            0 => imports[*random.pick(&good)],
            _ => *random.pick(&imports),
        })
        .collect();
    let parts = [
        "(memory 1)",
        "(table 3 funcref)",
        r#"(func (export "own") (param i32) (result i32) (local.get 0))"#,
        r#"(global (export "own") i32 (i32.const -4))"#,
        r#"(func (export "_initialize") unreachable)"#,
        r#"(func (export "__wasm_apply_data_relocs") (param i32))"#,
        r#"(func (export "__wasm_call_ctors"))"#,
    ];
    let first = usize::from(*random.pick(&[0_u8, 1, 1, 1, 1]));
    let own = (*random.pick(&parts[first..]), parts[6]);
    let needed = *random.pick(&["", "", "", r#"(needed "b.so")"#, r#"(needed "c.so")"#]);
    format!(
        r#"(module
          (@dylink.0 (mem-info (memory {memory} {of_memory}) (table {table} {of_table})) {needed}
            (export-info "own" {}) (import-info "env" "nothing" 1))
          {some} {})"#,
        random.pick(&["0", "0x100", "0x200"]),
        if own.0 == own.1 { own.0.to_owned() } else { format!("{} {}", own.0, own.1) }
    )
}

/// Whatever a library asks for, it is loaded or refused, and the program and what else it has loaded go on; what is in
/// the store then can be captured, born and written down.
#[test]
fn no_library_harms_the_program() {
    let (mut loaded, mut refused) = (0, 0);
    for seed in 0..200 {
        let mut random = Random(seed * 77 + 1);
        let text = any_library(&mut random);
        let wasm = wat::parse_str(&text).unwrap();
        if faasm_compiler::validate(&wasm).is_err() {
            // Two memories, of which one is not the program's kind, and the like.
            continue;
        }
        let world = world(&[("c.so", text.clone()), ("b.so", libb())]);
        let (mut store, instance) = world.store();
        let flags = *random.pick(&[0, 1, 2, 3]);
        let func = instance.func(&store, "open").unwrap();
        match func.call(&mut store, &[name("c.so"), Val::I32(flags)]) {
            Ok(handle) if handle == [Val::I32(0)] => {
                refused += 1;
                assert!(!world.error().is_empty(), "{text}");
            }
            Ok(_) => loaded += 1,
            Err(trap) => assert_eq!(trap.trap_code(), Some(TrapCode::Unreachable), "{text}"),
        }
        assert!(load(&mut store, instance, "b.so", 0) > 0, "{text}: {}", world.error());
        assert_eq!(run(&mut store, instance, "b_next", 4), 5, "{text}");
        let snapshot = store.snapshot(ExternRefs::Refuse).unwrap();
        let captured = store.capture().unwrap();
        let mut life = captured.birth(Arc::clone(&world.shelf)).unwrap();
        assert_eq!(life.snapshot(ExternRefs::Refuse).unwrap(), snapshot, "{text}");
        assert_eq!(run(&mut life, instance, "b_next", 6), 7, "{text}");
    }
    assert!(loaded > 20 && refused > 20, "{loaded} {refused}");
}
