//! `faasm compile`: a module to a native object.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, ValueEnum};
use faasm_compiler::{
    CompileError, CompileOptions, Cpu, DebugInfo, Limits, ObjectFile, RelaxedSimd, Target,
    ValidateError, compile as compile_module, validate_with,
};

use super::failure::{Done, Failure};
use super::paths;
use crate::forge::ForgeError;

/// Options of `faasm compile`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The module.
    wasm: PathBuf,
    /// Where the object goes; by default beside the module, with the ending `.o`.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The machine to compile for, as in `aarch64-unknown-linux-gnu`; by default this one.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Which processor features to use: all of this machine, or those that every supported machine has.
    #[arg(long, value_enum, default_value = "native")]
    cpu: CpuOption,
    /// Let relaxed vector operators compute what this machine is fastest at, instead of the same on all machines.
    #[arg(long)]
    relaxed_simd: bool,
    /// What the object carries for backtraces and debuggers: the module's source lines (`full`), only offsets in the
    /// module (`lines`), or nothing.
    #[arg(long, value_enum, default_value = "full")]
    debug_info: DebugOption,
    /// Raise or lower a limit of what the module may ask of the compiler, as in `values=2000000` or `time=60` (seconds);
    /// may be given several times.
    #[arg(long = "limit", value_name = "NAME=N", value_parser = limit)]
    limits: Vec<(String, u64)>,
    /// The key to seal the object with; made if it is not there. By default this user's.
    #[arg(long, value_name = "FILE", env = "FAASM_KEY")]
    key: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CpuOption {
    Native,
    Baseline,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DebugOption {
    Full,
    Lines,
    None,
}

pub(super) fn compile(options: &Options) -> Done {
    let wasm = fs::read(&options.wasm).map_err(|error| Failure::file(&options.wasm, &error))?;
    let key = paths::seal_key(options.key.as_deref())?;
    let begun = Instant::now();
    let mut limits = Limits::default();
    for (name, most) in &options.limits {
        limits.set(name, *most);
    }
    let choices = CompileOptions {
        limits,
        target: options.target.clone().map_or(Target::Host, Target::Triple),
        cpu: match options.cpu {
            CpuOption::Native => Cpu::Native,
            CpuOption::Baseline => Cpu::Baseline,
        },
        relaxed_simd: match options.relaxed_simd {
            true => RelaxedSimd::Machine,
            false => RelaxedSimd::Deterministic,
        },
        debug: match options.debug_info {
            DebugOption::Full => DebugInfo::Full,
            DebugOption::Lines => DebugInfo::Lines,
            DebugOption::None => DebugInfo::None,
        },
        ..CompileOptions::default()
    };
    let object = object(&wasm, &choices).map_err(|error| failure(&error))?;
    for note in ObjectFile::parse(&object).map_err(|error| Failure::internal(&error))?.notes {
        eprintln!("note: {note}");
    }
    let sealed = key.seal(object);
    let output = options.output.clone().unwrap_or_else(|| options.wasm.with_extension("o"));
    write(&output, &sealed).map_err(|error| Failure::file(&output, &error))?;
    let (took, size) = (begun.elapsed(), sealed.len());
    eprintln!("{} ({size} bytes) compiled in {:.1} ms", output.display(), took.as_secs_f64() * 1e3);
    Ok(ExitCode::SUCCESS)
}

/// The object of a module, not sealed.
pub(super) fn object(wasm: &[u8], choices: &CompileOptions) -> Result<Vec<u8>, ForgeError> {
    Ok(compile_module(&validate_with(wasm, &choices.limits)?, choices)?)
}

fn failure(error: &ForgeError) -> Failure {
    let failure = Failure::problem(error);
    match error {
        ForgeError::Validate(ValidateError::Limit(exceeded))
        | ForgeError::Compile(CompileError::Limit(exceeded)) => {
            failure.hint(&format!("`--limit {}=N` sets it.", exceeded.limit.field()))
        }
        _ => failure,
    }
}

/// Reads `NAME=N`, the name of a limit.
fn limit(text: &str) -> Result<(String, u64), String> {
    let (name, most) = text.split_once('=').ok_or("write NAME=N")?;
    if !Limits::default().set(name, 0) {
        return Err(format!("there is no such limit; there are {}", Limits::NAMES.join(", ")));
    }
    let most = most.parse().map_err(|_| format!("`{most}` is not a number"))?;
    Ok((name.to_owned(), most))
}

/// Writes a file whole or not at all; a device or a pipe is written to as it is.
pub(super) fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return fs::write(path, bytes);
    }
    let mut tmp = path.as_os_str().to_owned();
    tmp.push(format!(".{}.tmp", std::process::id()));
    let written = fs::File::create(&tmp).and_then(|mut file| file.write_all(bytes));
    written.and_then(|()| fs::rename(&tmp, path)).inspect_err(|_| drop(fs::remove_file(&tmp)))
}
