//! Where things are on disk when nobody says: the folder of this user's data, and the key in it.

use std::env;
use std::path::{Path, PathBuf};

use faasm_vm::SealKey;

use super::failure::Failure;
use crate::key;

/// `$FAASM_DATA`, else `$XDG_DATA_HOME/faasm`, else `~/.local/share/faasm` (XDG Base Directory Specification).
pub(super) fn data_folder() -> Result<PathBuf, Failure> {
    let folder =
        |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("FAASM_DATA")
        .or_else(|| Some(folder("XDG_DATA_HOME")?.join("faasm")))
        .or_else(|| Some(folder("HOME")?.join(".local/share/faasm")))
        .ok_or_else(|| {
            Failure::usage(
                "there is no folder for data: neither FAASM_DATA, XDG_DATA_HOME nor HOME is set",
            )
            .hint("Name one with `--data DIR` or `--key FILE`.")
        })
}

/// The key in a file that must be there: of another host's, or user's.
pub(super) fn existing_key(file: &Path) -> Result<SealKey, Failure> {
    // `load_or_create` would make one, with which nothing was ever sealed.
    std::fs::metadata(file).map_err(|error| Failure::file(file, &error))?;
    seal_key(Some(file))
}

/// The key with which this user's objects are sealed.
pub(super) fn seal_key(file: Option<&Path>) -> Result<SealKey, Failure> {
    let path = match file {
        Some(path) => path.to_owned(),
        None => data_folder()?.join("key"),
    };
    key::load_or_create(&path).map(SealKey::new).map_err(|error| Failure::internal(&error))
}
