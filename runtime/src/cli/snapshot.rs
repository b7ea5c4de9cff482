//! `faasm snapshot`: Proto-Faaslets at rest.

mod carry;
mod make;
mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use faasm_snapshot::Manifest;
use faasm_vm::{Digest, Engine, EngineConfig, SealKey};

use super::failure::{Done, Failure};
use super::paths;
use crate::digest;
use crate::problem::explain;
use crate::snapshots::{Kept, Snapshots, SnapshotsError};

/// Options of `faasm snapshot`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Folder of the snapshots; by default this user's (`$XDG_DATA_HOME/faasm`).
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Initialise a function or a module, and keep what has become of it.
    Take(make::Take),
    /// List the snapshots.
    #[command(visible_alias = "list")]
    Ls(show::Ls),
    /// Show what a snapshot is made of.
    Show(show::Show),
    /// Run the function of a snapshot in this process.
    Run(make::Run),
    /// Remove snapshots, and the chunks that no other one has.
    #[command(visible_alias = "remove")]
    Rm(Rm),
    /// Write a snapshot to one file, with all that another host needs.
    Export(carry::Export),
    /// Keep a snapshot of an exported file.
    Import(carry::Import),
}

/// Options of `faasm snapshot rm`.
#[derive(Args, Debug)]
struct Rm {
    /// The snapshots, by the first digits of their digests.
    #[arg(required = true)]
    snapshots: Vec<String>,
}

pub(super) fn snapshot(options: &Options) -> Done {
    let data = options.data.clone().map_or_else(paths::data_folder, Ok)?;
    match &options.command {
        Command::Take(options) => make::take(&data, options),
        Command::Ls(options) => show::ls(&data, options),
        Command::Show(options) => show::show(&data, options),
        Command::Run(options) => make::run(&data, options),
        Command::Rm(options) => rm(&data, options),
        Command::Export(options) => carry::export(&data, options),
        Command::Import(options) => carry::import(&data, options),
    }
}

fn rm(data: &Path, options: &Rm) -> Done {
    let snapshots = open(data)?;
    for wanted in &options.snapshots {
        let found = find(&snapshots, wanted)?;
        snapshots.remove(found.digest).map_err(|error| refused(&error))?;
        eprintln!("removed {}", found.digest);
    }
    Ok(ExitCode::SUCCESS)
}

fn open(data: &Path) -> Result<Snapshots, Failure> {
    Snapshots::open(data).map_err(|error| refused(&error))
}

/// The key of a data folder, with which its snapshots are sealed.
fn key_of(data: &Path) -> Result<SealKey, Failure> {
    paths::seal_key(Some(&data.join("key")))
}

fn engine(key: SealKey) -> Result<Engine, Failure> {
    Engine::new(EngineConfig::new(key)).map_err(|error| Failure::internal(&error))
}

/// The one snapshot whose digest begins so.
fn find(snapshots: &Snapshots, wanted: &str) -> Result<Kept, Failure> {
    const SHORTEST: usize = 4;
    let all = snapshots.list().map_err(|error| refused(&error))?;
    let mut found: Vec<Kept> = all
        .into_iter()
        .filter(|kept| wanted.len() >= SHORTEST && kept.digest.to_string().starts_with(wanted))
        .collect();
    found.dedup_by_key(|kept| kept.digest);
    match found[..] {
        [kept] => Ok(kept),
        [] => Err(Failure::not_found(format!("there is no snapshot `{wanted}`"))
            .hint("`faasm snapshot ls` lists them; four digits or more name one.")),
        [_, ..] => Err(Failure::usage(format!("several snapshots begin with `{wanted}`"))
            .hint("Give more digits.")),
    }
}

/// A snapshot's sealed manifest.
fn sealed(snapshots: &Snapshots, digest: Digest) -> Result<Vec<u8>, Failure> {
    snapshots.manifest(digest).map_err(|error| refused(&error))
}

fn manifest<'a>(engine: &Engine, sealed: &'a [u8]) -> Result<Manifest<'a>, Failure> {
    Manifest::open(engine, sealed).map_err(|error| refused(&error.into()))
}

fn refused(error: &SnapshotsError) -> Failure {
    match error {
        SnapshotsError::Io { .. } => Failure::internal(error),
        SnapshotsError::Unknown(_) => Failure::not_found(explain(error)),
        SnapshotsError::Manifest(_) | SnapshotsError::Restore(_) => Failure::usage(explain(error))
            .hint("Take the snapshot again with `faasm snapshot take`."),
        _ => Failure::usage(explain(error)),
    }
}

/// The first digits of a digest, which name it among a few.
fn short(digest: Digest) -> String {
    digest::Digest::from(digest).to_string().chars().take(12).collect()
}
