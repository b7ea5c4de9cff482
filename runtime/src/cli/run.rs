//! `faasm run`: a program, or one exported function, in this process.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use faasm_compiler::CompileOptions;
use faasm_hostif::{Access, HostBuilder, HostState, Input, NetworkHost, Output, Preopen};
use faasm_snapshot::Entry;
use faasm_state::{CallId, LocalTier};
use faasm_vm::{
    Engine, EngineConfig, Func, Instance, Linker, LoadError, Module, SealKey, Store, StoreLimits,
    Trap, TrapKind, Val, ValType,
};

use super::compile::object;
use super::failure::{Done, Failure};
use super::libraries::{Named, Shelf};
use super::manifest::ManifestOptions;
use super::paths;
use super::profile::ProfileOptions;
use super::run_threads;
use super::stubs::{self, Stub};
use crate::invocation::random_bytes;
use crate::problem::EXIT_TRAP;
use crate::size;
use crate::suggest;
use crate::tiers::TierUrl;

/// Options of `faasm run`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Give the guest a folder, under the name that it knows it by.
    #[arg(long = "dir", value_name = "HOST[::GUEST]")]
    dirs: Vec<Directory>,
    /// Give the guest a library to load (`dlopen`); without a name, under its file's. Libraries in folders that the guest
    /// has are found by their paths, and in `/lib`.
    #[arg(long = "lib", value_name = "[NAME=]FILE")]
    libraries: Vec<Named>,
    /// Give the guest an environment variable; without a value, the one that it has here.
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    #[command(flatten)]
    manifest: ManifestOptions,
    /// Call this exported function with the arguments as numbers, and print its results. One without parameters finds
    /// the arguments as a program does.
    #[arg(long, value_name = "NAME")]
    invoke: Option<String>,
    /// Answer calls of this import, which the host interface does not have, with a number; without one, with 0.
    #[arg(long = "stub", value_name = "MODULE.NAME[=NUMBER]")]
    stubs: Vec<Stub>,
    /// Memory of the guest.
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = size::parse)]
    memory: u64,
    /// Room for the calls of the guest that have not returned; a guest may have another stack in its memory besides.
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = size::parse)]
    stack: u64,
    /// The key that an object is sealed with. By default this user's.
    #[arg(long, value_name = "FILE", env = "FAASM_KEY")]
    key: Option<PathBuf>,
    /// Where the global tier of state is, as for `faasm serve`; the guest's namespace is `run`.
    #[arg(
        long,
        value_name = "URL",
        default_value = "memory:",
        env = "FAASM_STATE",
        hide_env_values = true
    )]
    state: TierUrl,
    #[command(flatten)]
    profile: ProfileOptions,
    /// The module, or the object that `faasm compile` made of it.
    file: PathBuf,
    /// The guest's arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// A folder and its name inside.
#[derive(Clone, Debug)]
struct Directory {
    host: PathBuf,
    guest: String,
}

impl std::str::FromStr for Directory {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, guest) = text.split_once("::").unwrap_or((text, text));
        Ok(Self { host: host.into(), guest: guest.to_owned() })
    }
}

pub(super) fn run(options: &Options) -> Done {
    let file = fs::read(&options.file).map_err(|error| Failure::file(&options.file, &error))?;
    let builder = host(options)?;
    let (engine, module) = load(options, &file)?;
    let libraries = std::sync::Arc::new(Shelf::new(&engine, &options.libraries));
    let host = builder.libraries(libraries).build();
    let host = host.map_err(|error| Failure::usage(error.to_string()))?;
    let mut linker = Linker::new(&engine);
    faasm_hostif::link(&mut linker).map_err(|error| Failure::internal(&error))?;
    stubs::define(&options.stubs, &mut linker, &module)
        .map_err(|failure| failure.at(&options.file))?;
    let limits = StoreLimits { memory_bytes: options.memory, ..StoreLimits::default() };
    if options.invoke.is_none() && module.info().memories.iter().any(|memory| memory.shared) {
        return match run_threads::run((&engine, &linker), &module, limits, &host)? {
            Ok(code) => Ok(exit_code(code)),
            Err(trap) => Ok(end(options, &trap)),
        };
    }
    let state = host.call(CallId(1), Vec::new());
    let mut store = Store::for_module(&engine, &module, limits, state)
        .map_err(|error| Failure::usage(crate::problem::explain(&error)))?;
    match guest(options, &linker, &mut store, &module) {
        Ok(code) => Ok(code),
        Err(Stop::Failure(failure)) => Err(failure),
        Err(Stop::Trap(trap)) => Ok(end(options, &trap)),
    }
}

/// Why a guest did not get to its end.
enum Stop {
    Failure(Failure),
    Trap(Trap),
}

impl From<Trap> for Stop {
    fn from(trap: Trap) -> Self {
        Self::Trap(trap)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Sockets that a program has open at one time.
const SOCKETS: usize = 1024;

fn host(options: &Options) -> Result<HostBuilder, Failure> {
    let global = options.state.open().map_err(|error| Failure::state(&error))?;
    let mut builder = HostBuilder::new()
        .stdin(Input::Inherit)
        .stdout(Output::Stdout)
        .stderr(Output::Stderr)
        .state(LocalTier::new(global, faasm_state::Limits::default()).namespace("run"))
        .arg(options.file.to_string_lossy().as_bytes());
    let manifest = options.manifest.manifest()?;
    builder = manifest.args.iter().fold(builder, |builder, arg| builder.arg(arg.as_str()));
    builder = options.args.iter().fold(builder, |builder, arg| builder.arg(arg.as_bytes()));
    builder = manifest.flags.iter().fold(builder, |builder, flag| builder.flag(flag.as_str()));
    // The command line's variables are in place of the manifest's.
    let given = |name: &str| options.env.iter().any(|given| given.split('=').next() == Some(name));
    for (name, value) in manifest.env.iter().filter(|(name, _)| !given(name.as_str())) {
        builder = builder.env(name.as_str(), value.as_str());
    }
    for variable in &options.env {
        let inherited = || std::env::var(variable).ok();
        let (name, value) = match variable.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => match inherited() {
                Some(value) => (variable.as_str(), value),
                None => continue,
            },
        };
        builder = builder.env(name, &value);
    }
    for dir in &options.dirs {
        let preopen = Preopen::open(&dir.host, &dir.guest, Access::ReadWrite);
        builder = builder.preopen(preopen.map_err(|error| Failure::file(&dir.host, &error))?);
    }
    let network = NetworkHost::new(SOCKETS).map_err(|error| Failure::internal(&error))?;
    let rules = manifest.network.rules();
    Ok(builder.network(network.network(rules)))
}

/// An engine, and the module in it: compiled now, or loaded if the file is an object.
fn load(options: &Options, file: &[u8]) -> Result<(Engine, Module), Failure> {
    let is_object = file.starts_with(b"\x7fELF");
    let key = if is_object {
        paths::seal_key(options.key.as_deref())?
    } else {
        SealKey::new(random_bytes().map_err(|error| Failure::internal(&error))?)
    };
    let compiled = match is_object {
        true => None,
        false => Some(
            key.seal(
                object(file, &CompileOptions::default())
                    .map_err(|error| Failure::problem(&error).at(&options.file))?,
            ),
        ),
    };
    let config = EngineConfig {
        profiling: options.profile.profiling(),
        stack_bytes: usize::try_from(options.stack).unwrap_or(usize::MAX),
        ..EngineConfig::new(key)
    };
    let engine = Engine::new(config).map_err(|error| Failure::internal(&error))?;
    let module = Module::load(&engine, compiled.as_deref().unwrap_or(file));
    let module = module.map_err(|error| refused(options, &error))?;
    Ok((engine, module))
}

fn refused(options: &Options, error: &LoadError) -> Failure {
    let failure = Failure::usage(crate::problem::explain(error)).at(&options.file);
    match error {
        LoadError::Map(_) => Failure::internal(error),
        _ => failure.hint("Make the object again with `faasm compile`."),
    }
}

/// Runs what was asked for; the exit code.
fn guest(
    options: &Options,
    linker: &Linker<HostState>,
    store: &mut Store<HostState>,
    module: &Module,
) -> Result<ExitCode, Stop> {
    let instance = linker.instantiate(store, module).map_err(|error| match error {
        faasm_vm::InstantiateError::Trap(trap) => Stop::Trap(trap),
        error => Stop::Failure(Failure::usage(crate::problem::explain(&error)).at(&options.file)),
    })?;
    if let Some(name) = &options.invoke {
        return invoke(options, store, instance, name);
    }
    let Some(start) = instance.func(store, "_start") else {
        let failure =
            Failure::usage("the module is not a program: it exports no `_start`").at(&options.file);
        return Err(failure.hint("Call one of its functions with `--invoke NAME`.").into());
    };
    let code = Entry::return_code(start.call(store, &[]))?;
    Ok(exit_code(code))
}

/// Calls an exported function and prints its results, one a line.
fn invoke(
    options: &Options,
    store: &mut Store<HostState>,
    instance: Instance,
    name: &str,
) -> Result<ExitCode, Stop> {
    let Some(func) = instance.func(store, name) else {
        return Err(no_function(store, instance, name).at(&options.file).into());
    };
    let args = arguments(store, func, &options.args)?;
    if let Some(initialize) = instance.func(store, "_initialize") {
        initialize.call(store, &[])?;
    }
    for result in func.call(store, &args)? {
        println!("{}", show(&result));
    }
    Ok(ExitCode::SUCCESS)
}

fn no_function(store: &Store<HostState>, instance: Instance, name: &str) -> Failure {
    let module = instance.module(store);
    let names: Vec<&str> = module
        .info()
        .exports
        .iter()
        .filter(|export| matches!(export.item, faasm_vm::ExportItem::Function(_)))
        .map(|export| export.name.as_str())
        .collect();
    let failure = Failure::not_found(format!("the module exports no function `{name}`"));
    match suggest::nearest(name, names.iter().copied()) {
        Some(near) => failure.hint(&format!("Did you mean `{near}`?")),
        None => failure.hint(&format!("It exports: {}.", names.join(", "))),
    }
}

/// The arguments as values of the function's parameter types. One without parameters finds them as a program does.
fn arguments(store: &Store<HostState>, func: Func, args: &[String]) -> Result<Vec<Val>, Failure> {
    let params = &func.ty(store).params;
    if params.is_empty() {
        return Ok(Vec::new());
    }
    if params.len() != args.len() {
        return Err(Failure::usage(format!(
            "the function takes {} arguments, not {}",
            params.len(),
            args.len()
        )));
    }
    params.iter().zip(args).map(|(ty, arg)| value(*ty, arg)).collect()
}

fn value(ty: ValType, text: &str) -> Result<Val, Failure> {
    let unsigned = || text.parse::<u64>().ok();
    let value = match ty {
        ValType::I32 => text
            .parse()
            .ok()
            .or_else(|| Some(u32::try_from(unsigned()?).ok()?.cast_signed()))
            .map(Val::I32),
        ValType::I64 => {
            text.parse().ok().or_else(|| unsigned().map(u64::cast_signed)).map(Val::I64)
        }
        ValType::F32 => text.parse::<f32>().ok().map(|value| Val::F32(value.to_bits())),
        ValType::F64 => text.parse::<f64>().ok().map(|value| Val::F64(value.to_bits())),
        _ => None,
    };
    value.ok_or_else(|| Failure::usage(format!("`{text}` is not a value of type {ty:?}")))
}

fn show(value: &Val) -> String {
    match value {
        Val::I32(value) => value.to_string(),
        Val::I64(value) => value.to_string(),
        Val::F32(bits) => f32::from_bits(*bits).to_string(),
        Val::F64(bits) => f64::from_bits(*bits).to_string(),
        other => format!("{other:?}"),
    }
}

/// How a guest ends that did not return: with its exit code, or as an aborted program.
fn end(options: &Options, trap: &Trap) -> ExitCode {
    if let TrapKind::Exit(code) = trap.kind() {
        return exit_code(*code);
    }
    eprintln!("faasm: {} trapped: {trap}", options.file.display());
    eprint!("{}", trap.backtrace());
    ExitCode::from(EXIT_TRAP)
}

/// The low eight bits, as for a native program.
fn exit_code(code: i32) -> ExitCode {
    ExitCode::from(code.to_le_bytes()[0])
}
