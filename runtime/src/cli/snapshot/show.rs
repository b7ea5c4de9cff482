//! What snapshots there are, and what they are made of.

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use faasm_snapshot::chunk::WINDOW_BYTES;
use faasm_snapshot::{HostImport, Manifest};
use serde::Serialize;

use super::super::failure::Done;
use super::super::inspect::{json, put};
use super::{engine, find, key_of, manifest, open, refused, sealed, short};
use crate::snapshots::{Keeper, Kept};

/// Options of `faasm snapshot ls`.
#[derive(Args, Debug)]
pub(super) struct Ls {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Options of `faasm snapshot show`.
#[derive(Args, Debug)]
pub(super) struct Show {
    /// The snapshot, by the first digits of its digest.
    snapshot: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A snapshot, for people and programs.
#[derive(Debug, Serialize)]
struct Report {
    digest: String,
    /// `user` or `function`.
    keeper: &'static str,
    source: String,
    /// Seconds since 1970.
    since: u64,
    memory_bytes: u64,
    /// Of the image that a birth maps, zero pages included.
    image_bytes: u64,
    /// Of the pages that are not zero.
    data_bytes: u64,
    /// Of zero pages, which are in no chunk.
    elided_bytes: u64,
    /// Of the chunks, as they were stored first.
    stored_bytes: u64,
    chunks: usize,
    window_bytes: usize,
    modules: Vec<ModuleReport>,
    instances: u64,
    initialised: Vec<String>,
    entries: Vec<String>,
    hosts: Vec<HostImport>,
}

#[derive(Debug, Serialize)]
struct ModuleReport {
    name: Option<String>,
    object: String,
}

impl Report {
    fn of(kept: Kept, manifest: &Manifest<'_>) -> Self {
        let (about, store) = (manifest.about(), manifest.store());
        let summary = store.summary();
        let data_bytes = manifest.chunks().iter().map(|row| row.raw_bytes() as u64).sum();
        let modules = about.modules.iter().zip(store.modules());
        let since = kept.since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            digest: kept.digest.to_string(),
            keeper: match kept.keeper {
                Keeper::User => "user",
                Keeper::Function => "function",
            },
            source: about.source.clone(),
            since: since.as_secs(),
            memory_bytes: summary.memory_bytes,
            image_bytes: summary.image_bytes,
            data_bytes,
            elided_bytes: summary.image_bytes.saturating_sub(data_bytes),
            stored_bytes: manifest.chunks().iter().map(|row| u64::from(row.stored)).sum(),
            chunks: manifest.chunks().len(),
            window_bytes: WINDOW_BYTES,
            modules: modules
                .map(|(name, digest)| ModuleReport {
                    name: name.clone(),
                    object: digest.to_string(),
                })
                .collect(),
            instances: summary.instances,
            initialised: about.initialised.clone(),
            entries: about.entries.clone(),
            hosts: about.hosts.clone(),
        }
    }

    fn text(&self) -> String {
        let mut rows: Vec<[String; 2]> = vec![
            ["digest".into(), self.digest.clone()],
            ["source".into(), self.source.clone()],
            ["kept for".into(), self.keeper.into()],
            ["memory".into(), format!("{} bytes", self.memory_bytes)],
            ["image".into(), format!("{} bytes", self.image_bytes)],
            ["zero".into(), format!("{} bytes, in no chunk", self.elided_bytes)],
            ["data".into(), format!("{} bytes", self.data_bytes)],
            ["stored".into(), format!("{} bytes in {} chunks", self.stored_bytes, self.chunks)],
            ["instances".into(), self.instances.to_string()],
        ];
        let mut list = |name: &str, items: Vec<String>| {
            let names = std::iter::once(name).chain(std::iter::repeat(""));
            rows.extend(names.zip(items).map(|(name, item)| [name.to_owned(), item]));
        };
        let module = |module: &ModuleReport| {
            format!("{} {}", module.object, module.name.as_deref().unwrap_or_default())
        };
        list("modules", self.modules.iter().map(module).collect());
        list("initialised", self.initialised.iter().map(|name| format!("`{name}`")).collect());
        list("entries", self.entries.iter().map(|name| format!("`{name}`")).collect());
        let host = |host: &HostImport| format!("{}.{} {}", host.module, host.name, host.signature);
        list("hosts", self.hosts.iter().map(host).collect());
        rows.iter().map(|[name, value]| format!("{name:<12}{}\n", value.trim_end())).collect()
    }
}

pub(super) fn show(data: &Path, options: &Show) -> Done {
    let (snapshots, engine) = (open(data)?, engine(key_of(data)?)?);
    let kept = find(&snapshots, &options.snapshot)?;
    let sealed = sealed(&snapshots, kept.digest)?;
    let report = Report::of(kept, &manifest(&engine, &sealed)?);
    put(&if options.json { json(&report)? } else { report.text() })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn ls(data: &Path, options: &Ls) -> Done {
    let (snapshots, engine) = (open(data)?, engine(key_of(data)?)?);
    let mut reports = Vec::new();
    for kept in snapshots.list().map_err(|error| refused(&error))? {
        let sealed = sealed(&snapshots, kept.digest)?;
        match manifest(&engine, &sealed) {
            Ok(manifest) => reports.push(Report::of(kept, &manifest)),
            // One that cannot be used is no reason not to list the others.
            Err(_) => eprintln!("{}: not sealed by us, or of another version", short(kept.digest)),
        }
    }
    put(&if options.json { json(&reports)? } else { table(&reports) })?;
    Ok(ExitCode::SUCCESS)
}

fn table(reports: &[Report]) -> String {
    let heading = format!(
        "{:<14}{:<10}{:>12}{:>12}{:>8}  {}\n",
        "SNAPSHOT", "KEPT FOR", "DATA", "STORED", "CHUNKS", "SOURCE"
    );
    let rows = reports.iter().map(|report| {
        let digest = &report.digest[..12];
        let Report { keeper, data_bytes, stored_bytes, chunks, source, .. } = report;
        format!("{digest:<14}{keeper:<10}{data_bytes:>12}{stored_bytes:>12}{chunks:>8}  {source}\n")
    });
    std::iter::once(heading).chain(rows).collect()
}
