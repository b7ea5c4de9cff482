//! Snapshots from one host to another, in a file.
//!
//! # Trust
//!
//! Restoring a snapshot is running it, so a file is taken only if a key seals it that the user has named: by default the
//! one of the data folder it goes to. With another one the snapshot is sealed again with that folder's, and this is
//! done only when it is asked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use faasm_snapshot::bundle::Bundle;
use faasm_snapshot::{Chunks, MemoryChunks};
use faasm_vm::{Digest, SealKey};

use super::super::compile::write;
use super::super::failure::{Done, Failure};
use super::super::paths;
use super::{engine, find, key_of, manifest, open, refused, sealed, short};
use crate::problem::explain;
use crate::registry;
use crate::snapshots::Snapshots;

/// Options of `faasm snapshot export`.
#[derive(Args, Debug)]
pub(super) struct Export {
    /// The snapshot, by the first digits of its digest.
    snapshot: String,
    /// Where it goes; by default the file `DIGEST.snapshot` here.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Options of `faasm snapshot import`.
#[derive(Args, Debug)]
pub(super) struct Import {
    /// The exported snapshot.
    file: PathBuf,
    /// The key that it is sealed with. By default the data folder's own.
    #[arg(long, value_name = "FILE", env = "FAASM_KEY")]
    key: Option<PathBuf>,
    /// Trust whoever has that key, and seal the snapshot again with the data folder's own.
    #[arg(long)]
    reseal: bool,
}

pub(super) fn export(data: &Path, options: &Export) -> Done {
    let (snapshots, engine) = (open(data)?, engine(key_of(data)?)?);
    let digest = find(&snapshots, &options.snapshot)?.digest;
    let sealed = sealed(&snapshots, digest)?;
    let manifest = manifest(&engine, &sealed)?;
    let mut objects = Vec::new();
    for &module in manifest.store().modules() {
        objects.push(sealed_object(data, &manifest.about().source, module, engine.seal())?);
    }
    let mut chunks = Vec::new();
    for row in manifest.chunks() {
        let chunk = snapshots.chunks().get(row.digest).map_err(|error| refused(&error.into()))?;
        let missing = || Failure::usage(format!("the snapshot's chunk {} is gone", row.digest));
        chunks.push(chunk.ok_or_else(missing)?);
    }
    let bundle = Bundle {
        manifest: &sealed,
        objects: objects.iter().map(Vec::as_slice).collect(),
        chunks: chunks.iter().map(Vec::as_slice).collect(),
    };
    let default = || PathBuf::from(format!("{}.snapshot", short(digest)));
    let output = options.output.clone().unwrap_or_else(default);
    let file = bundle.write();
    write(&output, &file).map_err(|error| Failure::file(&output, &error))?;
    eprintln!("{} ({} bytes), sealed with {}", output.display(), file.len(), key_file(data));
    Ok(ExitCode::SUCCESS)
}

fn key_file(data: &Path) -> String {
    data.join("key").display().to_string()
}

/// The sealed object with this digest: a user's snapshot's, or the one of the function that the snapshot is of.
pub(super) fn sealed_object(
    data: &Path,
    source: &str,
    digest: Digest,
    key: &SealKey,
) -> Result<Vec<u8>, Failure> {
    let mut places = vec![data.join("modules").join(digest.to_string())];
    if let Ok(name) = source.parse()
        && let Ok(Some(record)) = registry::record_in(data, &name)
    {
        places.push(data.join("objects").join(record.object.to_string()));
        let libraries = registry::libraries_in(data, &name).unwrap_or_default();
        let objects = libraries.iter().map(|(_, library)| library.object.to_string());
        places.extend(objects.map(|object| data.join("objects").join(object)));
    }
    let read = |path: &PathBuf| fs::read(path).ok();
    let is_it = |object: &Vec<u8>| key.digest(object) == Ok(digest);
    places.iter().filter_map(read).find(is_it).ok_or_else(|| {
        Failure::not_found(format!("the object {digest} of the snapshot's module is gone"))
            .hint("Take the snapshot again with `faasm snapshot take`.")
    })
}

pub(super) fn import(data: &Path, options: &Import) -> Done {
    let file = fs::read(&options.file).map_err(|error| Failure::file(&options.file, &error))?;
    let wrong = |text: String| Failure::usage(text).at(&options.file);
    let bundle = Bundle::of(&file).map_err(|error| wrong(explain(&error)))?;
    let own = key_of(data)?;
    let (key, key_name) = match &options.key {
        Some(path) => (paths::existing_key(path)?, path.display().to_string()),
        None => (own.clone(), key_file(data)),
    };
    eprintln!("checking against the key in {key_name}");
    let unsealed = |sealed: &[u8]| {
        key.open(sealed).map(<[u8]>::to_vec).map_err(|error| {
            wrong(error.to_string())
                .hint("Name the key of the host it comes from with `--key FILE`.")
        })
    };
    let parts = std::iter::once(bundle.manifest).chain(bundle.objects.iter().copied());
    let parts = parts.map(unsealed).collect::<Result<Vec<_>, _>>()?;
    let foreign = own.open(bundle.manifest).is_err();
    if foreign && !options.reseal {
        return Err(wrong("it is sealed with another key than this data folder's".into())
            .hint("If you trust everyone who has that key, seal it again with `--reseal`."));
    }
    let parts: Vec<Vec<u8>> = parts.into_iter().map(|part| own.seal(part)).collect();
    let digest = keep(&open(data)?, own, &parts, &bundle.chunks)?;
    if foreign {
        eprintln!("sealed again with {}", key_file(data));
    }
    println!("{digest}");
    Ok(ExitCode::SUCCESS)
}

/// Keeps a manifest, which is the first of these parts, with its objects, which are the others, and chunks.
fn keep(
    snapshots: &Snapshots,
    key: SealKey,
    parts: &[Vec<u8>],
    stored: &[&[u8]],
) -> Result<Digest, Failure> {
    let engine = engine(key)?;
    let [sealed, objects @ ..] = parts else { unreachable!("a bundle has a manifest") };
    let manifest = manifest(&engine, sealed)?;
    if objects.len() != manifest.store().modules().len() || stored.len() != manifest.chunks().len()
    {
        return Err(Failure::usage(
            "the file has not the objects and chunks that its manifest names",
        ));
    }
    for (object, &digest) in objects.iter().zip(manifest.store().modules()) {
        if engine.seal().digest(object) != Ok(digest) {
            return Err(Failure::usage("the file has another object than its manifest names"));
        }
        let kept = snapshots.modules().insert(&engine, &digest.to_string(), object);
        kept.map_err(|error| refused(&error.into()))?;
    }
    let chunks = MemoryChunks::default();
    for (row, stored) in manifest.chunks().iter().zip(stored) {
        chunks.put(row.digest, stored).map_err(|error| refused(&error.into()))?;
    }
    snapshots.import(&engine, sealed, &chunks).map_err(|error| refused(&error))
}
