//! Tests of what happens when the code generator does not come to its end.

use std::time::Duration;

use super::*;
use crate::limits::Limits;

/// A job for a module of two functions, the second named.
fn with_job(test: impl FnOnce(&Job<'_>)) {
    let wasm = wat::parse_str("(module (func) (func $named (result i32) (i32.const 1)))").unwrap();
    let module = crate::validate(&wasm).unwrap();
    let isas = isa::all(&CompileOptions::default()).unwrap();
    let limits = Limits { time: None, ..Limits::default() };
    let options = CompileOptions { limits, ..CompileOptions::default() };
    let env = Env::new(&module, &isas, &options).unwrap();
    test(&Job::new(&env, &module));
}

#[test]
fn a_panic_is_an_error_that_names_the_function_and_the_worker_goes_on() {
    with_job(|job| {
        let mut worker = Worker::new();
        // There is no such function: what looks for its body panics.
        let error = job.generate(&mut worker, Unit::Function(7)).err().unwrap();
        let CompileError::Panicked { function, message } = &error else { panic!("{error}") };
        assert_eq!(function, "wasm[7]::function");
        assert!(message.contains("out of bounds"), "{message}");
        assert!(!job.generate(&mut worker, Unit::Function(1)).unwrap().bytes.is_empty());
    });
}

#[test]
fn time_that_ends_within_the_code_generator_is_a_limit() {
    with_job(|job| {
        let mut worker = Worker::new();
        watch(Limits { time: Some(Duration::ZERO), ..Limits::default() }.clock());
        let error = job.generate(&mut worker, Unit::Function(1)).err().unwrap();
        let CompileError::Limit(exceeded) = &error else { panic!("{error}") };
        assert_eq!(exceeded.limit, Limit::Time);
        assert_eq!(exceeded.function.as_ref().unwrap().name.as_deref(), Some("named"));
        watch(Limits { time: None, ..Limits::default() }.clock());
        assert!(job.generate(&mut worker, Unit::Function(1)).is_ok());
    });
}
