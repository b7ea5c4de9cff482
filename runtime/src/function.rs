//! A function: its record, and its Proto when it is there.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use faasm_hostif::{HostBuildError, HostBuilder, NetworkHost};
use faasm_snapshot::Proto;
use faasm_state::LocalTier;

use crate::executors::{Chain, Port, Shared};
use crate::files::{FileStore, FilesError, TenantFiles};
use crate::libraries::Shelf;
use crate::manifest::Manifest;
use crate::name::FunctionName;
use crate::registry::Record;

/// A function that can be called. An upload of the same name makes another one; calls keep the one they began with.
pub struct Function {
    name: FunctionName,
    record: Record,
    /// What its calls may ask: its namespace's state and functions.
    host: faasm_hostif::Host,
    /// What its running calls have chained.
    port: Arc<Port>,
    /// Made by the upload, or by the first call after the host's start. Under the lock while it is being made, so that
    /// it is made once.
    proto: Mutex<Option<Arc<Proto>>>,
}

impl Function {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &FunctionName {
        &self.name
    }

    /// What the registry knows of it.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    pub(crate) fn host(&self) -> &faasm_hostif::Host {
        &self.host
    }

    pub(crate) fn port(&self) -> &Port {
        &self.port
    }

    /// The Proto, made with `make` if it is not there; and whether it was made now. Who comes while another makes it
    /// waits for that.
    pub(crate) fn proto<E>(
        &self,
        make: impl FnOnce() -> Result<Proto, E>,
    ) -> Result<(Arc<Proto>, bool), E> {
        let mut proto = self.proto.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(proto) = &*proto {
            return Ok((Arc::clone(proto), false));
        }
        let made = Arc::new(make()?);
        *proto = Some(Arc::clone(&made));
        Ok((made, true))
    }
}

/// What binds functions to the host they are on.
pub(crate) struct Binder {
    tier: LocalTier,
    files: Arc<FileStore>,
    network: NetworkHost,
    /// From where the guests' monotonic time counts.
    origin: Instant,
    shared: Weak<Shared>,
}

impl Binder {
    /// A binder with this state.
    pub(crate) fn new(
        shared: Weak<Shared>,
        tier: LocalTier,
        (files, network): (Arc<FileStore>, NetworkHost),
        origin: Instant,
    ) -> Self {
        Self { tier, files, network, origin, shared }
    }

    /// All state on this host.
    pub(crate) fn tier(&self) -> &LocalTier {
        &self.tier
    }

    /// A function whose Proto is made already, or will be at the first call.
    pub(crate) fn bind(
        &self,
        name: FunctionName,
        record: Record,
        proto: Option<Proto>,
    ) -> Result<Arc<Function>, BindError> {
        let files = self.files.tenant(name.namespace())?;
        let port = Port::new(Weak::clone(&self.shared));
        let host = bare_host(&name, &record.manifest, files, self.origin)
            .state(self.tier.namespace(name.namespace()))
            .calls(Arc::new(Chain(Arc::clone(&port))))
            .libraries(Shelf::new(&self.shared, &name))
            .network(self.network.network(record.manifest.network.rules()))
            .build()?;
        Ok(Arc::new(Function { name, record, host, port, proto: Mutex::new(proto.map(Arc::new)) }))
    }
}

/// The host's side of a function without state, calls and network: what its initialisation has.
pub(crate) fn bare_host(
    name: &FunctionName,
    manifest: &Manifest,
    files: Arc<TenantFiles>,
    origin: Instant,
) -> HostBuilder {
    let mut builder = HostBuilder::new().arg(name.function());
    for arg in &manifest.args {
        builder = builder.arg(arg.as_str());
    }
    let said = |name: &str| manifest.env.keys().any(|said| said.as_str() == name);
    for (name, value) in ENVIRONMENT.iter().filter(|(name, _)| !said(name)) {
        builder = builder.env(name, value);
    }
    for (name, value) in &manifest.env {
        builder = builder.env(name.as_str(), value.as_str());
    }
    let builder = manifest.flags.iter().fold(builder, |builder, flag| builder.flag(flag.as_str()));
    builder.files(files).monotonic_origin(origin)
}

/// Variables that every function has, if its manifest does not say otherwise.
const ENVIRONMENT: [(&str, &str); 5] =
    [("HOME", "/"), ("LOGNAME", "faasm"), ("PWD", "/"), ("TMPDIR", "/tmp"), ("USER", "faasm")];

/// Why a function cannot be bound to the host.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The host's side of its calls cannot be made.
    #[error(transparent)]
    Host(#[from] HostBuildError),
    /// Its tenant's files cannot be opened.
    #[error(transparent)]
    Files(#[from] FilesError),
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function")
            .field("name", &self.name)
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}
