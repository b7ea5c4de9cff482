//! The guest: a module that can call every function of the table, in two shapes, and the libraries that it may load.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use faasm_compiler::{CompileOptions, compile, validate};
use faasm_hostif::{
    FoundLibrary, HostFunction, HostState, Libraries, LibraryError, link, signatures,
};
use faasm_sfi::pending::{Completer, Pending, pending};
use faasm_vm::{
    Captured, Engine, Extern, Instance, Linker, Memory, Module, Store, StoreLimits, ValType,
};

use crate::arguments::{SCRIPT, SCRIPTS, STEP, STEPS};

/// A guest that was captured.
pub(crate) struct Guest {
    pub(crate) captured: Captured,
    pub(crate) instance: Instance,
    /// What a fresh birth looks like.
    pub(crate) pages: Vec<(usize, Vec<u8>)>,
    pub(crate) shape: Shape,
}

/// What is different in a module whose calls can have threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Alone,
    Threads,
}

impl Guest {
    pub(crate) fn new(engine: &Engine, shape: Shape, life: &dyn Fn() -> HostState) -> Result<Self> {
        let mut linker = Linker::new(engine);
        link(&mut linker)?;
        let functions: Vec<_> = signatures().collect();
        let module = load(engine, &wat::parse_str(text(&functions, shape))?)?;
        let limits = StoreLimits { memory_bytes: 16 << 20, ..StoreLimits::default() };
        let mut store = Store::for_module(engine, &module, limits, life())?;
        let instance = linker.instantiate(&mut store, &module)?;
        let captured = store.capture()?;
        drop(store);
        let fresh = captured.birth(life())?;
        let pages = fresh.accessible_pages();
        fresh.recycle();
        Ok(Self { captured, instance, pages, shape })
    }

    pub(crate) fn memory(&self, store: &Store<HostState>) -> Result<Memory> {
        match self.instance.export(store, "memory") {
            Some(Extern::Memory(memory)) => Ok(memory),
            _ => bail!("the guest has no memory"),
        }
    }
}

fn load(engine: &Engine, wasm: &[u8]) -> Result<Module> {
    let object = compile(&validate(wasm)?, &CompileOptions::default())?;
    Ok(Module::load(engine, &engine.seal().seal(object))?)
}

/// A guest that hands its arguments on to the function with the number of its export. A thread does what a script in
/// the memory says, which other threads may be writing.
fn text(functions: &[&HostFunction], shape: Shape) -> String {
    let name = |ty: ValType| format!("{ty:?}").to_lowercase();
    let (mut imports, mut exports) = (String::new(), String::new());
    for (at, function) in functions.iter().enumerate() {
        let params: Vec<String> = function.params.iter().map(|(_, ty)| name(*ty)).collect();
        let result =
            function.result.map_or_else(String::new, |ty| format!("(result {})", name(ty)));
        let ty = format!("(param {}) {result}", params.join(" "));
        let args: String = (0..params.len()).map(|i| format!("(local.get {i}) ")).collect();
        // Writing to a string does not fail.
        let _ = writeln!(
            imports,
            "(import \"{}\" \"{}\" (func $f{at} {ty}))",
            function.module, function.name
        );
        let _ = writeln!(exports, "(func (export \"c{at}\") {ty} (call $f{at} {args}))");
        let loads = params.iter().enumerate();
        let loads: String = loads
            .map(|(i, ty)| format!("({ty}.load offset={} (local.get 0)) ", 8 + 8 * i))
            .collect();
        let ignored = if result.is_empty() { "" } else { "drop" };
        let _ = writeln!(exports, "(func $s{at} (type $step) (call $f{at} {loads}) {ignored})");
    }
    let count = functions.len();
    let steps: String = (0..count).map(|at| format!("$s{at} ")).collect();
    let shared = if shape == Shape::Threads { "shared" } else { "" };
    format!(
        r#"(module
          (type $step (func (param i32)))
          {imports}
          (memory (export "memory") 2 64 {shared})
          (table (export "__indirect_function_table") 4 100 funcref)
          (table $steps {count} {count} funcref)
          (elem (i32.const 1) $entry $takes)
          (elem (table $steps) (i32.const 0) func {steps})
          (global $lie (export "lie") (mut i32) (i32.const 0))
          (global (export "__stack_pointer") (mut i32) (i32.const 131072))
          (func $entry (export "e") (result i32) (i32.const 0))
          (func $takes (param i32 i64) (unreachable))
          (func (export "malloc") (param i32) (result i32) (global.get $lie))
          (func (export "free") (param i32))
          (func (export "wasi_thread_start") (param $tid i32) (param $arg i32)
            (local $at i32) (local $end i32)
            (local.set $at (i32.add (i32.const {SCRIPTS})
              (i32.mul (i32.and (local.get $arg) (i32.const 7)) (i32.const {SCRIPT}))))
            (local.set $end (i32.add (local.get $at) (i32.const {})))
            (loop $next
              (call_indirect $steps (type $step) (local.get $at)
                (i32.rem_u (i32.load (local.get $at)) (i32.const {count})))
              (local.set $at (i32.add (local.get $at) (i32.const {STEP})))
              (br_if $next (i32.lt_u (local.get $at) (local.get $end)))))
          {exports})"#,
        STEPS * STEP
    )
}

/// In the tenant's shared files, too.
pub(crate) const IN_FILES: &str = r#"(module
  (@dylink.0 (mem-info (memory 16 3) (table 0 0)) (needed "libplain.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "GOT.func" "f" (global $f (mut i32)))
  (data (global.get $base) "in a file")
  (func (export "h") (result i32) (global.get $f)))"#;

/// Libraries by name: well made, and made to do harm.
const LIBRARIES: &[(&str, &str)] = &[
    (
        "libplain.so",
        r#"(module
          (@dylink.0 (mem-info (memory 64 4) (table 2 0)))
          (import "env" "memory" (memory 1))
          (import "env" "__indirect_function_table" (table 1 funcref))
          (import "env" "__memory_base" (global $base i32))
          (import "env" "__table_base" (global $slots i32))
          (import "env" "__stack_pointer" (global $sp (mut i32)))
          (import "GOT.mem" "d" (global $d (mut i32)))
          (global (export "d") i32 (i32.const 8))
          (data (global.get $base) "0123456789abcdef")
          (elem (global.get $slots) $f $g)
          (func $f (export "f") (result i32)
            (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
            (i32.load (global.get $base)))
          (func $g (export "g") (param i32) (result i32) (i32.load8_u (global.get $d))))"#,
    ),
    (
        "libneeds.so",
        r#"(module
          (@dylink.0 (mem-info (memory 8 0) (table 0 0)) (needed "libplain.so" "libhost.so"))
          (import "env" "memory" (memory 1))
          (import "env" "g" (func $g (param i32) (result i32)))
          (import "env" "p" (func $p (param i32) (result i32)))
          (func (export "__wasm_call_ctors") (drop (call $g (call $p (i32.const 1)))))
          (func (export "h") (result i32) (call $g (i32.const 2))))"#,
    ),
    // They need each other.
    (
        "libhost.so",
        r#"(module
          (@dylink.0 (mem-info (memory 8 0) (table 0 0)) (needed "libneeds.so"))
          (import "env" "memory" (memory 1))
          (import "env" "h" (func $h (result i32)))
          (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
          (import "env" "dlerror" (func $error (result i32)))
          (func (export "p") (param i32) (result i32)
            (drop (call $random (i32.const 32768) (i32.const 64)))
            (call $error))
          (func (export "q") (result i32) (call $h)))"#,
    ),
    (
        "libtraps.so",
        r#"(module
          (@dylink.0 (mem-info (memory 8 0) (table 0 0)))
          (import "env" "memory" (memory 1))
          (func (export "__wasm_call_ctors") unreachable))"#,
    ),
    (
        "libloops.so",
        r#"(module
          (@dylink.0 (mem-info (memory 8 0) (table 0 0)))
          (import "env" "memory" (memory 1))
          (func (export "__wasm_call_ctors") (loop $for_ever (br $for_ever))))"#,
    ),
    // Its constructor opens what the program's memory names, with less of the stack each time.
    (
        "libagain.so",
        r#"(module
          (@dylink.0 (mem-info (memory 8 0) (table 0 0)))
          (import "env" "memory" (memory 1))
          (import "env" "dlopen" (func $open (param i32 i32) (result i32)))
          (func $down (param $n i32)
            (drop (call $open (i32.add (i32.const 1024) (i32.shl (local.get $n) (i32.const 6)))
              (i32.const 257)))
            (if (local.get $n) (then (call $down (i32.sub (local.get $n) (i32.const 1))))))
          (func (export "__wasm_call_ctors") (call $down (i32.const 50))))"#,
    ),
    (
        "liblarge.so",
        r#"(module
          (@dylink.0 (mem-info (memory 0x7fffffff 16) (table 0x7fffffff 4)))
          (import "env" "memory" (memory 1))
          (import "env" "__memory_base" (global $base i32)))"#,
    ),
    (
        "libfull.so",
        r#"(module
          (@dylink.0 (mem-info (memory 65536 16) (table 40 0)))
          (import "env" "memory" (memory 1))
          (import "env" "__indirect_function_table" (table 1 funcref))
          (import "env" "__memory_base" (global $base i32))
          (import "env" "__table_base" (global $slots i32))
          (data (global.get $base) "\ff\ff\ff\ff")
          (elem (i32.add (global.get $slots) (i32.const 39)) $f)
          (func $f (export "f") (result i32) (memory.grow (i32.const 1))))"#,
    ),
    (
        "libweak.so",
        r#"(module
          (@dylink.0 (mem-info (memory 8 0) (table 0 0))
            (import-info "env" "nowhere" binding-weak undefined))
          (import "env" "memory" (memory 1))
          (import "env" "nowhere" (func $nowhere))
          (import "env" "nothing" (func $nothing))
          (func (export "f") (result i32) (call $nothing) (call $nowhere) (i32.const 0)))"#,
    ),
];

/// The tenant's libraries: those above, one that is refused, and one that takes too long.
pub(crate) struct Shelf {
    engine: Engine,
    of_names: Vec<(&'static str, Module)>,
    late: Mutex<Vec<Completer<Result<FoundLibrary, LibraryError>>>>,
}

impl Shelf {
    pub(crate) fn new(engine: &Engine) -> Result<Arc<Self>> {
        let load = |&(name, text): &(&'static str, &str)| {
            let wasm = wat::parse_str(text).with_context(|| name.to_owned())?;
            Ok((name, load(engine, &wasm).with_context(|| name.to_owned())?))
        };
        let of_names = LIBRARIES.iter().map(load).collect::<Result<_>>()?;
        let late = Mutex::default();
        Ok(Arc::new(Self { engine: engine.clone(), of_names, late }))
    }

    /// What was late is here now, when nobody may be there any more.
    pub(crate) fn end_all(&self) {
        let late = std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner));
        late.into_iter().for_each(|late| late.complete(self.plain("liblate.so")));
    }

    fn plain(&self, name: &str) -> Result<FoundLibrary, LibraryError> {
        let unknown = || LibraryError::Unknown { name: name.to_owned() };
        let (_, module) = self.of_names.first().ok_or_else(unknown)?;
        Ok(FoundLibrary { name: name.to_owned(), module: module.clone() })
    }
}

impl Libraries for Shelf {
    fn find(&self, name: &str) -> Pending<Result<FoundLibrary, LibraryError>> {
        if name == "liblate.so" {
            let (completer, found) = pending();
            self.late.lock().unwrap_or_else(PoisonError::into_inner).push(completer);
            return found;
        }
        let found = self.of_names.iter().find(|(known, _)| *known == name);
        let name = name.to_owned();
        Pending::ready(match found {
            Some((_, module)) => Ok(FoundLibrary { name, module: module.clone() }),
            None if name == "libbad.so" => {
                Err(LibraryError::Refused { name, why: "it is no good".into() })
            }
            None => Err(LibraryError::Unknown { name }),
        })
    }

    fn takes_files(&self) -> bool {
        true
    }

    fn compile(&self, path: &str, wasm: Vec<u8>) -> Pending<Result<FoundLibrary, LibraryError>> {
        let name = path.to_owned();
        Pending::ready(match load(&self.engine, &wasm) {
            Ok(module) => Ok(FoundLibrary { name, module }),
            Err(error) => Err(LibraryError::Refused { name, why: error.into() }),
        })
    }
}
