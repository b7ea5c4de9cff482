//! The registry's promises: whole or absent, by content, one server.

use super::*;

fn record(registry: &Registry, wasm: &[u8]) -> Record {
    let digest = registry.put_wasm(wasm).unwrap();
    let object = Digest::of(b"object");
    let path = registry.root.join("objects").join(object.to_string());
    fs::write(path, b"sealed").unwrap();
    Record {
        format: RECORD_FORMAT,
        wasm: digest,
        script: None,
        wasm_bytes: wasm.len() as u64,
        object,
        snapshot: None,
        uploaded: 7,
        manifest: Manifest::default(),
    }
}

fn name(text: &str) -> FunctionName {
    text.parse().unwrap()
}

#[test]
fn what_was_committed_is_there_after_reopening_and_the_rest_is_swept() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::open(dir.path()).unwrap();
    let kept = record(&registry, b"kept");
    registry.commit(Kind::Function, &name("demo/kept"), &kept).unwrap();
    let orphan = registry.put_wasm(b"never committed").unwrap();
    fs::write(dir.path().join("tmp/99"), b"half written").unwrap();
    fs::write(dir.path().join("objects/orphan"), b"never committed").unwrap();
    drop(registry);

    let registry = Registry::open(dir.path()).unwrap();
    assert_eq!(registry.records(Kind::Function).unwrap(), [(name("demo/kept"), kept.clone())]);
    assert_eq!(registry.wasm(kept.wasm).unwrap(), b"kept");
    let objects = dir.path().join("objects");
    assert_eq!(fs::read(objects.join(kept.object.to_string())).unwrap(), b"sealed");
    assert!(!objects.join("orphan").exists());
    assert!(registry.wasm(orphan).is_err());
    assert!(!dir.path().join("tmp/99").exists());
    assert!(registry.remove(Kind::Function, &name("demo/kept")).unwrap());
    assert!(!registry.remove(Kind::Function, &name("demo/kept")).unwrap());
    assert!(registry.records(Kind::Function).unwrap().is_empty());
}

#[test]
fn a_folder_has_one_server() {
    let dir = tempfile::tempdir().unwrap();
    let first = Registry::open(dir.path()).unwrap();
    assert!(matches!(Registry::open(dir.path()), Err(RegistryError::InUse(_))));
    drop(first);
    assert!(Registry::open(dir.path()).is_ok());
}

#[test]
fn damage_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::open(dir.path()).unwrap();
    let record = record(&registry, b"module");
    registry.commit(Kind::Function, &name("demo/f"), &record).unwrap();
    fs::write(dir.path().join("wasm").join(record.wasm.to_string()), b"modulf").unwrap();
    assert!(matches!(registry.wasm(record.wasm), Err(RegistryError::Damaged { .. })));
    let path = dir.path().join("functions/demo/f");
    for bad in ["", "{}", r#"{"format":1,"surprise":2}"#] {
        fs::write(&path, bad).unwrap();
        assert!(
            matches!(registry.records(Kind::Function), Err(RegistryError::Record { .. })),
            "{bad}"
        );
    }
    let newer = Record { format: RECORD_FORMAT + 1, ..record };
    registry.commit(Kind::Function, &name("demo/f"), &newer).unwrap();
    assert!(matches!(registry.records(Kind::Function), Err(RegistryError::Damaged { .. })));
}
