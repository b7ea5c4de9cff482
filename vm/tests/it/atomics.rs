//! Every atomic access on every kind of memory: done where it is aligned and in bounds, else a trap and not the end of
//! the process, whichever of its instructions meets the edge.

use faasm_compiler::{CompileOptions, OptLevel, compile, validate};
use faasm_vm::{Instance, Linker, Module, SharedMemory, Store, StoreLimits, TrapCode, Val};

use crate::support::{engine, key};

/// The operators of one kind of value and width: type, bits in the name, suffix, bytes.
const WIDTHS: [(&str, &str, &str, i64); 7] = [
    ("i32", "", "", 4),
    ("i64", "", "", 8),
    ("i32", "8", "_u", 1),
    ("i32", "16", "_u", 2),
    ("i64", "8", "_u", 1),
    ("i64", "16", "_u", 2),
    ("i64", "32", "_u", 4),
];

/// An access, and how it is written before and after its address.
struct Access {
    name: String,
    operands: String,
    gives: bool,
    bytes: i64,
}

fn accesses() -> Vec<Access> {
    let mut all = Vec::new();
    for (ty, bits, suffix, bytes) in WIDTHS {
        let one = format!("({ty}.const 1)");
        let mut add = |name: String, operands: String, gives| {
            all.push(Access { name, operands, gives, bytes });
        };
        add(format!("{ty}.atomic.load{bits}{suffix}"), String::new(), true);
        add(format!("{ty}.atomic.store{bits}"), one.clone(), false);
        for op in ["add", "sub", "and", "or", "xor", "xchg"] {
            add(format!("{ty}.atomic.rmw{bits}.{op}{suffix}"), one.clone(), true);
        }
        add(format!("{ty}.atomic.rmw{bits}.cmpxchg{suffix}"), one.repeat(2), true);
    }
    all
}

/// For each access one function that uses what it gives and one that does not, as they are different instructions.
fn functions(wide: bool) -> String {
    let address = if wide { "i64" } else { "i32" };
    let mut text = String::new();
    for Access { name, operands, gives, .. } in accesses() {
        let ty = &name[..3];
        let access = |offset: &str| format!("({name} {offset} (local.get 0) {operands})");
        let (result, kept) =
            if gives { (format!("(result {ty})"), "drop") } else { <_>::default() };
        text += &format!("(func (export \"{name}\") (param {address}) {result} {})", access(""));
        text += &format!(
            "(func (export \"{name} far\") (param {address}) {} {kept})",
            access("offset=0x4000000")
        );
        text += &format!(
            "(func (export \"{name} only\") (param {address}) {} {kept})",
            access("offset=8")
        );
    }
    text
}

/// One page of memory of each kind; the store, the instance, and whether addresses are wide.
fn kinds(opt: OptLevel) -> Vec<(&'static str, Store<()>, Instance, bool)> {
    let kinds = [
        ("own", "(memory 1 2)", false),
        ("shared", "(memory 1 2 shared)", false),
        ("imported", "(import \"env\" \"memory\" (memory 1 2 shared))", false),
        ("wide", "(memory i64 1 2)", true),
        ("wide and shared", "(memory i64 1 2 shared)", true),
    ];
    let engine = engine();
    let of = |text: &str, wide: bool| {
        let wasm = wat::parse_str(format!("(module {text} {})", functions(wide))).unwrap();
        let options = CompileOptions { opt, ..CompileOptions::default() };
        let object = compile(&validate(&wasm).unwrap(), &options).unwrap();
        let module = Module::load(&engine, &key().seal(object)).unwrap();
        let mut linker = Linker::new(&engine);
        if let Some(import) = module.info().imports.first() {
            let faasm_vm::ImportKind::Memory(ty) = import.kind else { panic!("{import:?}") };
            linker.define_shared_memory("env", "memory", SharedMemory::new(&engine, ty).unwrap());
        }
        let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        (store, instance)
    };
    kinds
        .into_iter()
        .map(|(name, text, wide)| {
            let (store, instance) = of(text, wide);
            (name, store, instance, wide)
        })
        .collect()
}

#[test]
fn every_access_is_done_or_traps_at_every_edge_of_every_kind_of_memory() {
    check_edges(OptLevel::Speed);
}

#[test]
fn unoptimised_accesses_are_done_or_trap_at_the_same_places() {
    check_edges(OptLevel::None);
}

fn check_edges(opt: OptLevel) {
    const LEN: i64 = 1 << 16;
    let unaligned = |at: i64, bytes: i64| (at % bytes != 0).then_some(TrapCode::UnalignedAtomic);
    for (kind, mut store, instance, wide) in kinds(opt) {
        for Access { name, bytes, .. } in accesses() {
            let mut trap = |variant: &str, at: i64| {
                let function = instance.func(&store, &format!("{name}{variant}")).unwrap();
                let narrow = i32::try_from(at).unwrap_or(i32::MAX);
                let address = if wide { Val::I64(at) } else { Val::I32(narrow) };
                function.call(&mut store, &[address]).err().and_then(|trap| trap.trap_code())
            };
            for (variant, offset) in [("", 0), (" only", 8)] {
                for at in [0, 1, 2, 4, 16, LEN - bytes - 8, LEN - 9, LEN - 8, LEN, LEN + 8, 1 << 30]
                {
                    let end = at + offset + bytes;
                    let outside = (end > LEN).then_some(TrapCode::MemoryOutOfBounds);
                    let expected = unaligned(at + offset, bytes).or(outside);
                    assert_eq!(trap(variant, at), expected, "{kind}: {name}{variant} at {at}");
                }
            }
            for at in [0, 8, 1 << 30] {
                let expected = Some(TrapCode::MemoryOutOfBounds);
                assert_eq!(trap(" far", at), expected, "{kind}: {name} at {at}");
            }
        }
    }
}
