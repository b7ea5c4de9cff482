//! Taking a snapshot of a function or module, and running one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use faasm_compiler::CompileOptions;
use faasm_hostif::{HostBuilder, HostState, Input, Output};
use faasm_snapshot::{Manifest, Proto, ProtoError, Recipe};
use faasm_state::CallId;
use faasm_vm::{Check, Digest, Engine, Linker, Module, StoreLimits};

use super::super::compile::object;
use super::super::failure::{Done, Failure};
use super::super::libraries::{Loaded, Named};
use super::super::run_threads;
use super::carry::sealed_object;
use super::{engine, find, key_of, manifest, open, refused, sealed};
use crate::duration;
use crate::forge::{ForgeError, MissingImports};
use crate::name::FunctionName;
use crate::problem::{EXIT_TRAP, explain};
use crate::registry;
use crate::size;
use crate::snapshots::{Keeper, Snapshots};

/// Options of `faasm snapshot take`.
#[derive(Args, Debug)]
pub(super) struct Take {
    /// A function of the data folder, a module, or the object that `faasm compile` made of one.
    #[arg(value_name = "FUNCTION|FILE")]
    source: String,
    /// Memory of a Faaslet.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size::parse)]
    memory: u64,
    /// How long the initialisation may take.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse)]
    timeout: Duration,
    /// A library that the module may load when it is initialised; without a name, under its file's. A function of the data
    /// folder has those of its user.
    #[arg(long = "lib", value_name = "[NAME=]FILE")]
    libraries: Vec<Named>,
    /// The export that initialises the module, in the place of `_faasm_zygote` or `wizer.initialize`.
    #[arg(long, value_name = "NAME")]
    init: Option<String>,
}

/// Options of `faasm snapshot run`.
#[derive(Args, Debug)]
pub(super) struct Run {
    /// The snapshot, by the first digits of its digest.
    snapshot: String,
    /// The guest's arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(super) fn take(data: &Path, options: &Take) -> Done {
    let (snapshots, engine) = (open(data)?, engine(key_of(data)?)?);
    let sealed = object_of(data, &engine, &options.source)?;
    let module = kept(&snapshots, &engine, &sealed)?;
    if let Err(imports) = faasm_hostif::check_imports(module.info()) {
        return Err(Failure::problem(&ForgeError::from(MissingImports(imports))));
    }
    let linker = linker(&engine)?;
    let limits = StoreLimits { memory_bytes: options.memory, ..StoreLimits::default() };
    let deadline = Some(Instant::now() + options.timeout);
    let recipe = Recipe {
        limits,
        deadline,
        init: options.init.as_deref(),
        check: |state: &HostState| Ok(state.check_leftovers()?),
        ..Recipe::new(&engine, &linker)
    };
    let name = options.source.rsplit('/').next().unwrap_or_default();
    let libraries = libraries(data, &engine, options)?;
    let libraries = libraries
        .iter()
        .map(|(name, sealed)| Ok((name.clone(), kept(&snapshots, &engine, sealed)?)));
    let shelf = Loaded::new(libraries.collect::<Result<_, Failure>>()?);
    let builder = HostBuilder::new().arg(name).libraries(Arc::new(shelf));
    let proto = Proto::make(&recipe, &module, host(builder)?);
    let proto = proto.map_err(|error: ProtoError| Failure::usage(explain(&error)))?;
    let taken = snapshots.take(&engine, Keeper::User, &proto, &options.source);
    println!("{}", taken.map_err(|error| refused(&error))?);
    Ok(ExitCode::SUCCESS)
}

/// The module of an object, which snapshots can name from now on.
fn kept(snapshots: &Snapshots, engine: &Engine, sealed: &[u8]) -> Result<Module, Failure> {
    let digest = engine.seal().digest(sealed).map_err(|error| refused(&error.into()))?;
    let module = snapshots.modules().insert(engine, &digest.to_string(), sealed);
    module.map_err(|error| refused(&error.into()))
}

/// The sealed objects of the libraries that the module may load, and their names.
fn libraries(
    data: &Path,
    engine: &Engine,
    options: &Take,
) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut found = Vec::new();
    for Named { name, file } in &options.libraries {
        let wasm = fs::read(file).map_err(|error| Failure::file(file, &error))?;
        found.push((name.clone(), sealed_of(engine, wasm, file)?));
    }
    if let (false, Ok(function)) = (Path::new(&options.source).exists(), options.source.parse()) {
        let records = registry::libraries_in(data, &function);
        for (name, record) in records.map_err(|error| Failure::problem(&error))? {
            let wasm = registry::wasm_in(data, record.wasm);
            let wasm = wasm.map_err(|error| Failure::problem(&error))?;
            let sealed = sealed_of(engine, wasm, Path::new(&name))?;
            found.push((name, sealed));
        }
    }
    Ok(found)
}

/// The sealed object of what a snapshot is to be taken of.
fn object_of(data: &Path, engine: &Engine, source: &str) -> Result<Vec<u8>, Failure> {
    let path = PathBuf::from(source);
    let wasm = match (path.exists(), source.parse::<FunctionName>()) {
        (false, Ok(name)) => {
            let record = registry::record_in(data, &name).map_err(|e| Failure::problem(&e))?;
            let record = record.ok_or_else(|| {
                Failure::not_found(format!("there is neither a function nor a file `{source}`"))
            })?;
            registry::wasm_in(data, record.wasm).map_err(|error| Failure::problem(&error))?
        }
        _ => fs::read(&path).map_err(|error| Failure::file(&path, &error))?,
    };
    sealed_of(engine, wasm, &path)
}

/// The sealed object of a file: of a module, or the file itself if it is one.
fn sealed_of(engine: &Engine, file: Vec<u8>, path: &Path) -> Result<Vec<u8>, Failure> {
    if file.starts_with(b"\x7fELF") {
        return Ok(file);
    }
    let object = object(&file, &CompileOptions::default());
    Ok(engine.seal().seal(object.map_err(|error| Failure::problem(&error).at(path))?))
}

fn linker(engine: &Engine) -> Result<Linker<HostState>, Failure> {
    let mut linker = Linker::new(engine);
    faasm_hostif::link(&mut linker).map_err(|error| Failure::internal(&error))?;
    Ok(linker)
}

fn host(builder: HostBuilder) -> Result<HostState, Failure> {
    let host = builder.build().map_err(|error| Failure::usage(error.to_string()))?;
    Ok(host.call(CallId(1), Vec::new()))
}

/// The modules of a snapshot.
fn modules_of(
    data: &Path,
    snapshots: &Snapshots,
    engine: &Engine,
    manifest: &Manifest<'_>,
) -> Result<Vec<Module>, Failure> {
    let load = |&digest: &Digest| {
        let cached = snapshots.modules().load(engine, &digest.to_string(), Check::Seal);
        if let Some(module) = cached.map_err(|error| refused(&error.into()))? {
            return Ok(module);
        }
        let object = sealed_object(data, &manifest.about().source, digest, engine.seal())?;
        Module::load(engine, &object).map_err(|error| Failure::usage(explain(&error)))
    };
    manifest.store().modules().iter().map(load).collect()
}

pub(super) fn run(data: &Path, options: &Run) -> Done {
    let (snapshots, engine) = (open(data)?, engine(key_of(data)?)?);
    let digest = find(&snapshots, &options.snapshot)?.digest;
    let sealed = sealed(&snapshots, digest)?;
    let manifest = manifest(&engine, &sealed)?;
    let modules = modules_of(data, &snapshots, &engine, &manifest)?;
    let linker = linker(&engine)?;
    let limits = manifest.store().limits();
    let recipe = Recipe { limits, ..Recipe::new(&engine, &linker) };
    let builder = || {
        options.args.iter().fold(
            HostBuilder::new()
                .stdin(Input::Inherit)
                .stdout(Output::Stdout)
                .stderr(Output::Stderr)
                .arg(manifest.about().source.as_bytes()),
            |builder, arg| builder.arg(arg.as_bytes()),
        )
    };
    let restored = snapshots.restore(&recipe, digest, &modules, Check::Seal, host(builder())?);
    let proto = restored.map_err(|error| refused(&error))?;
    match run_threads::call(&proto, host(builder())?)? {
        Ok(code) => Ok(ExitCode::from(code.to_le_bytes()[0])),
        Err(trap) => {
            eprintln!("faasm: {} trapped: {trap}", manifest.about().source);
            eprint!("{}", trap.backtrace());
            Ok(ExitCode::from(EXIT_TRAP))
        }
    }
}
