//! What runs before the capture, how often, and what births see of it.

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{EngineConfig, SealKey};

use super::*;

fn make(wat: &str) -> Result<Proto, ProtoError> {
    let wasm = wat::parse_str(wat).unwrap();
    let key = SealKey::derive(b"test");
    let object = compile(&validate(&wasm).unwrap(), &CompileOptions::default()).unwrap();
    let engine = Engine::new(EngineConfig::new(key.clone())).unwrap();
    let module = Module::load(&engine, &key.seal(object)).unwrap();
    let linker = Linker::<u32>::new(&engine);
    let recipe =
        Recipe { engine: &engine, linker: &linker, limits: StoreLimits::default(), deadline: None };
    Proto::make(&recipe, &module, 0)
}

/// A newborn's answer: the result of its entry.
fn answer(proto: &Proto) -> i32 {
    let mut store = proto.birth(1u32).unwrap();
    let code = Entry::return_code(proto.main().unwrap().func().call(&mut store, &[])).unwrap();
    store.recycle();
    code
}

/// A module with these functions, each of which appends its digit to a number; `main` appends 9 and returns it.
fn module(functions: &[(&str, u32)]) -> String {
    let append = |digit: u32| {
        format!(
            "(i32.store (i32.const 0) (i32.add (i32.mul (i32.load (i32.const 0)) (i32.const 10)) (i32.const {digit})))"
        )
    };
    let functions: String = functions
        .iter()
        .map(|(name, digit)| format!("(func (export \"{name}\") {})", append(*digit)))
        .collect();
    format!(
        "(module (memory 1) {functions}
           (func (export \"main\") (result i32) {} (i32.load (i32.const 0))))",
        append(9)
    )
}

#[test]
fn initialisers_run_once_and_every_newborn_begins_behind_them() {
    for (functions, expected) in [
        (&[][..], 9),
        (&[("_initialize", 1)], 19),
        (&[("__wasm_call_ctors", 2)], 29),
        (&[("_initialize", 1), ("__wasm_call_ctors", 2)], 19),
        (&[("_initialize", 1), ("_faasm_zygote", 3)], 139),
        (&[("wizer-initialize", 4), ("_initialize", 1)], 149),
        (&[("wizer.initialize", 5)], 59),
    ] {
        let proto = make(&module(functions)).unwrap();
        assert_eq!([answer(&proto), answer(&proto)], [expected; 2], "{functions:?}");
    }
}

#[test]
fn a_commands_constructors_are_its_own_business() {
    let start = "(func (export \"_start\") (if (i32.ne (i32.load (i32.const 0)) (i32.const 3)) (then unreachable)))";
    let zygote = [("__wasm_call_ctors", 2), ("_faasm_zygote", 3)];
    let wat = module(&zygote).replacen("(memory 1)", &format!("(memory 1) {start}"), 1);
    assert_eq!(answer(&make(&wat).unwrap()), 0);
}

#[test]
fn failing_initialisers_make_no_proto() {
    let failing = |body: &str| {
        make(&format!("(module (func (export \"main\")) (func (export \"_faasm_zygote\") {body}))"))
    };
    assert!(matches!(
        failing("(result i32) i32.const 3"),
        Err(ProtoError::Failed { name: "_faasm_zygote", code: 3 })
    ));
    assert!(matches!(failing("unreachable"), Err(ProtoError::Trapped { .. })));
    assert!(matches!(failing("(param i32)"), Err(ProtoError::Entry(EntryError::Type(_)))));
    assert!(failing("(result i32) i32.const 0").is_ok());
}

#[test]
fn pointers_name_elements_of_the_right_type_only() {
    let proto = make(
        "(module (table (export \"__indirect_function_table\") 4 funcref)
           (elem (i32.const 1) $good $bad)
           (func $good (export \"main\") (result i32) i32.const 5)
           (func $bad (param i32)))",
    )
    .unwrap();
    let mut store = proto.birth(0u32).unwrap();
    let entry = proto.pointer(&store, 1).unwrap();
    assert_eq!(Entry::return_code(entry.func().call(&mut store, &[])).unwrap(), 5);
    for index in [0, 2, 3, 4, u32::MAX] {
        assert!(matches!(proto.pointer(&store, index), Err(EntryError::Type(_))), "{index}");
    }
}

#[test]
fn a_module_without_an_entry_says_so() {
    let proto = make("(module (func (export \"other\")))").unwrap();
    assert_eq!(proto.main().unwrap_err(), EntryError::Missing);
    let typed =
        make("(module (func (export \"main\") (param i32 i32) (result i32) i32.const 0))").unwrap();
    assert!(matches!(typed.main(), Err(EntryError::Type(_))));
    let both = make(
        "(module (func (export \"main\") (param i32 i32) (result i32) i32.const 0)
           (func (export \"__main_void\") (result i32) i32.const 8))",
    );
    assert_eq!(answer(&both.unwrap()), 8);
}
