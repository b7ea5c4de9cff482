//! Where traps come from: offsets in the module and lines of the guest's sources.

use faasm_compiler::{CompileOptions, DebugInfo, compile, validate};
use faasm_vm::{Caller, Linker, Module, SourceLocation, Store, StoreLimits, Trap};

use crate::support::{engine, key};

const GUESTS: [&[u8]; 2] = [
    include_bytes!("../../../guests/c/build/source-lines-dwarf4.wasm"),
    include_bytes!("../../../guests/c/build/source-lines-dwarf5.wasm"),
];

/// Runs a guest that traps, on a host that answers nothing.
fn trapped(wasm: &[u8], debug: DebugInfo) -> Trap {
    let engine = engine();
    let options = CompileOptions { debug, ..CompileOptions::default() };
    let object = key().seal(compile(&validate(wasm).unwrap(), &options).unwrap());
    let module = Module::load(&engine, &object).unwrap();
    let mut linker = Linker::new(&engine);
    let wasi = "wasi_snapshot_preview1";
    linker
        .func_wrap(wasi, "args_get", |_: Caller<'_, ()>, _: i32, _: i32| 0)
        .unwrap()
        .func_wrap(wasi, "args_sizes_get", |_: Caller<'_, ()>, _: i32, _: i32| 0)
        .unwrap()
        .func_wrap(wasi, "proc_exit", |_: Caller<'_, ()>, _: i32| {})
        .unwrap();
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    instance.func(&store, "_start").unwrap().call(&mut store, &[]).unwrap_err()
}

fn place(location: &SourceLocation) -> (Option<&str>, Option<&str>, Option<u32>) {
    (location.function.as_deref(), location.file.as_deref(), location.line)
}

#[test]
fn backtraces_name_source_lines_and_inlined_functions() {
    for wasm in GUESTS {
        let trap = trapped(wasm, DebugInfo::Full);
        let frames = trap.backtrace().frames();
        let file = Some("guests/c/debug/source-lines.c");
        let sum = frames[0].locations();
        assert_eq!(
            sum.iter().map(place).collect::<Vec<_>>(),
            [(Some("checked"), file, Some(9)), (Some("sum"), file, Some(19))]
        );
        assert!(sum.iter().all(|location| location.column.is_some()));
        let main = frames[1].locations();
        assert_eq!(main.len(), 1);
        assert_eq!((main[0].file.as_deref(), main[0].line), (file, Some(37)));
        // The C library was built without.
        assert_eq!(frames[2].locations(), []);
        assert!(frames[2].wasm_offset().is_some());

        let text = trap.backtrace().to_string();
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[0].starts_with("   0: ") && lines[0].contains("!checked (inlined) at guests/")
        );
        assert!(lines[1].starts_with("      ") && lines[1].ends_with("source-lines.c:19:18"));
        assert!(lines[2].starts_with("   1: ") && lines[2].contains("!main+"), "{text}");
        assert!(lines[3].contains("!__main_void+") && lines[3].contains(" at wasm 0x"), "{text}");
        assert_eq!(frames[0].to_string().lines().count(), 2);
    }
}

#[test]
fn offsets_in_the_module_are_those_of_the_operators() {
    let wasm = wat::parse_str(
        r#"(module
          (func $fails (param i32) (result i32) (i32.div_u (i32.const 7) (local.get 0)))
          (func (export "_start") (drop (call $fails (i32.const 0))) (drop (memory.grow (i32.const 0))))
          (memory 1))"#,
    )
    .unwrap();
    // `i32.div_u` behind `local.get 0`, and `call 0` behind `i32.const 0`.
    let find = |bytes: &[u8]| wasm.windows(bytes.len()).position(|window| window == bytes).unwrap();
    let div = find(&[0x20, 0x00, 0x6e]) + 2;
    let call = find(&[0x41, 0x00, 0x10, 0x00]) + 2;
    let offsets = |debug| -> Vec<_> {
        let trap = trapped(&wasm, debug);
        trap.backtrace().frames().iter().map(|frame| frame.wasm_offset()).collect()
    };
    let expected = [div, call].map(|offset| u32::try_from(offset).ok());
    assert_eq!(offsets(DebugInfo::Full), expected);
    assert_eq!(offsets(DebugInfo::Lines), expected);
    assert_eq!(offsets(DebugInfo::None), [None, None]);
}
