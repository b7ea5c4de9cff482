//! Small valid modules that would take minutes or gigabytes if nothing bounded them: each is refused by a limit, or
//! becomes an object of a size that shows in what way it was compiled.

use faasm_compiler::{Limit, Limits};

use crate::limits::outcome;
use crate::robust::{leb, module_of};

/// `(module (memory 1) (func (param i32) (local i64 …)) …)` with a body of these bytes.
fn function(locals: usize, body: &[u8]) -> Vec<u8> {
    let mut code = vec![1];
    code.extend(leb(locals));
    code.push(0x7e);
    code.extend_from_slice(body);
    code.push(0x0b);
    module_of(b"\x01\x60\x01\x7f\0", &code)
}

fn local(opcode: u8, index: usize) -> Vec<u8> {
    let mut bytes = vec![opcode];
    bytes.extend(leb(index));
    bytes
}

/// `n` locals that change in the innermost of `m` loops.
fn changing(n: usize, m: usize) -> Vec<u8> {
    let mut body = b"\x03\x40".repeat(m);
    for i in 1..=n {
        body.extend(local(0x20, i));
        body.extend(b"\x42\x01\x7c");
        body.extend(local(0x21, i));
    }
    body.extend(b"\x20\x00\x0d\x00\x0b".repeat(m));
    function(n, &body)
}

#[track_caller]
fn is_stopped_by(limit: Limit, wasm: &[u8]) {
    assert!(wasm.len() < 8 << 20);
    let exceeded = outcome(wasm, &Limits::default()).unwrap_err();
    assert_eq!(exceeded.limit, limit, "{exceeded}");
    assert_eq!(exceeded.function.map(|function| function.index), Some(0));
}

#[test]
fn locals_that_live_over_many_loops_are_values_and_those_are_limited() {
    // 50 KB of code ask for four million values.
    is_stopped_by(Limit::Values, &changing(4000, 999));
}

#[test]
fn values_passed_on_by_many_blocks_get_the_least_effort() {
    // Merging them takes time that grows with the square of their number; the code without it is much larger.
    let (usual, unusual) = (changing(100, 150), changing(100, 300));
    let usual = outcome(&usual, &Limits::default()).unwrap();
    let unusual = outcome(&unusual, &Limits::default()).unwrap();
    assert!(unusual > 8 * usual, "{usual} and {unusual}");
}

#[test]
fn loops_inside_one_another_are_limited() {
    let mut body = b"\x03\x40".repeat(40_000);
    body.extend(b"\x20\x00\x0d\x00\x0b".repeat(40_000));
    is_stopped_by(Limit::Loops, &function(0, &body));
}

#[test]
fn blocks_inside_one_another_are_limited() {
    let mut body = b"\x02\x40\x20\x00\x0d\x00".repeat(900_000);
    body.extend(b"\x0b".repeat(900_000));
    is_stopped_by(Limit::Nesting, &function(0, &body));
}

#[test]
fn many_blocks_in_a_row_get_the_least_effort() {
    // Two constants added: the optimiser makes one of them.
    let block = b"\x02\x40\x20\x00\x0d\x00\x41\x05\x41\x07\x6a\x1a\x0b";
    let size = |n: usize| outcome(&function(0, &block.repeat(n)), &Limits::default()).unwrap();
    let (usual, unusual) = (size(2_500), size(10_500));
    assert!(unusual > 6 * usual, "{usual} and {unusual}");
}

#[test]
fn entries_of_branch_tables_are_counted_with_what_they_pass_on() {
    // A block of a thousand results, and a table that goes to it from each of twenty thousand entries.
    let results = [0x7f_u8; 1000];
    let mut types = vec![2, 0x60, 1, 0x7f, 0, 0x60, 0];
    types.extend(leb(results.len()));
    types.extend(results);
    let mut code = b"\x00\x02\x01".to_vec();
    code.extend(b"\x41\x00".repeat(1001));
    code.push(0x0e);
    code.extend(leb(20_000));
    code.extend(vec![0; 20_001]);
    code.push(0x0b);
    code.extend(vec![0x1a; 1000]);
    code.push(0x0b);
    let wasm = module_of(&types, &code);
    assert!(wasm.len() < 30_000);
    is_stopped_by(Limit::BranchValues, &wasm);
}

#[test]
fn a_function_of_seven_megabytes_is_too_much() {
    // (local.set 1 (i64.add (local.get 1) (i64.const 1)))
    let add = b"\x20\x01\x42\x01\x7c\x21\x01";
    is_stopped_by(Limit::Operators, &function(1, &add.repeat(1_050_000)));
    is_stopped_by(Limit::Values, &function(1, &add.repeat(700_000)));
}

#[test]
fn expressions_may_be_deep() {
    // Nothing recurses: a hundred thousand operands wait for their additions.
    let mut body = b"\x20\x00".repeat(100_000);
    body.extend(b"\x6a".repeat(99_999));
    body.push(0x1a);
    assert!(outcome(&function(0, &body), &Limits::default()).is_ok());
}
