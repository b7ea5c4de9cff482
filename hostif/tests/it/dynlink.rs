//! `dlopen` and its family with what clang made of C and C++, and calls by signature.

use std::fmt::Write as _;
use std::sync::Arc;

use faasm_hostif::{Access, FoundLibrary, Host, HostBuilder, Libraries, LibraryError, Preopen};
use faasm_sfi::pending::{Pending, pending};
use faasm_vm::{Module, TrapCode, Val};

use crate::support::{Bench, built, program};

/// The libraries of `guests/c/build`, or what the test gives them for.
struct Shelf {
    bench: Bench,
    of_tests: Vec<(&'static str, Module)>,
    built: bool,
}

impl Shelf {
    fn built() -> Arc<Self> {
        Arc::new(Self { bench: Bench::new(), of_tests: Vec::new(), built: true })
    }
}

impl Libraries for Shelf {
    /// From another thread, as it is where compiling takes long.
    fn find(&self, name: &str) -> Pending<Result<FoundLibrary, LibraryError>> {
        if let Some((_, module)) = self.of_tests.iter().find(|(known, _)| *known == name) {
            let (name, module) = (name.to_owned(), module.clone());
            return Pending::ready(Ok(FoundLibrary { name, module }));
        }
        let path = built(name);
        if !self.built || !path.exists() {
            return Pending::ready(Err(LibraryError::Unknown { name: name.to_owned() }));
        }
        let module = self.bench.module(&std::fs::read(path).unwrap());
        let (completer, found) = pending();
        let found_library = FoundLibrary { name: name.to_owned(), module };
        std::thread::spawn(move || completer.complete(Ok(found_library)));
        found
    }

    fn takes_files(&self) -> bool {
        !self.built
    }

    fn compile(&self, path: &str, wasm: Vec<u8>) -> Pending<Result<FoundLibrary, LibraryError>> {
        let (name, module) = (path.to_owned(), self.bench.module(&wasm));
        Pending::ready(Ok(FoundLibrary { name, module }))
    }
}

fn host(shelf: &Arc<Shelf>) -> Host {
    let shelf: Arc<dyn Libraries> = Arc::clone(shelf) as _;
    HostBuilder::new().arg("function").libraries(shelf).build().unwrap()
}

#[test]
fn a_program_in_c_loads_libraries_in_c_and_cpp() {
    let shelf = Shelf::built();
    let module = shelf.bench.module(&program("dynlink"));
    let ended = shelf.bench.place(&host(&shelf), b"", &module).run();
    assert_eq!((ended.code(), ended.text()), (0, "all is well"), "{}", ended.printed);
}

#[test]
fn libraries_are_found_in_the_guests_files() {
    let shelf = Arc::new(Shelf { bench: Bench::new(), of_tests: Vec::new(), built: false });
    let dir = tempfile::tempdir().unwrap();
    for name in ["liba.so", "libb.so", "libshapes.so", "libwhole.so", "libmissing.so"] {
        std::fs::copy(built(name), dir.path().join(name)).unwrap();
    }
    let port: Arc<dyn Libraries> = Arc::clone(&shelf) as _;
    let preopen = Preopen::open(dir.path(), "/lib", Access::Read).unwrap();
    let host = HostBuilder::new().arg("f").libraries(port).preopen(preopen).build().unwrap();
    let module = shelf.bench.module(&program("dynlink"));
    let ended = shelf.bench.place(&host, b"", &module).run();
    assert_eq!((ended.code(), ended.text()), (0, "all is well"), "{}", ended.printed);
}

#[test]
fn without_libraries_none_is_found() {
    let shelf = Shelf::built();
    let module = shelf.bench.module(&program("dynlink"));
    let host = HostBuilder::new().arg("function").build().unwrap();
    let ended = shelf.bench.place(&host, b"", &module).run();
    assert!(ended.printed.contains("liba.so: no such library"), "{}", ended.printed);
}

#[test]
fn functions_are_called_by_signature() {
    let shelf = Shelf::built();
    let module = shelf.bench.module(&program("ffi-check"));
    let ended = shelf.bench.place(&host(&shelf), b"", &module).run();
    assert_eq!(ended.code(), 0, "{}", ended.printed);
}

const OPENER: &str = r#"(module
  (import "env" "dlopen" (func $open (param i32 i32) (result i32)))
  (import "env" "dlsym" (func $sym (param i32 i32) (result i32)))
  (import "env" "dlerror" (func $error (result i32)))
  (memory (export "memory") 2)
  (table (export "__indirect_function_table") 1 funcref)
  (global $sp (export "__stack_pointer") (mut i32) (i32.const 65536))
  (data (i32.const 8) "lib.so\00")
  (data (i32.const 16) "f\00")
  (func (export "malloc") (param i32) (result i32) (i32.const 70000))
  (func (export "open") (result i32) (call $open (i32.const 8) (i32.const 2)))
  (func (export "error") (result i32) (call $error))
  (func (export "f") (result i32)
    (call_indirect (result i32) (call $sym (i32.const 2) (i32.const 16))))
  (func $down (param i32)
    (if (i32.eqz (i32.and (local.get 0) (i32.const 63))) (then (drop (call $open (i32.const 8) (i32.const 2)))))
    (call $down (i32.add (local.get 0) (i32.const 1))))
  (func (export "down") (call $down (i32.const 0))))"#;

fn opener(library: &str) -> (Arc<Shelf>, Module) {
    let bench = Bench::new();
    let module = bench.module(&wat::parse_str(OPENER).unwrap());
    let library = bench.module(&wat::parse_str(library).unwrap());
    let of_tests = vec![("lib.so", library)];
    (Arc::new(Shelf { bench, of_tests, built: false }), module)
}

#[test]
fn a_library_has_the_hosts_functions_and_the_programs_memory() {
    let library = r#"(module
      (@dylink.0 (mem-info (memory 8 0) (table 0 0)))
      (import "env" "memory" (memory 1))
      (import "env" "__memory_base" (global $base i32))
      (import "env" "dlsym" (func $sym (param i32 i32) (result i32)))
      (import "env" "dlerror" (func $error (result i32)))
      (import "env" "__faasm_read_input" (func $input (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_write"
        (func $write (param i32 i32 i32 i32) (result i32)))
      (func (export "f") (result i32)
        (drop (call $sym (i32.const 99) (i32.const 16)))
        (i32.add (call $error)
          (call $input (global.get $base) (i32.const 8)))))"#;
    let (shelf, module) = opener(library);
    let mut guest = shelf.bench.place(&host(&shelf), b"12345", &module);
    assert_eq!(guest.number("open", &[]), 2);
    // The error's text is in memory from the program's malloc.
    assert_eq!(guest.number("f", &[]), 70_000 + 5);
    let memory = guest.instance.export(&guest.store, "memory").unwrap();
    let faasm_vm::Extern::Memory(memory) = memory else { panic!() };
    let text = memory.view(&guest.store).read_cstr(70_000, 100).unwrap();
    assert_eq!(text, b"99 is no library's handle");
}

/// Loading takes no more of the guest's stack than host functions may: each attempt here gets as far as it can, and
/// fails, with less and less left.
#[test]
fn loading_has_the_stack_that_it_needs() {
    let many: String = (0..200).fold(String::new(), |mut text, number| {
        let _ = write!(text, "(func (export \"f{number}\") (result i32) (i32.const {number}))");
        text
    });
    let library = format!(
        r#"(module
          (@dylink.0 (mem-info (memory 8 0) (table 2 0)))
          (import "env" "memory" (memory 1))
          (import "env" "__memory_base" (global $base i32))
          (import "env" "__indirect_function_table" (table 1 funcref))
          (import "env" "__table_base" (global $slots i32))
          (import "env" "dlsym" (func $sym (param i32 i32) (result i32)))
          (import "GOT.mem" "nowhere" (global (mut i32)))
          (data (global.get $base) "12345678")
          (elem (global.get $slots) $g $g)
          (func $g) {many})"#
    );
    let (shelf, module) = opener(&library);
    let mut guest = shelf.bench.place(&host(&shelf), b"", &module);
    let trap = guest.call("down", &[]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::StackOverflow), "{trap}");
    assert_eq!(guest.number("open", &[]), 0);
    assert_eq!(guest.number("error", &[]), 70_000);
}

#[test]
fn a_library_that_is_waited_for_is_cancelled_with_the_call() {
    struct Never;
    impl Libraries for Never {
        fn find(&self, _: &str) -> Pending<Result<FoundLibrary, LibraryError>> {
            let (completer, never) = pending();
            std::mem::forget(completer);
            never
        }
        fn takes_files(&self) -> bool {
            true
        }
        fn compile(&self, _: &str, _: Vec<u8>) -> Pending<Result<FoundLibrary, LibraryError>> {
            unreachable!("nothing is found")
        }
    }
    let bench = Bench::new();
    let module = bench.module(&wat::parse_str(OPENER).unwrap());
    let host = HostBuilder::new().arg("f").libraries(Arc::new(Never)).build().unwrap();
    let mut guest = bench.place(&host, b"", &module);
    let soon = std::time::Instant::now() + std::time::Duration::from_millis(50);
    guest.store.set_deadline(Some(soon));
    let trap = guest.call("open", &[] as &[Val]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::Interrupted), "{trap}");
}
