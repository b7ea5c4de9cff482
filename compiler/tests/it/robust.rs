//! Input that is not what it should be, or more than one expects; and the same bytes for the same input.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use faasm_compiler::{CompileError, CompileOptions, Limit, OptLevel, compile, validate};

use crate::disas;

fn quick() -> CompileOptions {
    CompileOptions { opt: OptLevel::None, threads: NonZeroUsize::new(1), ..Default::default() }
}

/// A program that clang made.
fn real_module() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/c/build/echo.wasm")).unwrap()
}

#[test]
fn cutting_a_real_module_anywhere_is_an_error_or_a_module() {
    let wasm = real_module();
    let mut valid = 0;
    for length in (0..wasm.len()).step_by(7).chain(wasm.len() - 100..wasm.len()) {
        // Cut between custom sections, what is left is a module; nothing may panic.
        valid += usize::from(validate(&wasm[..length]).is_ok());
    }
    assert!(valid < 100, "{valid} cut modules were accepted");
    assert!(validate(&wasm).is_ok());
}

#[test]
fn changing_any_byte_of_a_module_never_panics() {
    for file in disas::files() {
        let wasm = wat::parse_file(&file).unwrap();
        for at in 0..wasm.len() {
            for change in [0x01, 0x80] {
                let mut changed = wasm.clone();
                changed[at] ^= change;
                if let Ok(module) = validate(&changed) {
                    // A changed limit may ask for too large a context; that is an error like any other.
                    let _ = compile(&module, &quick());
                }
            }
        }
    }
}

#[test]
fn the_object_does_not_depend_on_threads() {
    let wasm = real_module();
    let module = validate(&wasm).unwrap();
    let with = |threads| {
        let options = CompileOptions { threads: NonZeroUsize::new(threads), ..Default::default() };
        compile(&module, &options).unwrap()
    };
    let one = with(1);
    // Not `assert_eq`: it would print both.
    assert!(one == with(2), "one thread and two differ");
    assert!(one == with(0), "one thread and all differ");
    assert!(one == compile(&validate(&wasm).unwrap(), &Default::default()).unwrap());
}

fn compiles(wat: &str) {
    let wasm = wat::parse_str(wat).unwrap();
    compile(&validate(&wasm).unwrap(), &quick()).unwrap();
}

/// Deep nesting as bytes: a text of it would overflow the parser's stack, not ours.
fn nested(open: &[u8], close: &[u8], depth: usize) -> Vec<u8> {
    let mut body = vec![0];
    for _ in 0..depth {
        body.extend_from_slice(open);
    }
    for _ in 0..depth {
        body.extend_from_slice(close);
    }
    body.push(0x0b);
    module_of(b"\x01\x60\0\0", &body)
}

/// A module of one function, of the only type in the section `ty`.
pub(crate) fn module_of(ty: &[u8], body: &[u8]) -> Vec<u8> {
    let mut code = vec![1];
    code.extend(leb(body.len()));
    code.extend_from_slice(body);
    let mut wasm = b"\0asm\x01\0\0\0".to_vec();
    for (id, contents) in [(1, ty), (3, b"\x01\0"), (10, &code)] {
        wasm.push(id);
        wasm.extend(leb(contents.len()));
        wasm.extend_from_slice(contents);
    }
    wasm
}

pub(crate) fn leb(mut n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(n & 0x7f).unwrap();
        n >>= 7;
        if n == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[test]
fn nesting_may_be_deep() {
    for (open, close) in [
        (&b"\x02\x40"[..], &b"\x0b"[..]),
        (b"\x41\x00\x04\x40", b"\x05\x0b"),
        (b"\x02\x40\x41\x00\x0d\x00", b"\x0b"),
        // `try_table` that catches all, with a call.
        (b"\x1f\x40\x01\x02\x00\x10\x00", b"\x0b"),
    ] {
        let wasm = nested(open, close, 20_000);
        let module = validate(&wasm).unwrap();
        compile(&module, &quick()).unwrap();
    }
}

#[test]
fn large_tables_of_branches_compile() {
    let targets = "0 1 ".repeat(20_000);
    compiles(&format!(
        "(module (func (param i32) (result i32)
            (block (result i32) (block (result i32) (i32.const 7)
                (br_table {targets} 0 (local.get 0))))))"
    ));
    compiles(&format!(
        "(module (func (param i32) (br_table {} (local.get 0))))",
        "0 ".repeat(60_000)
    ));
}

#[test]
fn clauses_that_ask_for_too_many_values_are_refused() {
    // Each clause takes a thousand values, in a few bytes.
    let params = "i32 ".repeat(1000);
    let compile = |clauses: &str| {
        let text = format!(
            "(module (tag $t (param {params})) (func $f (result {params})
                (try_table (result {params}) {clauses} (call $f))))"
        );
        compile(&validate(&wat::parse_str(text).unwrap()).unwrap(), &quick())
    };
    assert!(compile(&"(catch $t 0)".repeat(10)).is_ok());
    let error = compile(&"(catch $t 0)".repeat(10_000)).unwrap_err();
    let CompileError::Limit(exceeded) = error else { panic!("{error}") };
    assert_eq!(exceeded.limit, Limit::Values);
}

#[test]
fn a_function_that_asks_for_too_many_values_is_refused() {
    // Each loop takes and gives a thousand values, in three bytes.
    let thousand = [0x7f_u8; 1000];
    let mut ty = vec![0x01, 0x60];
    for _ in 0..2 {
        ty.extend(leb(thousand.len()));
        ty.extend(thousand);
    }
    let mut body = vec![0];
    for local in 0..thousand.len() {
        body.push(0x20);
        body.extend(leb(local));
    }
    body.extend(b"\x03\x00\x0b".repeat(40_000));
    body.push(0x0b);
    let wasm = module_of(&ty, &body);
    let module = validate(&wasm).unwrap();
    let error = compile(&module, &quick()).unwrap_err();
    let CompileError::Limit(exceeded) = &error else { panic!("{error}") };
    assert_eq!(exceeded.limit, Limit::Values);
    assert!(error.to_string().contains("function 0 has more than"), "{error}");
}
