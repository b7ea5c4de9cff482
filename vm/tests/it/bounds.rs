//! Every kind of access at every kind of edge: it traps exactly if one of its bytes is out of bounds, and a trap writes
//! nothing.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "bits of addresses and small numbers"
)]

use std::fmt::Write as _;

use faasm_vm::{Extern, Instance, Linker, Memory, Store, StoreLimits, Trap, TrapCode, Val};

use crate::support::{arena, engine, module};

/// Of the memories.
const PAGE: u64 = 1 << 16;

/// Name of a load, of the store that writes as much, what the store writes, and how many bytes they touch.
const ACCESSES: [(&str, &str, &str, u64); 9] = [
    ("i32.load8_u", "i32.store8", "i32.const -1", 1),
    ("i64.load16_s", "i64.store16", "i64.const -1", 2),
    ("i64.load32_u", "i64.store32", "i64.const -1", 4),
    ("f32.load", "f32.store", "f32.const nan", 4),
    ("i64.load", "i64.store", "i64.const -1", 8),
    ("f64.load", "f64.store", "f64.const nan", 8),
    ("v128.load", "v128.store", "v128.const i64x2 -1 -1", 16),
    ("v128.load32x2_u", "i64.store", "i64.const -1", 8),
    ("v128.load16_splat", "i32.store16", "i32.const -1", 2),
];

const GUARD: u64 = 32 << 20;

/// Static offsets about each bound that matters to the compiler.
fn offsets(wide: bool) -> Vec<u64> {
    let mut offsets =
        vec![0, 1, PAGE - 16, PAGE - 1, PAGE, GUARD - 17, GUARD - 16, GUARD - 1, GUARD];
    offsets.extend([i32::MAX as u64, 1 << 31, u32::MAX.into()]);
    if wide {
        offsets.extend([1 << 32, i64::MAX as u64, 1 << 63, u64::MAX - 16, u64::MAX]);
    }
    offsets
}

fn indices(wide: bool) -> Vec<u64> {
    let mut indices = vec![0, 1, PAGE - 16, PAGE - 8, PAGE - 1, PAGE, 1 << 31, u32::MAX.into()];
    if wide {
        indices.extend([1 << 32, 1 << 63, u64::MAX - PAGE, u64::MAX - 7, u64::MAX]);
    }
    indices
}

/// One function for each access and offset, to memory `memory` with addresses of type `address`.
fn functions(memory: usize, wide: bool) -> String {
    let address = if wide { "i64" } else { "i32" };
    let mut text = String::new();
    for (access, (load, store, value, _)) in ACCESSES.iter().enumerate() {
        for offset in offsets(wide) {
            let name = format!("{memory}-{access}-{offset}");
            write!(
                text,
                r#"(func (export "load-{name}") (param {address})
                     (drop ({load} {memory} offset={offset} (local.get 0))))
                   (func (export "store-{name}") (param {address})
                     ({store} {memory} offset={offset} (local.get 0) ({value})))"#
            )
            .unwrap();
        }
    }
    text
}

fn exported(store: &Store<()>, instance: Instance, name: &str) -> Memory {
    match instance.export(store, name) {
        Some(Extern::Memory(memory)) => memory,
        other => panic!("{name} is {other:?}"),
    }
}

/// Calls each of [`functions`] at each index.
fn check(store: &mut Store<()>, instance: Instance, memory: usize, wide: bool) {
    let bytes = exported(store, instance, &format!("m{memory}"));
    for (access, (_, _, _, size)) in ACCESSES.iter().enumerate() {
        for offset in offsets(wide) {
            for index in indices(wide) {
                let end = u128::from(offset) + u128::from(index) + u128::from(*size);
                let arg = if wide { Val::I64(index as i64) } else { Val::I32(index as u32 as i32) };
                for kind in ["load", "store"] {
                    let name = format!("{kind}-{memory}-{access}-{offset}");
                    let outcome = instance.func(store, &name).unwrap().call(store, &[arg]);
                    judge(
                        store,
                        bytes,
                        outcome.err(),
                        end <= PAGE.into(),
                        &format!("{name} at {index}"),
                    );
                }
            }
        }
    }
}

/// Whether an access ended as it should; the memory is zero again then.
fn judge(store: &Store<()>, bytes: Memory, trap: Option<Trap>, inside: bool, what: &str) {
    let zeros = vec![0; PAGE as usize];
    assert_eq!(trap.is_none(), inside, "{what}: {trap:?}");
    if let Some(trap) = trap {
        assert_eq!(trap.trap_code(), Some(TrapCode::MemoryOutOfBounds), "{what}");
        assert!(bytes.view(store).read(0, PAGE as u32).unwrap() == zeros, "{what} wrote");
    } else {
        bytes.view(store).write(0, &zeros).unwrap();
    }
}

const MEMORIES: &str =
    r#"(memory (export "m0") 1) (memory (export "m1") 1) (memory (export "m2") i64 1)"#;

fn text(memories: &str) -> String {
    let all = [functions(0, false), functions(1, false), functions(2, true)].concat();
    format!("(module {memories} {all})")
}

#[test]
fn own_memories() {
    let engine = engine();
    let module = module(&engine, &text(MEMORIES));
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
    let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
    for (memory, wide) in [false, false, true].into_iter().enumerate() {
        check(&mut store, instance, memory, wide);
    }
}

#[test]
fn imported_memories() {
    let engine = engine();
    let mut store = arena(&engine);
    let mut linker = Linker::new(&engine);
    let owner = module(&engine, &format!("(module {MEMORIES})"));
    let owner = linker.instantiate(&mut store, &owner).unwrap();
    linker.instance(&store, "owner", owner);
    let memories = r#"(memory (export "m0") (import "owner" "m0") 1)
      (memory (export "m1") (import "owner" "m1") 1) (memory (export "m2") (import "owner" "m2") i64 1)"#;
    let module = module(&engine, &text(memories));
    let instance = linker.instantiate(&mut store, &module).unwrap();
    for (memory, wide) in [false, false, true].into_iter().enumerate() {
        check(&mut store, instance, memory, wide);
    }
}

const LENGTHS: [u64; 17] = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 127, 128, 129, 130];

/// Copies in one memory and between two, and fills, each of a constant length.
fn bulk_functions() -> String {
    let mut text = String::new();
    for length in LENGTHS {
        write!(
            text,
            r#"(func (export "copy-{length}") (param i32 i32)
                 (memory.copy 0 0 (local.get 0) (local.get 1) (i32.const {length})))
               (func (export "cross-{length}") (param i32 i32)
                 (memory.copy 0 1 (local.get 0) (local.get 1) (i32.const {length})))
               (func (export "fill-{length}") (param i32 i32)
                 (memory.fill 0 (local.get 0) (local.get 1) (i32.const {length})))"#
        )
        .unwrap();
    }
    text
}

/// What memory 0 holds after a copy or fill, if it fits.
fn after(kind: &str, [own, other]: [&[u8]; 2], [to, from, length]: [u64; 3]) -> Option<Vec<u8>> {
    let range = |at: u64| at as usize..(at + length) as usize;
    let mut bytes = own.to_vec();
    let target = bytes.get_mut(range(to))?;
    match kind {
        "copy" => target.copy_from_slice(own.get(range(from))?),
        "cross" => target.copy_from_slice(other.get(range(from))?),
        _ => target.fill(from as u8),
    }
    Some(bytes)
}

#[test]
fn copies_and_fills_of_every_small_length() {
    let text = bulk_functions();
    let (mut store, instance) = crate::support::faaslet(&format!(
        r#"(module (memory (export "m0") 1) (memory (export "m1") 1) {text})"#
    ));
    let memories = ["m0", "m1"].map(|name| exported(&store, instance, name));
    let pattern: Vec<u8> = (0..PAGE).map(|at| (at * 31 % 251) as u8).collect();
    let reversed: Vec<u8> = pattern.iter().rev().copied().collect();
    memories[1].view(&store).write(0, &reversed).unwrap();
    let places = |length| {
        let (end, last) = (PAGE - length, u64::from(u32::MAX));
        [0, 1, 5, 64, end - 1, end, end + 1, PAGE - 1, PAGE, 1 << 31, last - length, last]
    };
    for length in LENGTHS {
        for (to, from) in
            places(length).into_iter().flat_map(|to| places(length).map(|from| (to, from)))
        {
            for kind in ["copy", "cross", "fill"] {
                memories[0].view(&store).write(0, &pattern).unwrap();
                let func = instance.func(&store, &format!("{kind}-{length}")).unwrap();
                let args = [to, from].map(|place| Val::I32(place as u32 as i32));
                let done = func.call(&mut store, &args).is_ok();
                let found = memories[0].view(&store).read(0, PAGE as u32).unwrap();
                let expected = after(kind, [&pattern, &reversed], [to, from, length]);
                let what = format!("{kind} of {length} from {from} to {to}");
                assert_eq!(done, expected.is_some(), "{what}");
                assert!(found == expected.unwrap_or_else(|| pattern.clone()), "{what}: bytes");
            }
        }
    }
}
