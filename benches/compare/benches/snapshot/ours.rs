//! Our side: a Proto is taken to a folder in one process and restored from there in others.
//!
//! Host functions are those that the module imports, by name and type; each ends the call, so a program runs up to its
//! first one.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use faasm_compiler::{CompileOptions, compile, validate};
use faasm_snapshot::bundle::Bundle;
use faasm_snapshot::transfer::{self, Source};
use faasm_snapshot::{Chunks, Manifest, MemoryChunks, Proto, Recipe};
use faasm_vm::{
    Check, CodeCache, CompositeType, Engine, EngineConfig, ImageCache, ImportKind, Linker, Module,
    SealKey, Trap,
};

/// The name of the module's object in the cache.
const OBJECT: &str = "object";

/// The names of the times, in the order in which things happen.
pub(crate) const STEPS: [&str; 8] = [
    "capture",
    "write",
    "verify+assemble",
    "load module",
    "open+map",
    "restore",
    "birth",
    "to first host call",
];

fn key() -> SealKey {
    SealKey::derive(b"benchmarks")
}

/// The host functions that a module imports; the first call of one says when it came.
fn hosts(engine: &Engine, module: &Module) -> Result<(Linker<()>, Arc<OnceLock<Instant>>)> {
    let (mut linker, called) = (Linker::new(engine), Arc::new(OnceLock::new()));
    let info = module.info();
    for import in &info.imports {
        let ImportKind::Function(ty) = import.kind else { continue };
        let CompositeType::Func(ty) = &info.types[ty as usize].composite else { continue };
        let called = Arc::clone(&called);
        linker.func_new(&import.module, &import.name, ty.clone(), move |_, _, _| {
            called.get_or_init(Instant::now);
            Err(Trap::exit(0))
        })?;
    }
    Ok((linker, called))
}

/// What took how long, and how much of it there was.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Of the first two of [`STEPS`].
    pub(crate) times: Vec<Duration>,
    /// Bytes of pages that are not zero.
    pub(crate) data: usize,
    /// Bytes of the chunks, as they are stored.
    pub(crate) stored: usize,
    /// How many there are.
    pub(crate) chunks: usize,
}

/// Makes the Proto of a module, and has it in `folder`.
pub(crate) fn write(wasm: &[u8], folder: &Path) -> Result<Written> {
    fs::create_dir_all(folder)?;
    let engine = Engine::new(EngineConfig::new(key()))?;
    let object = key().seal(compile(&validate(wasm)?, &CompileOptions::default())?);
    let cache = CodeCache::open(&folder.join("objects"))?;
    let module = cache.insert(&engine, OBJECT, &object)?;
    let (linker, _) = hosts(&engine, &module)?;
    let (engine, linker) = (&engine, &linker);
    let recipe = Recipe::new(engine, linker);
    let proto = Proto::make(&recipe, &module, ())?;
    let begun = Instant::now();
    let snapshot = proto.snapshot()?;
    let captured = begun.elapsed();
    let chunks = MemoryChunks::default();
    let published = transfer::publish(&snapshot, &proto.about("a benchmark"), &chunks, &key())?;
    let written = begun.elapsed() - captured;
    let manifest = Manifest::open(engine, &published.manifest)?;
    let stored = manifest.chunks().iter().map(|row| chunks.get(row.digest));
    let stored: Vec<Vec<u8>> =
        stored.map(|chunk| chunk?.context("a chunk is gone")).collect::<Result<_>>()?;
    let parts = stored.iter().map(Vec::as_slice).collect();
    let bundle = Bundle { manifest: &published.manifest, objects: Vec::new(), chunks: parts };
    fs::write(folder.join("bundle"), bundle.write())?;
    fs::write(folder.join("manifest"), &published.manifest)?;
    let _ = fs::remove_dir_all(folder.join("images"));
    Ok(Written {
        times: vec![captured, written],
        data: manifest.chunks().iter().map(faasm_snapshot::ChunkRow::raw_bytes).sum(),
        stored: stored.iter().map(Vec::len).sum(),
        chunks: stored.len(),
    })
}

/// Verifies the chunks and assembles the image, as a host does once.
pub(crate) fn assemble(folder: &Path) -> Result<Duration> {
    let engine = Engine::new(EngineConfig::new(key()))?;
    let file = fs::read(folder.join("bundle"))?;
    let begun = Instant::now();
    let bundle = Bundle::of(&file)?;
    let manifest = Manifest::open(&engine, bundle.manifest)?;
    let chunks = MemoryChunks::default();
    for (row, stored) in manifest.chunks().iter().zip(&bundle.chunks) {
        chunks.put(row.digest, stored)?;
    }
    let cache = ImageCache::open(&folder.join("images"))?;
    let (_, check) =
        transfer::image(&cache, &engine, &manifest, Source::here(&chunks), Check::Seal)?;
    ensure!(check == Check::Bytes, "it was there");
    Ok(begun.elapsed())
}

/// Restores the Proto and begins a call: the times of the last five of [`STEPS`], as a process of its own prints them.
pub(crate) fn restore(folder: &Path) -> Result<Vec<Duration>> {
    let engine = Engine::new(EngineConfig::new(key()))?;
    let objects = CodeCache::open(&folder.join("objects"))?;
    let images = ImageCache::open(&folder.join("images"))?;
    // What a host has anyway: its host functions.
    let module = objects.load(&engine, OBJECT, Check::Seal)?.context("no object")?;
    let (linker, called) = hosts(&engine, &module)?;
    drop(module);
    let recipe = Recipe::new(&engine, &linker);
    let mut laps = vec![Instant::now()];
    let module = objects.load(&engine, OBJECT, Check::Seal)?.context("no object")?;
    laps.push(Instant::now());
    let file = fs::read(folder.join("manifest"))?;
    let manifest = Manifest::open(&engine, &file)?;
    let none = MemoryChunks::default();
    let (image, check) =
        transfer::image(&images, &engine, &manifest, Source::here(&none), Check::Seal)?;
    laps.push(Instant::now());
    let modules = std::slice::from_ref(&module);
    let proto = Proto::restore(&recipe, modules, (&image, manifest.about()), check, ())?;
    laps.push(Instant::now());
    let mut store = proto.birth(())?;
    laps.push(Instant::now());
    // How it ends is not what is measured; a function without a host call ends by itself.
    let _ = proto.main()?.func().call(&mut store, &[]);
    laps.push(called.get().copied().unwrap_or_else(Instant::now));
    Ok(laps.windows(2).map(|lap| lap[1] - lap[0]).collect())
}

/// The median times of [`restore`] in so many processes, each of which is this program with `--restore FOLDER`.
pub(crate) fn in_processes(folder: &Path, processes: usize) -> Result<Vec<Duration>> {
    let mut all: Vec<Vec<u64>> = Vec::new();
    for _ in 0..processes {
        let output =
            Command::new(std::env::current_exe()?).arg("--restore").arg(folder).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        all.push(text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?);
    }
    let steps = all.first().map_or(0, Vec::len);
    let median = |step: usize| {
        let mut times: Vec<u64> = all.iter().map(|times| times[step]).collect();
        times.sort_unstable();
        Duration::from_nanos(times[times.len() / 2])
    };
    Ok((0..steps).map(median).collect())
}

/// What the process of [`in_processes`] does, if this is one.
pub(crate) fn is_child() -> Result<bool> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--restore").skip(1);
    let Some(folder) = arguments.next() else { return Ok(false) };
    let times: Vec<String> =
        restore(Path::new(&folder))?.iter().map(|time| time.as_nanos().to_string()).collect();
    println!("{}", times.join(" "));
    Ok(true)
}
