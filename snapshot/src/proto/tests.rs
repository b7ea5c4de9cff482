//! What runs before the capture, how often, and what births see of it.

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{EngineConfig, SealKey};

use super::*;

fn make(wat: &str) -> Result<Proto, ProtoError> {
    make_with(wat, None, 0)
}

fn make_with(wat: &str, init: Option<&str>, host: u32) -> Result<Proto, ProtoError> {
    let wasm = wat::parse_str(wat).unwrap();
    let key = SealKey::derive(b"test");
    let object = compile(&validate(&wasm).unwrap(), &CompileOptions::default()).unwrap();
    let engine = Engine::new(EngineConfig::new(key.clone())).unwrap();
    let module = Module::load(&engine, &key.seal(object)).unwrap();
    let linker = Linker::<u32>::new(&engine);
    let limits = StoreLimits::default();
    let recipe = Recipe {
        engine: &engine,
        linker: &linker,
        limits,
        deadline: None,
        init,
        check: |state: &u32| if *state == 0 { Ok(()) } else { Err("the host objects".into()) },
    };
    Proto::make(&recipe, &module, host)
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
        Err(ProtoError::Failed { name, code: 3 }) if name == "_faasm_zygote"
    ));
    assert!(matches!(failing("unreachable"), Err(ProtoError::Trapped { .. })));
    assert!(matches!(failing("(param i32)"), Err(ProtoError::Entry(EntryError::Type(_)))));
    assert!(failing("(result i32) i32.const 0").is_ok());
}

#[test]
fn an_initialiser_that_is_named_takes_the_zygotes_place() {
    let functions = [("_initialize", 1), ("_faasm_zygote", 3), ("warm", 7)];
    let wat = module(&functions);
    assert_eq!(answer(&make_with(&wat, Some("warm"), 0).unwrap()), 179);
    assert_eq!(answer(&make_with(&wat, None, 0).unwrap()), 139);
    assert!(matches!(
        make_with(&wat, Some("cold"), 0),
        Err(ProtoError::NoInit { name }) if name == "cold"
    ));
}

#[test]
fn the_host_can_refuse_a_capture() {
    let error = make_with(&module(&[]), None, 5).unwrap_err();
    assert!(matches!(&error, ProtoError::Host(reason) if reason.to_string() == "the host objects"));
}

#[test]
fn what_newborns_run_first_is_known_and_has_the_type_of_an_entry() {
    let proto = make(&module(&[("_faasm_zygote", 3), ("after_restore", 4)])).unwrap();
    assert_eq!(answer(&proto), 39, "it is not run by the birth");
    let mut store = proto.birth(1u32).unwrap();
    let first = proto.after_restore().unwrap();
    assert_eq!(Entry::return_code(first.func().call(&mut store, &[])).unwrap(), 0);
    let main = proto.main().unwrap().func().call(&mut store, &[]);
    assert_eq!(Entry::return_code(main).unwrap(), 349);
    assert!(make(&module(&[])).unwrap().after_restore().is_none());
    let typed =
        make("(module (func (export \"main\")) (func (export \"after_restore\") (param i32)))");
    assert!(matches!(typed, Err(ProtoError::Entry(EntryError::Type(_)))));
}

#[test]
fn pointers_name_elements_of_the_right_type_only() {
    for export in ["(export \"__indirect_function_table\")", ""] {
        let module = format!(
            "(module (table {export} 4 funcref)
               (elem (i32.const 1) $good $bad)
               (func $good (export \"main\") (result i32) i32.const 5)
               (func $bad (param i32)))"
        );
        let proto = make(&module).unwrap();
        let mut store = proto.birth(0u32).unwrap();
        let entry = proto.pointer(&store, 1).unwrap();
        assert_eq!(Entry::return_code(entry.func().call(&mut store, &[])).unwrap(), 5);
        for index in [0, 2, 3, 4, u32::MAX] {
            assert!(matches!(proto.pointer(&store, index), Err(EntryError::Type(_))), "{index}");
        }
    }
    let none = make("(module (func (export \"main\") (result i32) i32.const 5))").unwrap();
    let store = none.birth(0u32).unwrap();
    assert!(matches!(none.pointer(&store, 0), Err(EntryError::Type(_))));
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
