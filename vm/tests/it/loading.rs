//! Objects that were changed, or are another's, are refused.

use faasm_vm::{Engine, EngineConfig, LoadError, Module, SealKey};

use crate::support::{engine, key, object};

const SMALL: &str = r#"(module (func (export "f") (result i32) (i32.const 1)))"#;

#[test]
fn an_object_with_any_byte_changed_is_refused() {
    let engine = engine();
    let object = object(SMALL);
    assert!(Module::load(&engine, &object).is_ok());
    for at in 0..object.len() {
        let mut changed = object.clone();
        changed[at] ^= 0x10;
        assert!(matches!(Module::load(&engine, &changed), Err(LoadError::Seal(_))), "byte {at}");
    }
    for len in [0, 1, 39, 40, object.len() - 1] {
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
