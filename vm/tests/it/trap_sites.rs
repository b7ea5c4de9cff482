//! A trap names its place: the function, and the instruction in its machine code.

use faasm_vm::{Frame, Instance, Linker, Store, TrapCode, Val};

use crate::support::{arena, engine, faaslet, module};

/// Each export traps in its own way in the function after it, at the second of two places that can trap alike.
const KINDS: &[(&str, TrapCode, &str)] = &[
    ("throw_ref", TrapCode::NullException, "(throw_ref (ref.null exn))"),
    ("unreachable", TrapCode::Unreachable, "(if (local.get 0) (then unreachable)) unreachable"),
    (
        "load",
        TrapCode::MemoryOutOfBounds,
        "(drop (i32.load (i32.const 0))) (drop (i32.load offset=65533 (local.get 0)))",
    ),
    (
        "far load",
        TrapCode::MemoryOutOfBounds,
        "(drop (i32.load (i32.const 0))) (drop (i64.load offset=0xfffffff0 (i32.const -1)))",
    ),
    (
        "store",
        TrapCode::MemoryOutOfBounds,
        "(i32.store (i32.const 0) (i32.const 1)) (i64.store (i32.const 65529) (i64.const 1))",
    ),
    (
        "vector",
        TrapCode::MemoryOutOfBounds,
        "(drop (v128.load (i32.const 0))) (v128.store (i32.const 65521) (v128.load (i32.const 0)))",
    ),
    (
        "fill",
        TrapCode::MemoryOutOfBounds,
        "(memory.fill (i32.const 65535) (i32.const 0) (i32.const 2))",
    ),
    (
        "copy",
        TrapCode::MemoryOutOfBounds,
        "(memory.copy (i32.const 0) (i32.const 65535) (i32.const 2))",
    ),
    (
        "init",
        TrapCode::MemoryOutOfBounds,
        "(memory.init $d (i32.const 0) (i32.const 3) (i32.const 2))",
    ),
    ("table.get", TrapCode::TableOutOfBounds, "(drop (table.get $t (i32.const 3)))"),
    ("table.set", TrapCode::TableOutOfBounds, "(table.set $t (i32.const 3) (ref.null func))"),
    (
        "table.fill",
        TrapCode::TableOutOfBounds,
        "(table.fill $t (i32.const 2) (ref.null func) (i32.const 2))",
    ),
    ("undefined", TrapCode::UndefinedElement, "(call_indirect $t (i32.const 3))"),
    ("uninitialized", TrapCode::UninitializedElement, "(call_indirect $t (i32.const 1))"),
    ("mismatch", TrapCode::IndirectCallTypeMismatch, "(call_indirect $t (i32.const 0))"),
    (
        "overflow",
        TrapCode::IntegerOverflow,
        "(drop (i32.div_s (i32.const 0x80000000) (i32.sub (local.get 0) (i32.const 1))))",
    ),
    (
        "conversion overflow",
        TrapCode::IntegerOverflow,
        "(drop (i32.trunc_f64_s (f64.convert_i64_s (i64.shl (i64.extend_i32_u (i32.add (local.get 0)
            (i32.const 1))) (i64.const 62)))))",
    ),
    (
        "zero",
        TrapCode::IntegerDivideByZero,
        "(drop (i64.rem_u (i64.const 7) (i64.extend_i32_u (local.get 0))))",
    ),
    (
        "conversion",
        TrapCode::InvalidConversion,
        "(drop (i64.trunc_f32_u (f32.div (f32.convert_i32_s (local.get 0)) (f32.const 0))))",
    ),
    ("unaligned", TrapCode::UnalignedAtomic, "(drop (i32.atomic.load (i32.const 1)))"),
    (
        "unshared",
        TrapCode::ExpectedSharedMemory,
        "(drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0)))",
    ),
    (
        "null reference",
        TrapCode::NullReference,
        "(drop (ref.as_non_null (table.get $t (i32.const 1))))",
    ),
    ("null function", TrapCode::NullFunction, "(call_ref $void (ref.null $void))"),
    ("null structure", TrapCode::NullStructure, "(drop (struct.get $s 0 (ref.null $s)))"),
    ("null array", TrapCode::NullArray, "(drop (array.len (ref.null $a)))"),
    ("null i31", TrapCode::NullI31, "(drop (i31.get_s (ref.null i31)))"),
    ("cast", TrapCode::CastFailure, "(drop (ref.cast (ref $a) (struct.new_default $s)))"),
    (
        "array",
        TrapCode::ArrayOutOfBounds,
        "(drop (array.get $a (array.new_default $a (i32.const 3)) (i32.const 3)))",
    ),
    ("stack", TrapCode::StackOverflow, "(call $stack (local.get 0)) (call $stack (local.get 0))"),
];

fn id(name: &str) -> String {
    name.replace([' ', '.'], "_")
}

fn kinds() -> (Store<()>, Instance) {
    let functions: String = KINDS
        .iter()
        .map(|(name, _, body)| {
            let id = id(name);
            format!(
                r#"(func ${id} (param i32) {body})
                (func (export "{name}") (param i32) (call ${id} (local.get 0)) (drop (memory.grow (i32.const 0))))"#
            )
        })
        .collect();
    faaslet(&format!(
        r#"(module $kinds (type $void (func)) (type $s (struct (field i32))) (type $a (array i64)) (memory 1) (table $t 3 3 funcref) (elem (table $t) (i32.const 0) func $wrong)
          (data $d "abcd") (func $wrong (param i64)) {functions})"#
    ))
}

fn frames(store: &mut Store<()>, instance: Instance, name: &str) -> (TrapCode, Vec<Frame>) {
    let trap = instance.func(store, name).unwrap().call(store, &[Val::I32(0)]).unwrap_err();
    (trap.trap_code().unwrap(), trap.backtrace().frames().to_vec())
}

#[test]
fn every_code_is_raised_in_its_function_at_its_instruction() {
    let (mut store, instance) = kinds();
    let mut seen: Vec<TrapCode> = Vec::new();
    for (position, (name, code, _)) in (0..).zip(KINDS) {
        let (found, frames) = frames(&mut store, instance, name);
        assert_eq!(found, *code, "{name}");
        // The first function is `$wrong`; then come two for each kind.
        let inner = &frames[0];
        assert_eq!(inner.function, 1 + 2 * position, "{name}: {inner}");
        assert_eq!(inner.name.as_deref(), Some(&*id(name)), "{name}");
        assert_eq!(inner.module.as_deref(), Some("kinds"), "{name}");
        if found != TrapCode::StackOverflow {
            assert_eq!(frames.len(), 2, "{name}: {frames:?}");
            assert_eq!(frames[1].function, 2 + 2 * position, "{name}");
            assert!(frames[1].offset > 0, "{name}: a return address is behind a call");
        }
        seen.push(found);
    }
    for code in (0..=u8::MAX).filter_map(TrapCode::from_u8) {
        // Interrupts and the heap have their own tests.
        let elsewhere = matches!(code, TrapCode::Interrupted | TrapCode::GcHeapExhausted);
        assert!(elsewhere || seen.contains(&code), "{code:?} is not tested");
    }
}

#[test]
fn the_length_of_null_traps_in_a_module_that_makes_no_arrays() {
    let text = r#"(module (memory 1) (func (export "f") (param arrayref) (result i32)
      (array.len (local.get 0))))"#;
    let (mut store, instance) = faaslet(text);
    let trap =
        instance.func(&store, "f").unwrap().call(&mut store, &[Val::AnyRef(None)]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::NullArray));

    let engine = engine();
    let mut store = arena(&engine);
    let linker = Linker::new(&engine);
    let first = linker.instantiate(&mut store, &module(&engine, text)).unwrap();
    let maker = r#"(module (type $a (array i8)) (func (export "make") (result arrayref)
      (array.new_default $a (i32.const 7))))"#;
    let second = linker.instantiate(&mut store, &module(&engine, maker)).unwrap();
    let f = first.func(&store, "f").unwrap();
    let trap = f.call(&mut store, &[Val::AnyRef(None)]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::NullArray));
    let made = second.func(&store, "make").unwrap().call(&mut store, &[]).unwrap();
    assert_eq!(f.call(&mut store, &made).unwrap(), [Val::I32(7)]);
}

#[test]
fn two_places_in_a_function_have_two_offsets_in_their_order() {
    let (mut store, instance) = faaslet(
        r#"(module (memory 1)
          (func (export "f") (param i32 i32) (result i32)
            (i32.load (local.get 0))
            (i32.store (i32.const 16) (local.get 0))
            (i32.load8_u (local.get 1)) i32.add))"#,
    );
    let f = instance.func(&store, "f").unwrap();
    let mut offset = |first, second| {
        let trap = f.call(&mut store, &[Val::I32(first), Val::I32(second)]).unwrap_err();
        assert_eq!(trap.trap_code(), Some(TrapCode::MemoryOutOfBounds));
        trap.backtrace().frames()[0].offset
    };
    let (first, second) = (offset(65536, 0), offset(0, 65536));
    assert!(first < second, "{first} and {second}");
}
