//! Captured stores from images that are mapped in place: births are what births of the first were, byte for byte.

use std::path::Path;

use faasm_vm::{
    CacheError, Caller, Captured, Check, Digest, Engine, Extern, ExternRefs, ImageCache, Linker,
    Module, RestoreError, Store, StoreLimits, StoreSnapshot, StoredImage, Val,
};

use crate::support::{Folder, engine, key, module};

/// Memory that is written, in `large` pages; functions in a table; objects; a host function; something shared.
fn text(large: u32) -> String {
    format!(
        r#"(module (import "h" "add" (func $add (param i32) (result i32)))
          (memory 128 200) (memory $s 1 2 shared) (global $g (mut i32) (i32.const 0)) (table $t 300 3000 funcref)
          (type $f (func (param i32) (result i32))) (type $p (struct (field i32))) (global $o (mut (ref null $p)) (ref.null $p))
          (elem (i32.const 7) $add $own) (data $d "passive")
          (func $own (export "own") (param i32) (result i32) (i32.mul (local.get 0) (global.get $g)))
          (func (export "init")
            (memory.fill (i32.const 4096) (i32.const 0x55) (i32.const {bytes}))
            (i32.store $s (i32.const 8) (i32.const 21)) (data.drop $d)
            (global.set $g (i32.const 3)) (global.set $o (struct.new $p (i32.const 4)))
            (drop (memory.grow (i32.const 1))) (i32.store (i32.const 8388608) (i32.const 9)))
          (func (export "all") (result i32)
            (i32.store (i32.const 4100) (i32.add (i32.load (i32.const 4100)) (i32.const 1)))
            (i32.add (i32.add (i32.load (i32.const 4096)) (i32.load (i32.const 4100)))
              (i32.add (i32.add (i32.load $s (i32.const 8)) (i32.load (i32.const 8388608)))
                (i32.add (struct.get $p 0 (global.get $o))
                  (i32.add (call_indirect $t (type $f) (i32.const 5) (i32.const 7))
                    (call_indirect $t (type $f) (i32.const 5) (i32.const 8))))))))"#,
        bytes = large * 4096
    )
}

fn hosts(engine: &Engine) -> Linker<()> {
    let mut linker = Linker::new(engine);
    linker.func_wrap("h", "add", |_: Caller<'_, ()>, x: i32| x + 100).unwrap();
    linker
}

/// A captured store, and its module.
fn captured(large: u32) -> (Captured, Module) {
    let engine = engine();
    let module = module(&engine, &text(large));
    let mut store = Store::for_module(&engine, &module, StoreLimits::default(), ()).unwrap();
    let instance = hosts(&engine).instantiate(&mut store, &module).unwrap();
    instance.func(&store, "init").unwrap().call(&mut store, &[]).unwrap();
    (store.capture().unwrap(), module)
}

fn name() -> Digest {
    Digest::of(b"a name")
}

/// Writes the image of a snapshot.
fn write(engine: &Engine, folder: &Path, snapshot: &StoreSnapshot) -> StoredImage {
    let cache = ImageCache::open(folder).unwrap();
    let description = key().seal(snapshot.describe());
    let mut writer = cache.begin(engine, engine.unseal(&description).unwrap()).unwrap();
    for run in snapshot.runs() {
        let pages = key().seal(run.bytes.clone());
        writer.write(run.offset, engine.unseal(&pages).unwrap()).unwrap();
    }
    writer.commit(name()).unwrap()
}

fn load(engine: &Engine, folder: &Path, snapshot: &StoreSnapshot) -> Option<StoredImage> {
    let cache = ImageCache::open(folder).unwrap();
    let description = key().seal(snapshot.describe());
    cache.load(engine, name(), engine.unseal(&description).unwrap()).unwrap()
}

fn all(store: &mut Store<()>) -> i32 {
    let instance = store.instances().next().unwrap();
    instance.func(store, "all").unwrap().typed::<(), i32>(store).unwrap().call(store, ()).unwrap()
}

#[test]
fn births_from_an_image_are_births_of_the_first() {
    // A small one, which is copied, and one that is mapped.
    for large in [3, 700] {
        let (first, _) = captured(large);
        let snapshot = first.snapshot().unwrap();
        assert!(
            snapshot.runs().iter().map(|run| run.bytes.len()).sum::<usize>()
                >= large as usize * 4096
        );
        let folder = Folder::new();
        // As in another process: an engine of its own, and code at other addresses.
        let engine = engine();
        let modules = [module(&engine, &text(large))];
        drop(write(&engine, folder.path(), &snapshot));
        let image = load(&engine, folder.path(), &snapshot).unwrap();
        assert!(image.holes_are_zero());
        for check in [Check::Bytes, Check::Seal] {
            let there =
                Captured::restore(&engine, &image, &modules, &hosts(&engine), check).unwrap();
            assert_eq!(there.snapshot().unwrap(), snapshot);
            let mut store = first.birth(()).unwrap();
            let expected = all(&mut store);
            drop(store);
            let mut store = there.birth(()).unwrap();
            let fresh = store.accessible_pages();
            for _ in 0..3 {
                assert_eq!(all(&mut store), expected);
                store.recycle();
                store = there.birth(()).unwrap();
                assert!(store.is_reused());
                assert!(store.accessible_pages() == fresh, "a reset slot is as a fresh one");
            }
        }
    }
}

#[test]
fn an_image_is_only_for_what_it_was_made_of() {
    let (first, _) = captured(700);
    let snapshot = first.snapshot().unwrap();
    let (folder, engine) = (Folder::new(), engine());
    assert!(load(&engine, folder.path(), &snapshot).is_none());
    let image = write(&engine, folder.path(), &snapshot);
    let restore = |modules: &[Module], linker: &Linker<()>| {
        Captured::restore(&engine, &image, modules, linker, Check::Seal).map(drop)
    };
    let hosts = hosts(&engine);
    let error = restore(&[], &hosts).unwrap_err();
    assert!(matches!(error, RestoreError::Module { .. }), "{error}");
    let other = [module(&engine, &text(701))];
    assert!(matches!(restore(&other, &hosts), Err(RestoreError::Module { .. })));
    let modules = [module(&engine, &text(700))];
    assert!(matches!(restore(&modules, &Linker::new(&engine)), Err(RestoreError::Host(_))));
    restore(&modules, &hosts).unwrap();

    let cache = ImageCache::open(folder.path()).unwrap();
    let description = key().seal(snapshot.describe());
    let description = || engine.unseal(&description).unwrap();
    let other = Digest::of(b"another name");
    assert!(cache.load(&engine, other, description()).unwrap().is_none());
    let path = |name: Digest| folder.path().join(name.to_string());
    std::fs::copy(path(name()), path(other)).unwrap();
    let refused = |name| match cache.load(&engine, name, description()) {
        Err(CacheError::Image { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(other), "it is of another snapshot");
    // Cut, longer, and with another index.
    let file = std::fs::read(path(name())).unwrap();
    let mut changed = file.clone();
    *changed.last_mut().unwrap() ^= 1;
    for bytes in [&file[..file.len() - 1], &file[..100], &[&file[..], &[0]].concat(), &changed] {
        std::fs::remove_file(path(other)).unwrap();
        std::fs::write(path(other), bytes).unwrap();
        let what = refused(other);
        assert!(what.contains("seal") || what.contains("short"), "{what}");
    }
}

#[test]
fn writable_images_of_others_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let snapshot = captured(3).0.snapshot().unwrap();
    let (folder, engine) = (Folder::new(), engine());
    drop(write(&engine, folder.path(), &snapshot));
    let path = folder.path().join(name().to_string());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let cache = ImageCache::open(folder.path()).unwrap();
    let description = key().seal(snapshot.describe());
    let found = cache.load(&engine, name(), engine.unseal(&description).unwrap());
    assert!(matches!(found, Err(CacheError::NotPrivate(_))), "{found:?}");
}

#[test]
fn a_page_that_is_not_the_stores_is_not_written() {
    let snapshot = captured(3).0.snapshot().unwrap();
    let (folder, engine) = (Folder::new(), engine());
    let cache = ImageCache::open(folder.path()).unwrap();
    let description = key().seal(snapshot.describe());
    let mut writer = cache.begin(&engine, engine.unseal(&description).unwrap()).unwrap();
    let (page, two) = (key().seal(vec![1; 4096]), key().seal(vec![1; 8192]));
    let last = snapshot.runs().last().map(|run| run.offset + run.bytes.len() as u64).unwrap();
    for offset in [0, 1, 4096, u64::MAX - 4095, last + (1 << 33)] {
        let written = writer.write(offset, engine.unseal(&page).unwrap());
        assert!(matches!(written, Err(CacheError::Image { .. })), "{offset}");
    }
    let first = snapshot.runs()[0].offset;
    writer.write(first, engine.unseal(&two).unwrap()).unwrap();
    assert!(writer.write(first + 1, engine.unseal(&page).unwrap()).is_err());
    drop(writer);
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "what was not committed is gone");
}

#[test]
fn a_snapshot_with_references_of_the_hosts_is_not_captured() {
    let engine = engine();
    let text = r#"(module (global (export "g") (mut externref) (ref.null extern)) (memory 1))"#;
    let modules = [module(&engine, text)];
    let mut store = Store::for_module(&engine, &modules[0], StoreLimits::default(), ()).unwrap();
    let linker = Linker::new(&engine);
    let instance = linker.instantiate(&mut store, &modules[0]).unwrap();
    let Some(Extern::Global(global)) = instance.export(&store, "g") else { panic!() };
    let mut restore = |value| {
        global.set(&mut store, Val::ExternRef(value)).unwrap();
        let (snapshot, folder) = (store.snapshot(ExternRefs::Keep).unwrap(), Folder::new());
        let image = write(&engine, folder.path(), &snapshot);
        Captured::restore(&engine, &image, &modules, &linker, Check::Bytes).map(drop)
    };
    restore(None).unwrap();
    let error = restore(Some(3)).unwrap_err();
    assert!(error.to_string().contains("a host's"), "{error}");
}
