//! Tests of what validation says of a module.

use faasm_abi::tables::{SegmentMode, SegmentPlace};
use faasm_abi::types::{FuncType, ValType};

use super::*;

fn described(wat: &str) -> ModuleInfo {
    let wasm = wat::parse_str(wat).unwrap();
    validate(&wasm).unwrap().info().clone()
}

fn refused(wat: &str) -> ValidateError {
    let wasm = wat::parse_str(wat).unwrap();
    validate(&wasm).unwrap_err()
}

#[test]
fn a_library_says_how_it_is_linked() {
    let info = described(
        r#"(module
            (@dylink.0
                (mem-info (memory 40 4) (table 3 1))
                (needed "liba.so" "libb.so")
                (export-info "x" 0x100)
                (import-info "GOT.mem" "y" 0x1))
            (import "GOT.mem" "y" (global (mut i32))))"#,
    );
    let symbol = |module: &str, name: &str, flags| faasm_abi::dylink::Symbol {
        module: module.to_owned(),
        name: name.to_owned(),
        flags,
    };
    let expected = faasm_abi::dylink::Dylink {
        memory_size: 40,
        memory_align_log2: 4,
        table_size: 3,
        table_align_log2: 1,
        needed: vec!["liba.so".to_owned(), "libb.so".to_owned()],
        exports: vec![symbol("", "x", faasm_abi::dylink::THREAD_LOCAL)],
        imports: vec![symbol("GOT.mem", "y", faasm_abi::dylink::WEAK)],
    };
    assert_eq!(info.dylink, Some(expected));
}

#[test]
fn a_damaged_dylink_section_makes_no_library_and_is_no_error() {
    let damaged = |section: &[u8]| {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        let name = b"\x08dylink.0";
        wasm.extend([0, u8::try_from(name.len() + section.len()).unwrap()]);
        wasm.extend(name);
        wasm.extend(section);
        validate(&wasm).unwrap().info().dylink.clone()
    };
    // Too short, a string that does not end, more names than there are bytes.
    for section in [&b"\x01\x04\x01"[..], b"\x02\x03\x01\x09a", b"\x02\x05\xff\xff\xff\xff\x0f"] {
        assert_eq!(damaged(section), None, "{section:?}");
    }
    assert!(damaged(b"").is_some());
}

#[test]
fn a_module_is_described() {
    let wasm = wat::parse_str(
        r#"(module $m
            (import "env" "f" (func $f (param i32) (result i64)))
            (import "env" "g" (global i32))
            (memory 1 2)
            (global (mut i32) (i32.add (global.get 0) (i32.const 3)))
            (func $inner (export "inner"))
            (data (i32.const 4) "abc") (data "defg"))"#,
    )
    .unwrap();
    let module = validate(&wasm).unwrap();
    let info = module.info();
    assert_eq!(info.name.as_deref(), Some("m"));
    let params: Box<[_]> = [ValType::I32].into();
    assert_eq!(info.func_type(0), Some(&FuncType { params, results: [ValType::I64].into() }));
    assert_eq!((info.imported.functions, info.imported.globals), (1, 1));
    assert_eq!((module.function_name(0), module.function_name(1)), (Some("f"), Some("inner")));
    assert_eq!(info.global_inits[0].0.len(), 3);
    let at = SegmentPlace::Constant(4);
    let active = SegmentRow { mode: SegmentMode::Active { memory: 0, at }, offset: 0, length: 3 };
    let passive = SegmentRow { mode: SegmentMode::Passive, offset: 3, length: 4 };
    assert_eq!(module.segments(), [active, passive]);
    assert_eq!(info.data_segments, 2);
}

#[test]
fn functions_escape_by_exports_elements_globals_declarations_and_start() {
    let info = described(
        r#"(module
            (func $inner) (func $exported (export "e")) (func $element) (func $declared)
            (func $in_global) (func $start) (func $in_expression)
            (table 4 funcref) (elem (i32.const 0) $element)
            (elem declare func $declared)
            (elem funcref (ref.func $in_expression) (ref.null func))
            (global funcref (ref.func $in_global))
            (start $start))"#,
    );
    assert_eq!(info.escaping, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn tables_grow_if_code_or_others_can_make_them() {
    let info = described(
        r#"(module
            (import "env" "t" (table 1 funcref))
            (table $still 4 funcref) (table $grown 4 externref)
            (table (export "a") 4 funcref) (table (export "b") 4 4 funcref)
            (func (drop (table.grow $grown (ref.null extern) (i32.const 1)))))"#,
    );
    assert_eq!(info.growable_tables, [0, 2, 3]);
}

#[test]
fn unsupported_proposals_are_named() {
    for (wat, proposal) in [
        ("(module (type $f (func)) (type (cont $f)))", "stack-switching"),
        ("(module (func try end))", "legacy-exceptions"),
        ("(module (type (shared (struct))))", "shared-everything-threads"),
    ] {
        let error = refused(wat).to_string();
        assert!(error.contains("not supported yet") && error.contains(proposal), "{wat}: {error}");
    }
}

#[test]
fn malformed_names_are_no_error() {
    let mut wasm = wat::parse_str("(module (func))").unwrap();
    // A custom section "name" whose contents are cut off.
    wasm.extend_from_slice(b"\x00\x08\x04name\x01\x7f\x05");
    assert_eq!(validate(&wasm).unwrap().function_name(0), None);
}

#[test]
fn tables_are_closed_unless_others_or_code_can_put_foreign_functions_there() {
    let wasm = wat::parse_str(
        r#"(module
            (import "env" "f" (func $imported))
            (import "env" "t" (table 1 funcref))
            (func $own)
            (table $closed 4 4 funcref) (elem (table $closed) (i32.const 0) func $own)
            (table $nulls 4 funcref) (elem (table $nulls) (i32.const 0) funcref (ref.null func))
            (table $with_import 4 funcref) (elem (table $with_import) (i32.const 0) func $imported)
            (table (export "exported") 4 funcref)
            (table $set 4 funcref) (table $copied 4 funcref) (table $initialised 4 funcref)
            (elem $e func $own)
            (func
                (table.set $set (i32.const 0) (ref.null func))
                (table.copy $copied $closed (i32.const 0) (i32.const 0) (i32.const 0))
                (table.init $initialised $e (i32.const 0) (i32.const 0) (i32.const 0))))"#,
    )
    .unwrap();
    let closed = validate(&wasm).unwrap().closed_tables().to_vec();
    assert_eq!(closed, [false, true, true, false, false, false, false, false]);
}

#[test]
fn hints_that_are_wrong_are_ignored_and_told_only_when_asked() {
    // The body: no locals at 0, `local.get` at 1, `if` at 3.
    let module = |section: &str| {
        let text = format!(
            "(module (func (param i32) local.get 0 if end)
               (@custom \"metadata.code.branch_hint\" (before code) \"{section}\"))"
        );
        wat::parse_str(text).unwrap()
    };
    let good = module(r"\01\00\01\03\01\01");
    assert_eq!(validate(&good).unwrap().hints().len(), 1);
    assert!(check_custom_sections(&good).is_ok());
    for (section, placed) in [
        (r"\01\00\01\01\01\01", 1),          // of another operator
        (r"\01\00\01\02\01\01", 1),          // between operators
        (r"\01\00\01\63\01\01", 0),          // behind the body
        (r"\01\07\01\03\01\01", 0),          // of no function
        (r"\01\00\02\03\01\01\03\01\00", 2), // twice
        (r"\01\00\01\03\01\02", 0),          // neither likely nor unlikely
        (r"\01\00\01\03", 0),                // cut
        (r"\ff\ff\ff\ff\0f\00", 0),          // of more functions than bytes
    ] {
        let wasm = module(section);
        let validated = validate(&wasm).unwrap();
        assert_eq!(validated.hints().len(), placed, "{section}");
        assert!(crate::compile(&validated, &crate::CompileOptions::default()).is_ok(), "{section}");
        assert!(check_custom_sections(&wasm).is_err(), "{section}");
    }
}
