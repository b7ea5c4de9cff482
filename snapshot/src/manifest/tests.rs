//! Every field of a manifest, damaged under a seal of ours.

use faasm_vm::{EngineConfig, ExternRefs, Limits, Memory, MemoryType, Store, StoreLimits};

use super::*;
use crate::chunks::MemoryChunks;
use crate::transfer::publish;

fn key() -> SealKey {
    SealKey::derive(b"the tests' key")
}

struct World {
    engine: Engine,
    manifest: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let mut config = EngineConfig::new(key());
        config.arena_bytes = 64 << 30;
        let engine = Engine::new(config).unwrap();
        let mut store = Store::new(&engine, StoreLimits::default(), ()).unwrap();
        let limits = Limits { min: 16, max: None };
        let ty = MemoryType { limits, memory64: false, shared: false, page_size_log2: 16 };
        let memory = Memory::new(&mut store, ty).unwrap();
        for at in [5, 9000, 400_000] {
            memory.view(&store).write(at, b"x").unwrap();
        }
        let snapshot = store.snapshot(ExternRefs::Refuse).unwrap();
        let about = About { source: "a test".into(), ..About::default() };
        let published = publish(&snapshot, &about, &MemoryChunks::default(), &key()).unwrap();
        Self { engine, manifest: published.manifest }
    }

    /// Why a manifest is refused whose bytes these are put over, at `at`.
    fn with(&self, at: usize, bytes: &[u8]) -> ManifestError {
        let mut changed = key().open(&self.manifest).unwrap().to_vec();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        Manifest::open(&self.engine, &key().seal(changed)).unwrap_err()
    }
}

#[test]
fn every_field_is_checked() {
    let world = World::new();
    let sections: Vec<usize> = {
        let bytes = key().open(&world.manifest).unwrap();
        sections(bytes).unwrap().iter().map(|range| range.start).collect()
    };
    let manifest = Manifest::open(&world.engine, &world.manifest).unwrap();
    assert!(manifest.chunks().len() > 2, "{:?}", manifest.chunks());
    let rows = sections[1];
    let words = |word: u64| word.to_le_bytes();
    assert_eq!(world.with(0, b"f"), ManifestError::Magic);
    assert_eq!(world.with(8, &[0]), ManifestError::Version { found: 0 });
    assert_eq!(world.with(8, &[2]), ManifestError::Version { found: 2 });
    assert_eq!(world.with(12, &[9]), ManifestError::Format { found: 9 });
    let placed = malformed("a section is not where it must be");
    let row = malformed("a chunk that cannot be");
    for (at, bytes, error) in [
        (16, &[4][..], malformed("it has other sections or windows")),
        (20, &[63], malformed("it has other sections or windows")),
        (24, &[73], placed),
        (32, &words(u64::MAX), placed),
        (40, &words(0), placed),
        (48, &words(1), placed),
        (56, &words(u64::MAX), placed),
        (64, &words(1), malformed("there is a rest")),
        (rows, &words(4096), row),
        (rows, &words(u64::MAX << 18), row),
        (rows, &words(1 << 60), malformed("its chunks do not ascend")),
        (rows + 8, &words(0), row),
        (rows + 16, &[7, 0, 0, 0], row),
        (rows + 16, &[0xff; 4], row),
        (rows + 20, &[1], row),
        (sections[2], &[0xff], malformed("what it is about cannot be read")),
    ] {
        assert_eq!(world.with(at, bytes), error, "byte {at}: {bytes:?}");
    }
    assert!(matches!(world.with(sections[0], &[9]), ManifestError::Snapshot(_)));
}

#[test]
fn what_it_is_about_must_be_what_it_describes() {
    let world = World::new();
    let manifest = Manifest::open(&world.engine, &world.manifest).unwrap();
    for about in [
        About { modules: vec![None], ..About::default() },
        About { instance: Some(0), ..About::default() },
    ] {
        let file = write(manifest.store(), manifest.chunks(), &about, &key());
        let error = Manifest::open(&world.engine, &file).unwrap_err();
        assert_eq!(error, malformed("what it is about is not what it describes"));
    }
}

#[test]
fn cut_and_longer_manifests_are_refused() {
    let world = World::new();
    let bytes = key().open(&world.manifest).unwrap();
    for len in 0..bytes.len() {
        let cut = key().seal(bytes[..len].to_vec());
        assert!(Manifest::open(&world.engine, &cut).is_err(), "{len} bytes");
    }
    let longer = key().seal([bytes, &[0]].concat());
    assert!(Manifest::open(&world.engine, &longer).is_err());
}

#[test]
fn what_is_not_sealed_with_the_engines_key_is_not_looked_at() {
    let world = World::new();
    let bytes = key().open(&world.manifest).unwrap();
    let foreign = SealKey::derive(b"another key").seal(bytes.to_vec());
    let open = |file: &[u8]| Manifest::open(&world.engine, file).map(drop);
    assert_eq!(open(&foreign), Err(ManifestError::Seal(SealError::Wrong)));
    assert_eq!(open(bytes), Err(ManifestError::Seal(SealError::Missing)));
    assert_eq!(open(&key().seal(b"\x7fELF".to_vec())), Err(ManifestError::Magic));
}

#[test]
fn who_keeps_chunks_knows_which_a_manifest_names() {
    let world = World::new();
    let manifest = Manifest::open(&world.engine, &world.manifest).unwrap();
    let chunks: Vec<Digest> = manifest.chunks().iter().map(|row| row.digest).collect();
    assert_eq!(named(&world.manifest), (chunks, Vec::new()));
    assert_eq!(named(b"anything"), (Vec::new(), Vec::new()));
    assert_eq!(named(&world.manifest[1..]), (Vec::new(), Vec::new()));
}

#[test]
fn the_pages_of_a_row_are_its_bits() {
    let row = |pages| ChunkRow { offset: 1 << 20, pages, stored: 8, digest: Digest::of(b"") };
    let runs = |pages| row(pages).runs().collect::<Vec<_>>();
    assert_eq!(runs(0b1101), [(1 << 20, 0, 4096), ((1 << 20) + 8192, 4096, 8192)]);
    assert_eq!(runs(u64::MAX), [(1 << 20, 0, 64 * 4096)]);
    assert_eq!(runs(1 << 63), [((1 << 20) + 63 * 4096, 0, 4096)]);
    assert_eq!(row(0b1101).raw_bytes(), 3 * 4096);
}
