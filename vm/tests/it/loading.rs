//! Objects that were changed, or are another's, are refused; the rest loads from bytes, files and a cache.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use faasm_vm::{CacheError, Check, CodeCache, Engine, EngineConfig, LoadError, Module, SealKey};

use crate::support::{Folder, call, engine, key, object};

const SMALL: &str = r#"(module (func (export "f") (result i32) (i32.const 1)))"#;

#[test]
fn an_object_with_any_byte_changed_is_refused() {
    let engine = engine();
    let object = object(SMALL);
    assert!(Module::load(&engine, &object).is_ok());
    for at in (0..object.len()).step_by(5).chain(object.len() - 80..object.len()) {
        let mut changed = object.clone();
        changed[at] ^= 0x10;
        assert!(matches!(Module::load(&engine, &changed), Err(LoadError::Seal(_))), "byte {at}");
    }
    for len in [0, 1, 79, 80, object.len() - 1] {
        assert!(matches!(Module::load(&engine, &object[..len]), Err(LoadError::Seal(_))));
    }
}

#[test]
fn an_object_of_another_key_is_refused() {
    let other = Engine::new(EngineConfig::new(SealKey::derive(b"another key"))).unwrap();
    assert!(matches!(Module::load(&other, &object(SMALL)), Err(LoadError::Seal(_))));
}

#[test]
fn a_sealed_file_that_is_no_object_is_refused_without_a_panic() {
    let engine = engine();
    assert!(matches!(
        Module::load(&engine, &key().seal(b"not an object".to_vec())),
        Err(LoadError::Malformed { .. })
    ));
    // Even under the right seal, damage ends in an error or in an object, never in a panic.
    let sealed = object(SMALL);
    let bytes = key().open(&sealed).unwrap();
    for at in (0..bytes.len()).step_by(3) {
        let mut changed = bytes.to_vec();
        changed[at] ^= 0xff;
        let _ = Module::load(&engine, &key().seal(changed));
    }
}

#[test]
fn a_file_is_loaded_and_may_change_afterwards() {
    let (folder, engine) = (Folder::new(), engine());
    let path = folder.path().join("f.o");
    fs::write(&path, object(SMALL)).unwrap();
    let module = Module::load_file(&engine, &path).unwrap();
    fs::write(&path, b"cut").unwrap();
    assert_eq!(call(&engine, &module, "f"), 1);
    assert!(matches!(Module::load_file(&engine, &path), Err(LoadError::Seal(_))));
    let nowhere = folder.path().join("nowhere");
    assert!(matches!(Module::load_file(&engine, &nowhere), Err(LoadError::Read(_))));
}

#[test]
fn what_was_put_into_a_cache_is_loaded_from_it() {
    let (folder, engine) = (Folder::new(), engine());
    let cache = CodeCache::open(&folder.path().join("cache")).unwrap();
    assert!(cache.load(&engine, "small", Check::Seal).unwrap().is_none());
    let first = cache.insert(&engine, "small", &object(SMALL)).unwrap();
    let other = SMALL.replace("const 1", "const 2");
    let second = cache.insert(&engine, "small", &object(&other)).unwrap();
    for check in [Check::Seal, Check::Bytes] {
        let module = cache.load(&engine, "small", check).unwrap().unwrap();
        assert_eq!(call(&engine, &module, "f"), 2);
    }
    // What was loaded before it was replaced is what it was.
    assert_eq!((call(&engine, &first, "f"), call(&engine, &second, "f")), (1, 2));
    let left: Vec<_> = fs::read_dir(folder.path().join("cache")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing but the object: {left:?}");
    let mode = left[0].as_ref().unwrap().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o400);
}

#[test]
fn a_cache_takes_only_what_was_verified() {
    let (folder, engine) = (Folder::new(), engine());
    let cache = CodeCache::open(folder.path()).unwrap();
    let mut changed = object(SMALL);
    changed[5000] ^= 1;
    let refused = cache.insert(&engine, "small", &changed);
    assert!(matches!(refused, Err(CacheError::Load(LoadError::Seal(_)))));
    assert!(cache.load(&engine, "small", Check::Seal).unwrap().is_none());
    for name in ["", ".", "..", "a/b", ".hidden", "a b"] {
        let refused = cache.insert(&engine, name, &object(SMALL));
        assert!(matches!(refused, Err(CacheError::Name(_))), "{name}");
    }
}

#[test]
fn a_cache_that_others_can_write_to_is_not_used() {
    let (folder, engine) = (Folder::new(), engine());
    let cache = CodeCache::open(folder.path()).unwrap();
    cache.insert(&engine, "small", &object(SMALL)).unwrap();
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let load = || cache.load(&engine, "small", Check::Seal);
    let file = folder.path().join("small");
    mode(&file, 0o420);
    assert!(matches!(load(), Err(CacheError::NotPrivate(_))));
    mode(&file, 0o400);
    assert!(load().unwrap().is_some());
    mode(folder.path(), 0o770);
    assert!(matches!(CodeCache::open(folder.path()), Err(CacheError::NotPrivate(_))));
    mode(folder.path(), 0o700);
    assert!(CodeCache::open(folder.path()).is_ok());
}

#[test]
fn damage_on_the_disk_is_found_by_a_look_at_every_byte() {
    let (folder, engine) = (Folder::new(), engine());
    let cache = CodeCache::open(folder.path()).unwrap();
    drop(cache.insert(&engine, "small", &object(SMALL)).unwrap());
    let path = folder.path().join("small");
    let mut bytes = fs::read(&path).unwrap();
    // In the filling of the text, where nothing runs.
    bytes[8000] ^= 1;
    fs::remove_file(&path).unwrap();
    fs::write(&path, &bytes).unwrap();
    assert!(cache.load(&engine, "small", Check::Seal).unwrap().is_some());
    let refused = cache.load(&engine, "small", Check::Bytes);
    assert!(matches!(refused, Err(CacheError::Load(LoadError::Seal(_)))));
    // Another length is another file.
    fs::write(&path, &bytes[1..]).unwrap();
    let refused = cache.load(&engine, "small", Check::Seal);
    assert!(matches!(refused, Err(CacheError::Load(LoadError::Seal(_)))));
}
