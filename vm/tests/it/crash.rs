//! A fault that the compiler did not announce is a bug of ours: the process dies of it, where it happened.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use faasm_vm::{Caller, Linker, Module, Store, StoreLimits, Val};
use object::{Object as _, ObjectSection as _};

use crate::support::{engine, key, module, object};

const SIGSEGV: i32 = 11;
const CHILD: &str = "FAASM_VM_CRASH_CHILD";

/// Runs the test again in a process of its own, and checks that it dies of SIGSEGV; `body` is what that process does.
#[track_caller]
fn dies(name: &str, body: impl FnOnce()) {
    if std::env::var_os(CHILD).is_some() {
        body();
        return;
    }
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("crash::{name}"), "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&run.stdout);
    assert_eq!(run.status.signal(), Some(SIGSEGV), "{}: {output}", run.status);
}

const LOADS: &str =
    r#"(module (memory 1) (func (export "f") (param i32) (result i32) (i32.load (local.get 0))))"#;

/// The object of [`LOADS`] with every announced place moved by a byte.
fn tampered() -> Vec<u8> {
    let sealed = object(LOADS);
    let mut bytes = key().open(&sealed).unwrap().to_vec();
    let file = object::File::parse(&*bytes).unwrap();
    let (at, size) =
        file.section_by_name(faasm_abi::object::TRAPS_SECTION).unwrap().file_range().unwrap();
    let (at, size) = (usize::try_from(at).unwrap(), usize::try_from(size).unwrap());
    let sites = &mut bytes[at..at + size];
    let count = u32::from_le_bytes(sites[..4].try_into().unwrap()) as usize;
    assert!(count > 0, "nothing is announced");
    for offset in sites[4..4 + 4 * count].as_chunks_mut::<4>().0 {
        *offset = (u32::from_le_bytes(*offset) + 1).to_le_bytes();
    }
    key().seal(bytes)
}

#[test]
fn a_guests_fault_at_an_unannounced_place_kills_the_process() {
    dies("a_guests_fault_at_an_unannounced_place_kills_the_process", || {
        let engine = engine();
        let module = Module::load(&engine, &tampered()).unwrap();
        let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
        let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
        let f = instance.func(&store, "f").unwrap();
        assert_eq!(f.call(&mut store, &[Val::I32(0)]).unwrap(), [Val::I32(0)]);
        let outcome = f.call(&mut store, &[Val::I32(65536)]);
        println!("it went on: {outcome:?}");
    });
}

#[test]
fn a_fault_in_a_host_function_kills_the_process() {
    dies("a_fault_in_a_host_function_kills_the_process", || {
        let engine = engine();
        let mut linker = Linker::<usize>::new(&engine);
        linker
            .func_wrap("h", "read", |caller: Caller<'_, usize>| {
                let address = std::hint::black_box(*caller.data()) as *const i32;
                // SAFETY: none: the address is never mapped, and the fault is what is tested.
                unsafe { address.read_volatile() }
            })
            .unwrap();
        let text = r#"(module (import "h" "read" (func $read (result i32))) (memory 1)
          (func (export "f") (result i32) (call $read)))"#;
        let module = module(&engine, text);
        let limits = StoreLimits::default();
        let mut store = Store::for_module(&engine, &module, limits, 0).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let f = instance.func(&store, "f").unwrap();
        // An address of a page that is never mapped, as a host's bug would have it.
        *store.data_mut() = 8;
        let outcome = f.call(&mut store, &[]);
        println!("it went on: {outcome:?}");
    });
}
