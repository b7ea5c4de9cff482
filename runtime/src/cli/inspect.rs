//! `faasm inspect`: what a module or an object is made of, and the machine code of one function.

mod disassembly;
mod report;
mod text;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use faasm_compiler::{
    CompileOptions, DebugInfo, ObjectFile, ValidateError, proposals, sections, validate,
};

use super::compile::object;
use super::failure::{Done, Failure};
use super::paths;
use crate::problem::explain;
use report::Report;

/// Options of `faasm inspect`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The module, or the object that `faasm compile` made of one.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Show the machine code of a function, by name or index, beside the operators that it came from.
    #[arg(long, value_name = "FUNCTION")]
    disassemble: Option<String>,
    /// The module that an object was made of, to show its operators.
    #[arg(long, value_name = "MODULE", requires = "disassemble")]
    wasm: Option<PathBuf>,
    /// The key that an object is sealed with. By default this user's.
    #[arg(long, value_name = "FILE", env = "FAASM_KEY")]
    key: Option<PathBuf>,
}

pub(super) fn inspect(options: &Options) -> Done {
    let file = fs::read(&options.file).map_err(|error| Failure::file(&options.file, &error))?;
    if file.starts_with(b"\x7fELF") {
        inspect_object(options, &file)?;
    } else {
        inspect_module(options, &file)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn inspect_module(options: &Options, wasm: &[u8]) -> Result<(), Failure> {
    if let Some(function) = &options.disassemble {
        let choices = CompileOptions { debug: DebugInfo::Lines, ..CompileOptions::default() };
        let compiled =
            object(wasm, &choices).map_err(|error| Failure::problem(&error).at(&options.file))?;
        let compiled = taken_apart(options, &compiled)?;
        return disassembly::show(options, &compiled, function, Some(wasm));
    }
    let refuse = |error: ValidateError| {
        Failure::usage(explain(&error))
            .at(&options.file)
            .hint("It must be a binary WebAssembly module, or an object that `faasm compile` made.")
    };
    let module = validate(wasm).map_err(refuse)?;
    let report = Report::of_module(
        &module,
        proposals(wasm).map_err(refuse)?,
        sections(wasm).map_err(refuse)?,
        wasm.len(),
    );
    print(options, &report)
}

fn inspect_object(options: &Options, sealed: &[u8]) -> Result<(), Failure> {
    let key = paths::seal_key(options.key.as_deref())?;
    let bytes = key.open(sealed).map_err(|error| {
        Failure::usage(error.to_string())
            .at(&options.file)
            .hint("Name the key with `--key FILE`, or make the object again with `faasm compile`.")
    })?;
    let object = taken_apart(options, bytes)?;
    let Some(function) = &options.disassemble else {
        return print(options, &Report::of_object(&object, sealed.len()));
    };
    let wasm = options
        .wasm
        .as_ref()
        .map(|path| fs::read(path).map_err(|error| Failure::file(path, &error)));
    disassembly::show(options, &object, function, wasm.transpose()?.as_deref())
}

fn taken_apart<'a>(options: &Options, bytes: &'a [u8]) -> Result<ObjectFile<'a>, Failure> {
    ObjectFile::parse(bytes).map_err(|error| {
        let failure = Failure::usage(error.to_string()).at(&options.file);
        failure.hint("Make the object again with `faasm compile`.")
    })
}

fn print(options: &Options, report: &Report) -> Result<(), Failure> {
    if options.json { put(&json(report)?) } else { put(&text::of(report)) }
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::internal(&error))?;
    Ok(text + "\n")
}

/// Prints; a reader that has seen enough, such as `head`, is no failure.
pub(super) fn put(text: &str) -> Result<(), Failure> {
    use std::io::{ErrorKind, Write};
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::internal(&error)),
        _ => Ok(()),
    }
}
