//! What a module may ask for: each limit is held, says what was too much and where, and lets through what is just
//! within it.

use std::error::Error;
use std::num::NonZeroUsize;
use std::time::Duration;

use faasm_compiler::{
    CompileError, CompileOptions, Limit, LimitExceeded, Limits, ValidateError, compile,
    validate_with,
};

/// The limit that stops the module, or the size of its object.
pub(crate) fn outcome(wasm: &[u8], limits: &Limits) -> Result<usize, LimitExceeded> {
    let module = validate_with(wasm, limits).map_err(|error| match error {
        ValidateError::Limit(exceeded) => exceeded,
        error => panic!("{error}: {:?}", error.source()),
    })?;
    let limits = limits.clone();
    let options = CompileOptions { threads: NonZeroUsize::new(1), limits, ..Default::default() };
    match compile(&module, &options) {
        Ok(object) => Ok(object.len()),
        Err(CompileError::Limit(exceeded)) => Err(exceeded),
        Err(error) => panic!("{error}"),
    }
}

/// The module passes with the limit at `enough` and is stopped by it at one less, with an error about `function`.
#[track_caller]
fn holds(limit: Limit, set: fn(&mut Limits, u64), enough: u64, text: &str, function: Option<u32>) {
    let wasm = wat::parse_str(text).unwrap();
    let with = |n: u64| {
        let mut limits = Limits::default();
        set(&mut limits, n);
        limits
    };
    assert!(outcome(&wasm, &with(enough)).is_ok(), "{:?}", outcome(&wasm, &with(enough)));
    let exceeded = outcome(&wasm, &with(enough - 1)).unwrap_err();
    assert_eq!(exceeded.limit, limit);
    assert_eq!(exceeded.most, enough - 1);
    assert_eq!(exceeded.function.as_ref().map(|function| function.index), function);
    let said = exceeded.to_string();
    assert!(said.contains(&format!("`Limits::{}`", limit.field())), "{said}");
    assert!(said.contains(&format!("more than {} {}", enough - 1, limit.what())), "{said}");
    if function.is_some() {
        assert!(said.starts_with("function 1 (named)"), "{said}");
    }
}

const NAMED: Option<u32> = Some(1);

#[test]
fn counts_of_the_modules_parts_are_limited() {
    holds(
        Limit::Types,
        |l, n| l.types = n,
        2,
        "(module (type (func)) (type (func (param i32))))",
        None,
    );
    holds(Limit::Functions, |l, n| l.functions = n, 3, "(module (func) (func) (func))", None);
    holds(
        Limit::Imports,
        |l, n| l.imports = n,
        2,
        r#"(module (import "a" "b" (func)) (import "a" "c" (global i32)))"#,
        None,
    );
    holds(
        Limit::Exports,
        |l, n| l.exports = n,
        2,
        r#"(module (func (export "a") (export "b")))"#,
        None,
    );
    holds(
        Limit::Items,
        |l, n| l.items = n,
        2,
        "(module (table 1 funcref) (table 1 funcref))",
        None,
    );
    holds(
        Limit::DataSegments,
        |l, n| l.data_segments = n,
        2,
        r#"(module (data "a") (data "b"))"#,
        None,
    );
    holds(
        Limit::ElementSegments,
        |l, n| l.element_segments = n,
        2,
        "(module (func $f) (elem func $f) (elem func $f))",
        None,
    );
}

#[test]
fn what_a_function_holds_is_limited() {
    holds(
        Limit::FunctionBytes,
        |l, n| l.function_bytes = n,
        5,
        "(module (func) (func $named nop nop nop))",
        NAMED,
    );
    holds(
        Limit::Operators,
        |l, n| l.operators = n,
        4,
        "(module (func) (func $named nop nop nop))",
        NAMED,
    );
    holds(
        Limit::Locals,
        |l, n| l.locals = n,
        5,
        "(module (func) (func $named (param i32 i64) (local f32 f64 i32)))",
        NAMED,
    );
    holds(
        Limit::Nesting,
        |l, n| l.nesting = n,
        4,
        "(module (func) (func $named (block (loop (if (i32.const 1) (then nop))))))",
        NAMED,
    );
    holds(
        Limit::Loops,
        |l, n| l.loops = n,
        2,
        "(module (func) (func $named (loop (block (loop))) (loop)))",
        NAMED,
    );
    // Three entries and the default, each with itself and two values.
    holds(
        Limit::BranchValues,
        |l, n| l.branch_values = n,
        12,
        "(module (func) (func $named (param i32) (drop (drop (block (result i32 i32)
            (i32.const 1) (i32.const 2) (br_table 0 0 0 0 (local.get 0)))))))",
        NAMED,
    );
}

#[test]
fn what_the_code_generator_is_given_is_limited() {
    let text = "(module (memory 1) (func) (func $named (param i32)
      (i32.store (local.get 0) (i32.mul (local.get 0) (i32.add (local.get 0) (i32.const 3))))))";
    let wasm = wat::parse_str(text).unwrap();
    for (set, limit) in [
        ((|l, n| l.values = n) as fn(&mut Limits, u64), Limit::Values),
        (|l, n| l.module_values = n, Limit::ModuleValues),
        (|l, n| l.code_bytes = n, Limit::CodeBytes),
    ] {
        // How much it takes is the code generator's affair: there is a number from which on it is enough.
        let with = |n: u64| {
            let mut limits = Limits::default();
            set(&mut limits, n);
            outcome(&wasm, &limits)
        };
        let enough = (0..100_000).find(|&n| with(n).is_ok()).unwrap();
        assert!(enough > 3, "{limit:?}: {enough}");
        assert_eq!(with(enough - 1).unwrap_err().limit, limit);
        assert_eq!(with(1).unwrap_err().limit, limit);
    }
}

#[test]
fn time_is_limited_in_validation_and_in_compilation() {
    let limits = Limits { time: Some(Duration::ZERO), ..Limits::default() };
    let wasm = wat::parse_str("(module (func) (func $named))").unwrap();
    let error = validate_with(&wasm, &limits).unwrap_err();
    assert!(error.to_string().contains("`Limits::time`"), "{error}");
    let module = validate_with(&wasm, &Limits::default()).unwrap();
    let options = CompileOptions { limits, ..Default::default() };
    let error = compile(&module, &options).unwrap_err();
    let CompileError::Limit(exceeded) = &error else { panic!("{error}") };
    assert_eq!(exceeded.limit, Limit::Time);
    assert!(error.to_string().starts_with("function 0 takes more than"), "{error}");
}

#[test]
fn real_modules_are_far_below_all_limits() {
    for name in ["c/build/echo.wasm", "quickjs/build/quickjs.wasm"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests").join(name);
        let wasm = std::fs::read(path).unwrap();
        let default = Limits::default();
        let tenth = Limits {
            types: default.types / 10,
            functions: default.functions / 10,
            imports: default.imports / 10,
            exports: default.exports / 10,
            items: default.items / 10,
            data_segments: default.data_segments / 10,
            element_segments: default.element_segments / 10,
            function_bytes: default.function_bytes / 10,
            operators: default.operators / 10,
            locals: default.locals / 10,
            nesting: default.nesting / 10,
            loops: default.loops / 10,
            branch_values: default.branch_values / 10,
            values: default.values / 10,
            module_values: default.module_values / 10,
            code_bytes: default.code_bytes / 10,
            time: default.time,
        };
        assert!(outcome(&wasm, &tenth).is_ok(), "{name}: {:?}", outcome(&wasm, &tenth));
    }
}
