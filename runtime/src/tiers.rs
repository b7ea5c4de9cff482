//! The global tiers that a host can have, chosen by URL.
//!
//! | URL | what |
//! |---|---|
//! | `memory:` | in this process; gone with it |
//! | `file:PATH` | in a file, which survives crashes: one host has it at a time |
//! | `redis://[USER:PASSWORD@]HOST[:PORT][/DB]` | a Redis or Valkey server |
//! | `redis+sentinel://HOST[:PORT],…/MASTER[/DB]` | the master that these sentinels name |
//! | `redis+cluster://HOST[:PORT],…` | a cluster that has these nodes |
//!
//! `valkey` is as good as `redis`; `rediss` and `valkeys` mean TLS. What else can be said of a server stands behind a
//! `?`: [`RedisSettings`].

pub mod durable;
mod redis;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use faasm_state::{GlobalTier, MemoryTier};

use durable::{DurableOptions, DurableTier, OpenError};

pub use self::redis::{
    Durability, Finding, RedisOpenError, RedisSettings, RedisTier, Report, Severity, StoreError,
    UrlError,
};

/// Which global tier.
#[derive(Clone, Debug, Default)]
pub enum TierUrl {
    /// In this process.
    #[default]
    Memory,
    /// In this file, which is made if it is not there.
    File(PathBuf),
    /// A Redis or Valkey server, or several.
    Redis(Box<RedisSettings>),
}

/// Why there is no global tier.
#[derive(Debug, thiserror::Error)]
pub enum TierError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] OpenError),
    /// The Redis or Valkey server cannot be used.
    #[error("no global tier at {0}")]
    Redis(TierUrl, #[source] RedisOpenError),
}

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
            Self::Redis(settings) => match RedisTier::open(settings) {
                Ok(tier) => Ok(Arc::new(tier)),
                Err(error) => Err(TierError::Redis(self.clone(), error)),
            },
        }
    }
}

impl FromStr for TierUrl {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, UrlError> {
        match (url, url.strip_prefix("file:")) {
            ("memory:" | "memory", _) => Ok(Self::Memory),
            (_, Some("")) => Err(UrlError::Part {
                part: "path",
                found: String::new(),
                wanted: "the path of a file, as in `file:/var/lib/faasm/state`",
            }),
            (_, Some(path)) => Ok(Self::File(path.into())),
            _ => Ok(Self::Redis(Box::new(url.parse()?))),
        }
    }
}

/// Without passwords.
impl fmt::Display for TierUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Redis(settings) => settings.fmt(f),
        }
    }
}
