//! Loaded modules: an object file, checked, its code executable.

use std::sync::Arc;

use faasm_abi::module::ModuleInfo;
use faasm_abi::object::SealError;

use crate::engine::Engine;

/// A loaded module, ready to be instantiated any number of times; cheap to clone.
#[derive(Clone, Debug)]
pub struct Module {
    pub(crate) inner: Arc<ModuleInner>,
}

#[derive(Debug)]
pub(crate) struct ModuleInner {
    pub(crate) info: ModuleInfo,
}

/// Why an object file is refused.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No seal, or not ours, or the file was changed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The file is not what the compiler writes.
    #[error("the object is malformed: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// Another version of the format.
    #[error("the object has format {found}, this VM reads format {expected}: compile it again")]
    Format {
        /// In the file.
        found: u32,
        /// What is read here.
        expected: u32,
    },
    /// Made for another kind of machine.
    #[error("the object was compiled for {found}, this machine is {expected}")]
    Target {
        /// In the file.
        found: String,
        /// This machine.
        expected: &'static str,
    },
    /// This processor lacks features that the code uses.
    #[error("the object uses processor features that this machine lacks: {}", .missing.join(", "))]
    Features {
        /// Which.
        missing: Vec<String>,
    },
    /// The instance's context would be too large.
    #[error(transparent)]
    Context(#[from] faasm_abi::layout::ContextTooLarge),
    /// The code could not be mapped.
    #[error("the object's code cannot be mapped")]
    Map(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Module {
    /// Loads what `faasm-compiler` made and [`faasm_abi::object::SealKey::seal`] sealed.
    ///
    /// # Errors
    ///
    /// [`LoadError`]; nothing of the file is looked at before its seal holds.
    pub fn load(engine: &Engine, sealed: &[u8]) -> Result<Self, LoadError> {
        let _ = (engine, sealed);
        unimplemented!()
    }

    /// The module's description.
    #[must_use]
    pub fn info(&self) -> &ModuleInfo {
        &self.inner.info
    }
}
