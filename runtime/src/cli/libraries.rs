//! Libraries of a program that `faasm run` runs: named on the command line, or files that the program can read.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use faasm_compiler::CompileOptions;
use faasm_hostif::{FoundLibrary, Libraries, LibraryError};
use faasm_sfi::pending::Pending;
use faasm_vm::{Engine, Module};

use super::compile::object;
use crate::forge::ForgeError;
use crate::libraries::{Found, elsewhere};

/// `NAME=FILE`, or `FILE` with the name of the file.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) file: PathBuf,
}

impl FromStr for Named {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) => (name.to_owned(), PathBuf::from(file)),
            None => {
                let file = PathBuf::from(text);
                let name = file.file_name().ok_or("write NAME=FILE")?;
                (name.to_string_lossy().trim_end_matches(".wasm").to_owned(), file)
            }
        };
        if name.is_empty() { Err("a library needs a name") } else { Ok(Self { name, file }) }
    }
}

/// See the file's page.
pub(super) struct Shelf {
    engine: Engine,
    files: BTreeMap<String, PathBuf>,
}

impl Shelf {
    pub(super) fn new(engine: &Engine, named: &[Named]) -> Self {
        let files = named.iter().map(|named| (named.name.clone(), named.file.clone()));
        Self { engine: engine.clone(), files: files.collect() }
    }
}

impl Libraries for Shelf {
    fn find(&self, name: &str) -> Pending<Found> {
        let last = name.rsplit('/').next().unwrap_or(name);
        let found = self.files.get(name).map(|file| (name, file));
        let found = found.or_else(|| self.files.get(last).map(|file| (last, file)));
        let Some((name, file)) = found else {
            return Pending::ready(Err(LibraryError::Unknown { name: name.to_owned() }));
        };
        match std::fs::read(file) {
            Ok(bytes) => self.compile(name, bytes),
            Err(error) => {
                let (name, why) = (file.display().to_string(), Box::new(error));
                Pending::ready(Err(LibraryError::Refused { name, why }))
            }
        }
    }

    fn takes_files(&self) -> bool {
        true
    }

    /// Of a module, or of an object that was made of one.
    fn compile(&self, path: &str, bytes: Vec<u8>) -> Pending<Found> {
        let engine = self.engine.clone();
        elsewhere(path.to_owned(), move |_| load(&engine, &bytes))
    }
}

/// Libraries that are loaded already.
pub(super) struct Loaded {
    modules: BTreeMap<String, Module>,
}

impl Loaded {
    pub(super) fn new(modules: BTreeMap<String, Module>) -> Self {
        Self { modules }
    }
}

impl Libraries for Loaded {
    fn find(&self, name: &str) -> Pending<Found> {
        let last = name.rsplit('/').next().unwrap_or(name);
        let unknown = || LibraryError::Unknown { name: name.to_owned() };
        let found = self.modules.get(last).ok_or_else(unknown);
        let library =
            |module: &Module| FoundLibrary { name: last.to_owned(), module: module.clone() };
        Pending::ready(found.map(library))
    }

    fn takes_files(&self) -> bool {
        false
    }

    fn compile(&self, path: &str, _: Vec<u8>) -> Pending<Found> {
        Pending::ready(Err(LibraryError::Unknown { name: path.to_owned() }))
    }
}

fn load(engine: &Engine, bytes: &[u8]) -> Result<Module, ForgeError> {
    if bytes.starts_with(b"\x7fELF") {
        return Ok(Module::load(engine, bytes)?);
    }
    let object = object(bytes, &CompileOptions::default())?;
    Ok(Module::load(engine, &engine.seal().seal(object))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_named_or_has_its_files_name() {
        let parts = |text: &str| {
            let named: Named = text.parse().unwrap();
            (named.name, named.file.display().to_string())
        };
        let expect = |name: &str, file: &str| (name.to_owned(), file.to_owned());
        assert_eq!(parts("libx.so=out/x.wasm"), expect("libx.so", "out/x.wasm"));
        assert_eq!(parts("out/libx.so.wasm"), expect("libx.so", "out/libx.so.wasm"));
        assert_eq!(parts("libx.so"), expect("libx.so", "libx.so"));
        assert!("=x".parse::<Named>().is_err() && "..".parse::<Named>().is_err());
    }
}
