//! A folder of objects that were verified once and are then loaded in a time that does not depend on their size.
//!
//! # Protocol
//!
//! 1. The folder is private ([`crate::private_folder`]): nobody else can write to it, and its files are never written
//!    again.
//! 2. A file comes in through [`CodeCache::insert`] only, which checks every byte of it first.
//! 3. [`CodeCache::load`] checks the seal: which key, which length. The bytes under the seal it checks if it is asked to.
//!    Then it uses the file where it is mapped.
//!
//! So what is mapped was verified, unless this user (or the system's own) changed it behind our back, who could as well
//! change this program. What a failing disk did to it is found by [`Check::Bytes`].

use std::io;
use std::path::Path;

use faasm_sfi::code::CodeError;
use faasm_sfi::file::MappedFile;

use crate::engine::Engine;
use crate::module::{LoadError, Module, verify};
use crate::private_folder::{CacheError, PrivateFolder};

/// A folder of verified objects; see the module's page.
#[derive(Debug)]
pub struct CodeCache {
    folder: PrivateFolder,
}

/// What of an object is checked when it is loaded from a cache, where it was checked entirely before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The seal alone, in a time that does not depend on the object's size.
    Seal,
    /// Every byte, because the disk may have changed some.
    Bytes,
}

impl CodeCache {
    /// A cache in `folder`, which is made for this user alone if it is not there.
    ///
    /// # Errors
    ///
    /// [`CacheError::NotPrivate`], [`CacheError::Io`].
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        Ok(Self { folder: PrivateFolder::open(folder)? })
    }

    /// Checks an object, keeps it under `name` in place of what was there, and loads it.
    ///
    /// # Errors
    ///
    /// [`CacheError`].
    pub fn insert(&self, engine: &Engine, name: &str, sealed: &[u8]) -> Result<Module, CacheError> {
        let path = self.folder.path(name)?;
        verify(engine, sealed)?;
        let mut file = self.folder.create()?;
        file.write(sealed)?;
        file.commit(&path)?;
        self.map(engine, &path, Check::Seal)
    }

    /// Loads the object under `name`, if there is one.
    ///
    /// # Errors
    ///
    /// [`CacheError`].
    pub fn load(
        &self,
        engine: &Engine,
        name: &str,
        check: Check,
    ) -> Result<Option<Module>, CacheError> {
        let path = self.folder.path(name)?;
        match self.map(engine, &path, check) {
            Ok(module) => Ok(Some(module)),
            Err(CacheError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The protocol's point 3.
    fn map(&self, engine: &Engine, path: &Path, check: Check) -> Result<Module, CacheError> {
        let file = self.folder.open_file(path)?;
        // SAFETY: files come into the folder complete and are not written again (its protocol, 2 and 3); that nobody else
        // can was checked just above.
        let mapped = unsafe { MappedFile::map(&file) }.map_err(LoadError::from)?;
        if check == Check::Bytes {
            verify(engine, mapped.bytes())?;
        }
        match Module::of_file(engine, mapped) {
            // Where files may not be executed, a copy in memory may.
            Err(LoadError::Map(CodeError::File(error))) if error.is_no_execute() => {
                let copy = MappedFile::copy_of_file(&file).map_err(LoadError::from)?;
                Ok(Module::of_file(engine, copy)?)
            }
            loaded => Ok(loaded?),
        }
    }
}
