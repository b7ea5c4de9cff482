//! Guests' pointers, honest and hostile.

use faasm_vm::{
    Caller, Extern, GuestMemoryError, Linker, MapError, Memory, SharedRegion, Store, StoreLimits,
    Trap, Val,
};

use crate::support::{engine, faaslet, module};

const PAGE: u32 = 65536;

fn memory(pages: u32) -> (Store<()>, Memory) {
    let (store, instance) = faaslet(&format!(r#"(module (memory (export "m") {pages}))"#));
    let Some(Extern::Memory(memory)) = instance.export(&store, "m") else { panic!() };
    (store, memory)
}

#[test]
fn copies_of_all_alignments_and_lengths_are_exact() {
    let (store, memory) = memory(1);
    let view = memory.view(&store);
    for at in 0..9 {
        for len in 0..40_u8 {
            view.write(0, &[0xee; 64]).unwrap();
            let bytes: Vec<u8> = (1..=len).collect();
            view.write(at, &bytes).unwrap();
            let mut whole = [0xee; 64];
            whole[at as usize..at as usize + bytes.len()].copy_from_slice(&bytes);
            assert_eq!(view.read(0, 64).unwrap(), whole);
            assert_eq!(view.read(at, len.into()).unwrap(), bytes);
        }
    }
}

#[test]
fn numbers_are_little_endian_and_need_no_alignment() {
    let (store, memory) = memory(1);
    let view = memory.view(&store);
    view.write_u32(PAGE - 4, 0x0102_0304).unwrap();
    assert_eq!(view.read(PAGE - 4, 4).unwrap(), [4, 3, 2, 1]);
    view.write_u64(3, u64::MAX - 1).unwrap();
    assert_eq!(
        (view.read_u64(3).unwrap(), view.read_u32(3).unwrap()),
        (u64::MAX - 1, u32::MAX - 1)
    );
}

#[test]
fn hostile_pointers_are_refused_by_every_accessor() {
    let (store, memory) = memory(1);
    let view = memory.view(&store);
    let refused = |result: Result<(), GuestMemoryError>| {
        assert!(matches!(result, Err(GuestMemoryError::OutOfBounds { .. })), "{result:?}");
    };
    for (ptr, len) in [
        (PAGE, 1),
        (PAGE - 1, 2),
        (0, PAGE + 1),
        (u32::MAX, 1),
        (u32::MAX, u32::MAX),
        (1, u32::MAX),
    ] {
        refused(view.check(ptr, len));
        refused(view.read(ptr, len).map(drop));
        if len <= PAGE + 1 {
            refused(view.read_into(ptr, &mut vec![0; len as usize]));
            refused(view.write(ptr, &vec![1; len as usize]));
        }
    }
    for ptr in [PAGE - 3, PAGE, u32::MAX - 3, u32::MAX] {
        refused(view.read_u32(ptr).map(drop));
        refused(view.write_u32(ptr, 1));
    }
    for ptr in [PAGE - 7, PAGE, u32::MAX - 7, u32::MAX] {
        refused(view.read_u64(ptr).map(drop));
        refused(view.write_u64(ptr, 1));
    }
    refused(view.read_cstr(PAGE, 10).map(drop));
    refused(view.read_cstr(u32::MAX, u32::MAX).map(drop));
    // A write that does not fit has written nothing.
    assert_eq!(view.read(PAGE - 8, 8).unwrap(), [0; 8]);
    // Nothing at the end is fine.
    view.write(PAGE, &[]).unwrap();
    assert_eq!(view.read(PAGE, 0).unwrap(), []);
    refused(view.check(PAGE + 1, 0));
}

#[test]
fn strings_end_at_zero_within_the_limit() {
    let (store, memory) = memory(1);
    let view = memory.view(&store);
    let long = vec![b'x'; 1000];
    view.write(100, &long).unwrap();
    assert_eq!(view.read_cstr(100, 2000).unwrap(), long);
    assert_eq!(view.read_cstr(100, 1001).unwrap(), long);
    let cut = GuestMemoryError::Unterminated { ptr: 100, max: 1000 };
    assert_eq!(view.read_cstr(100, 1000), Err(cut));
    assert_eq!(view.read_cstr(0, 0), Err(GuestMemoryError::Unterminated { ptr: 0, max: 0 }));
    assert_eq!(view.read_cstr(0, 1).unwrap(), []);
    view.write(PAGE - 3, b"abc").unwrap();
    assert!(matches!(view.read_cstr(PAGE - 3, 100), Err(GuestMemoryError::OutOfBounds { .. })));
    assert_eq!(
        view.read_cstr(PAGE - 3, 3),
        Err(GuestMemoryError::Unterminated { ptr: PAGE - 3, max: 3 })
    );
}

#[test]
fn a_memory_of_4_gib_is_reached_to_its_last_byte() {
    let (store, memory) = memory(PAGE);
    let view = memory.view(&store);
    assert_eq!(view.len(), 1 << 32);
    view.write(u32::MAX - 1, &[7, 8]).unwrap();
    assert_eq!(view.read(u32::MAX, 1).unwrap(), [8]);
    assert!(view.write(u32::MAX, &[7, 8]).is_err());
}

#[test]
fn a_shared_region_is_seen_by_two_guests_and_the_host() {
    let engine = engine();
    let region = SharedRegion::create(100_000, 1 << 20).unwrap();
    let mut linker = Linker::<SharedRegion>::new(&engine);
    linker
        .func_wrap(
            "h",
            "map",
            |mut caller: Caller<'_, SharedRegion>, len: u32| -> Result<u32, Trap> {
                let region = caller.data().clone();
                caller.map_region(&region, 4096, len as usize).map_err(Trap::host)
            },
        )
        .unwrap();
    let text = r#"(module (import "h" "map" (func $map (param i32) (result i32)))
      (memory (export "m") 1 4)
      (func (export "map") (param i32) (result i32) (call $map (local.get 0)))
      (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
      (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1))))"#;
    let module = module(&engine, text);
    let mut stores: Vec<_> = (0..2)
        .map(|_| {
            let mut store =
                Store::for_module(&engine, &module, StoreLimits::default(), region.clone())
                    .unwrap();
            let instance = linker.instantiate(&mut store, &module).unwrap();
            (store, instance)
        })
        .collect();
    for (store, instance) in &mut stores {
        let map = instance.func(store, "map").unwrap();
        assert_eq!(map.call(store, &[Val::I32(70_000)]).unwrap(), [Val::I32(65536)]);
        let Some(Extern::Memory(memory)) = instance.export(store, "m") else { panic!() };
        assert_eq!(memory.size(store), 3);
    }
    let poke = stores[0].1.func(&stores[0].0, "store").unwrap();
    poke.call(&mut stores[0].0, &[Val::I32(65536 + 8), Val::I32(99)]).unwrap();
    let load = stores[1].1.func(&stores[1].0, "load").unwrap();
    assert_eq!(load.call(&mut stores[1].0, &[Val::I32(65536 + 8)]).unwrap(), [Val::I32(99)]);
    assert_eq!(region.read_vec(4096 + 8, 4).unwrap(), 99_u32.to_le_bytes());
    for len in [0, 200_000, u32::MAX] {
        let map = stores[0].1.func(&stores[0].0, "map").unwrap();
        let trap = map.call(&mut stores[0].0, &[Val::I32(len.cast_signed())]).unwrap_err();
        assert!(trap.to_string().contains("whole pages"), "{trap}");
    }
    // One page is left of the memory's maximum, two would be needed.
    let map = stores[0].1.func(&stores[0].0, "map").unwrap();
    let trap = map.call(&mut stores[0].0, &[Val::I32(70_000)]).unwrap_err();
    assert_eq!(trap.to_string(), MapError::Limit.to_string());
}
