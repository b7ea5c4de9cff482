//! The global tiers that a host can have, chosen by URL.

pub mod durable;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use faasm_state::{GlobalTier, MemoryTier};

use durable::{DurableOptions, DurableTier, OpenError};

/// Which global tier.
#[derive(Clone, Debug, Default)]
pub enum TierUrl {
    /// In this process.
    #[default]
    Memory,
    /// In a file.
    File(PathBuf),
}

/// Why there is no global tier.
#[derive(Debug, thiserror::Error)]
pub enum TierError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] OpenError),
}

/// Why a URL names no global tier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of global tier: there are `memory:` and `file:PATH`")]
pub struct UrlError(String);

impl TierUrl {
    /// The tier itself.
    ///
    /// # Errors
    ///
    /// [`TierError`]: it is not there, or not as it must be.
    pub fn open(&self) -> Result<Arc<dyn GlobalTier>, TierError> {
        match self {
            Self::Memory => Ok(Arc::new(MemoryTier::default())),
            Self::File(path) => Ok(Arc::new(DurableTier::open(path, DurableOptions::default())?)),
        }
    }
}

impl FromStr for TierUrl {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, UrlError> {
        match (url, url.strip_prefix("file:")) {
            ("memory:" | "memory", _) => Ok(Self::Memory),
            (_, Some(path)) if !path.is_empty() => Ok(Self::File(path.into())),
            _ => Err(UrlError(url.to_owned())),
        }
    }
}

impl fmt::Display for TierUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}
