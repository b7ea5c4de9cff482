//! The host: one process's functions, and the executors that run them.
//!
//! # Lives
//!
//! An upload: the forge makes the Proto (and the registry keeps wasm and object), the record is committed, the
//! directory has the function. A call: the function is looked up, the queue takes the call, an executor runs it in a
//! Faaslet that is born from the Proto, the outcome is published, the Faaslet is reset.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use faasm_hostif::{NetworkHost, NetworkReach};
use faasm_sfi::pending::{Pending, pending};
use faasm_state::{CallId, LocalTier, Namespace};
use faasm_vm::{Engine, EngineConfig, EngineError, Profiling, SealKey, StoreLimits};
use ulid::Ulid;

use crate::call::{CallInfo, Entry, Finished};
use crate::digest::Digest;
use crate::directory::Directory;
use crate::executors::{ExecutorLimits, Executors, Shared, Task};
use crate::files::{FileLimits, FileStore, FilesError};
use crate::forge::{
    Forge, ForgeError, ForgeSettings, ForgeSetupError, ForgeTimings, Forged, MissingImports,
};
use crate::function::{BindError, Function};
use crate::graph::Graph;
use crate::invocation::InvocationIds;
use crate::libraries::Library;
use crate::manifest::Manifest;
use crate::name::FunctionName;
use crate::problem::{Problem, ProblemType};
use crate::registry::{RECORD_FORMAT, Record, Registry, RegistryError};
use crate::state_rules::{self, RuleBook, RulesError};
use crate::suggest;
use crate::tiers::{TierError, TierUrl};

/// Settings of a [`Host`]. The defaults are for a machine of one's own.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Folder of the registry.
    pub data: PathBuf,
    /// How many executors; `None` is one for each core.
    pub threads: Option<NonZeroUsize>,
    /// Bytes of memory that a Faaslet may have.
    pub memory_bytes: u64,
    /// How long a call may take that does not say.
    pub timeout: Duration,
    /// How long any call may take.
    pub max_timeout: Duration,
    /// How long the compilation of a module may take.
    pub compile_time: Duration,
    /// How long an initialisation may take.
    pub init_time: Duration,
    /// How many calls wait, and how many Faaslets live.
    pub limits: ExecutorLimits,
    /// How far functions may reach over the network, whatever their manifests say.
    pub network: NetworkReach,
    /// How many sockets all functions have open together; at most half of the descriptors that the process may have.
    pub sockets: usize,
    /// Which profiler or debugger is told of functions' code.
    pub profiling: Profiling,
    /// How much a tenant's shared files may take.
    pub files: FileLimits,
    /// Where the global tier of state is.
    pub state: TierUrl,
    /// What each namespace's state may use on this host.
    pub state_limits: faasm_state::Limits,
    /// How namespaces' state is kept together, where it is not as was said before.
    pub state_rules: state_rules::All,
}

impl HostConfig {
    /// The defaults, with this folder.
    #[must_use]
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            threads: None,
            memory_bytes: 1 << 30,
            timeout: Duration::from_secs(30),
            max_timeout: Duration::from_mins(15),
            compile_time: Duration::from_mins(10),
            init_time: Duration::from_secs(30),
            limits: ExecutorLimits::default(),
            network: NetworkReach::All,
            sockets: 16_384,
            profiling: Profiling::None,
            files: FileLimits::default(),
            state: TierUrl::default(),
            state_limits: faasm_state::Limits::default(),
            state_rules: state_rules::All::new(),
        }
    }
}

/// Why a host cannot start.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The registry cannot be opened.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The shared files cannot be opened.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The global tier of state cannot be used.
    #[error(transparent)]
    State(#[from] TierError),
    /// The VM cannot be set up.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The forge cannot be set up.
    #[error(transparent)]
    Forge(#[from] ForgeSetupError),
    /// A function cannot be bound.
    #[error(transparent)]
    Function(#[from] BindError),
    /// The rules of state cannot be taken.
    #[error(transparent)]
    StateRules(#[from] RulesError),
    /// The system gives no randomness, or no threads.
    #[error("the system gives no {what}")]
    System {
        /// What it does not give.
        what: &'static str,
        /// Its answer.
        #[source]
        source: std::io::Error,
    },
}

/// Why an upload was refused.
pub type UploadError = ForgeError;

/// A function that was uploaded.
#[derive(Debug)]
pub struct Uploaded {
    /// The function.
    pub function: Arc<Function>,
    /// Whether there was one of this name.
    pub replaced: bool,
    /// Whether it was compiled now.
    pub compiled: bool,
    /// Where the time went.
    pub timings: ForgeTimings,
}

/// Whether a call is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recording {
    Off,
    On,
}

/// A call that was accepted or refused: that is in its end.
#[derive(Debug)]
pub struct Invoked {
    /// What is known of it.
    pub info: CallInfo,
    /// Its end.
    pub finished: Pending<Finished>,
}

/// No function has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no function `{name}`{}", match nearest { Some(near) => format!("; did you mean `{near}`?"), None => String::new() })]
pub struct NotFound {
    name: FunctionName,
    nearest: Option<String>,
}

impl NotFound {
    /// The error for `name`, with the nearest name that there is.
    #[must_use]
    pub fn new(host: &Host, name: &FunctionName) -> Self {
        let names: Vec<String> =
            host.functions().iter().map(|function| function.name().to_string()).collect();
        let nearest = suggest::nearest(&name.to_string(), names.iter().map(String::as_str))
            .map(str::to_owned);
        Self { name: name.clone(), nearest }
    }
}

impl Problem for NotFound {
    fn problem_type(&self) -> ProblemType {
        ProblemType::FunctionNotFound
    }

    fn hint(&self) -> Option<String> {
        Some("`faasm list` shows the functions that there are.".to_owned())
    }
}

/// One process's functions and executors; see the module's page.
pub struct Host {
    config: HostConfig,
    shared: Arc<Shared>,
    rules: RuleBook,
    executors: Executors,
}

impl Host {
    /// Opens the registry and starts the executors.
    ///
    /// # Errors
    ///
    /// [`HostError`].
    pub fn start(config: HostConfig) -> Result<Arc<Self>, HostError> {
        let registry = Registry::open(&config.data)?;
        let engine = Engine::new(EngineConfig {
            profiling: config.profiling,
            ..EngineConfig::new(SealKey::new(registry.key()?))
        })?;
        let limits = StoreLimits { memory_bytes: config.memory_bytes, ..StoreLimits::default() };
        let HostConfig { compile_time, init_time, .. } = config;
        let settings = ForgeSettings { limits, compile_time, init_time };
        let ids = InvocationIds::new()
            .map_err(|source| HostError::System { what: "randomness", source })?;
        let threads = config
            .threads
            .or_else(|| std::thread::available_parallelism().ok())
            .map_or(1, NonZeroUsize::get);
        let files = Arc::new(FileStore::open(&config.data, config.files)?);
        let forge = Forge::new(engine, settings, files)?;
        let network = NetworkHost::new(config.sockets)
            .map_err(|source| HostError::System { what: "descriptors", source })?
            .reach(config.network);
        let directory = Directory::new(registry);
        let state = LocalTier::new(config.state.open()?, config.state_limits);
        let outside = (forge, network, state);
        let shared = Shared::new((threads, config.limits), directory, outside, ids);
        let rules = RuleBook::open(&config.data, config.state_rules.clone(), shared.binder.tier())?;
        shared.directory.load(&shared.binder)?;
        let executors = Executors::start(threads, &shared)
            .map_err(|source| HostError::System { what: "threads", source })?;
        Ok(Arc::new(Self { config, shared, rules, executors }))
    }

    /// Makes `wasm` the function `name`: checked, compiled, initialised, kept. Its manifest is empty.
    ///
    /// # Errors
    ///
    /// [`UploadError`]; the function of this name, if there is one, stays as it is then.
    pub fn upload(&self, name: &FunctionName, wasm: &[u8]) -> Result<Uploaded, UploadError> {
        self.upload_with(name, wasm, Manifest::default())
    }

    /// The same, with what else there is to say about the function.
    ///
    /// # Errors
    ///
    /// As of [`Host::upload`].
    pub fn upload_with(
        &self,
        name: &FunctionName,
        wasm: &[u8],
        manifest: Manifest,
    ) -> Result<Uploaded, UploadError> {
        let registry = self.shared.directory.registry();
        let forged = self.shared.forge.forge(registry, (name, &manifest), wasm)?;
        self.publish(name, forged, (wasm.len() as u64, None), manifest)
    }

    /// Makes `script` the function `name`: initialised by the function `runtime`, whose initialisation has it as input.
    ///
    /// # Errors
    ///
    /// As [`Self::upload`].
    pub fn upload_script(
        &self,
        name: &FunctionName,
        runtime: &FunctionName,
        script: &[u8],
        manifest: Manifest,
    ) -> Result<Uploaded, UploadError> {
        let no_runtime = || ForgeError::NoRuntime(runtime.clone());
        let runtime = self.function(runtime).ok_or_else(no_runtime)?;
        let Record { wasm, wasm_bytes, .. } = *runtime.record();
        let registry = self.shared.directory.registry();
        let forged = self.shared.forge.forge_script(registry, (name, &manifest), wasm, script)?;
        self.publish(name, forged, (wasm_bytes, Some(Digest::of(script))), manifest)
    }

    /// Commits a function and makes it callable.
    fn publish(
        &self,
        name: &FunctionName,
        forged: Forged,
        (wasm_bytes, script): (u64, Option<Digest>),
        manifest: Manifest,
    ) -> Result<Uploaded, UploadError> {
        let made = record(forged.wasm, forged.object);
        let record = Record { script, wasm_bytes, snapshot: forged.snapshot, manifest, ..made };
        let function = self.shared.binder.bind(name.clone(), record, Some(forged.proto))?;
        let replaced = self.shared.directory.publish(&function)?;
        tracing::info!(function = %name, bytes = wasm_bytes, compiled = forged.compiled, "uploaded");
        Ok(Uploaded { function, replaced, compiled: forged.compiled, timings: forged.timings })
    }

    /// The function of this name.
    #[must_use]
    pub fn function(&self, name: &FunctionName) -> Option<Arc<Function>> {
        self.shared.directory.get(name)
    }

    /// Every function, by name.
    #[must_use]
    pub fn functions(&self) -> Vec<Arc<Function>> {
        self.shared.directory.all()
    }

    /// Makes `wasm` the library `name`, which functions of the same namespace can load; and whether there was one of
    /// this name.
    ///
    /// # Errors
    ///
    /// [`UploadError`]; the library of this name, if there is one, stays as it is then.
    pub fn upload_library(
        &self,
        name: &FunctionName,
        wasm: &[u8],
    ) -> Result<(Arc<Library>, bool), UploadError> {
        let directory = &self.shared.directory;
        let (module, digest, object) =
            self.shared.forge.forge_library(directory.registry(), wasm)?;
        let record = Record { wasm_bytes: wasm.len() as u64, ..record(digest, object) };
        let library = Library::new(name.clone(), record, Some(module));
        let replaced = directory.publish_library(&library)?;
        tracing::info!(library = %name, bytes = wasm.len(), "uploaded");
        Ok((library, replaced))
    }

    /// The library of this name.
    #[must_use]
    pub fn library(&self, name: &FunctionName) -> Option<Arc<Library>> {
        self.shared.directory.library(name)
    }

    /// Every library in the namespace of `any`, by name.
    #[must_use]
    pub fn libraries(&self, any: &FunctionName) -> Vec<Arc<Library>> {
        self.shared.directory.libraries(any)
    }

    /// Removes a library; whether there was one. Who has loaded it keeps it.
    ///
    /// # Errors
    ///
    /// [`RegistryError`].
    pub fn remove_library(&self, name: &FunctionName) -> Result<bool, RegistryError> {
        self.shared.directory.remove_library(name)
    }

    /// Removes a function; whether there was one. Calls of it that have begun go on.
    ///
    /// # Errors
    ///
    /// [`RegistryError`].
    pub fn remove(&self, name: &FunctionName) -> Result<bool, RegistryError> {
        self.shared.directory.remove(name)
    }

    /// The tenants' shared files.
    #[must_use]
    pub fn files(&self) -> &Arc<FileStore> {
        self.shared.forge.files()
    }

    /// A namespace's state.
    #[must_use]
    pub fn state(&self, namespace: &str) -> Namespace {
        self.shared.binder.tier().namespace(namespace)
    }

    /// The rules of a namespace's state, as they are written.
    #[must_use]
    pub fn state_rules(&self, namespace: &str) -> Vec<state_rules::Written> {
        self.rules.of(namespace)
    }

    /// Has these rules hold for a namespace's state from now on.
    ///
    /// # Errors
    ///
    /// [`RulesError`]; those that held hold still then.
    pub fn set_state_rules(
        &self,
        namespace: &str,
        rules: Vec<state_rules::Written>,
    ) -> Result<(), RulesError> {
        self.rules.set(namespace, rules, self.shared.binder.tier())
    }

    /// A number that no call has: for locks that the host itself takes.
    pub(crate) fn mint(&self) -> CallId {
        CallId(self.shared.ids.mint().0)
    }

    /// Calls a function. `timeout` is at most the configured one.
    #[must_use]
    pub fn invoke(
        &self,
        function: Arc<Function>,
        input: Vec<u8>,
        timeout: Option<Duration>,
    ) -> Invoked {
        self.begin(function, input, timeout, Recording::Off)
    }

    /// The same, and records whom the call chains, for [`Self::graph`].
    #[must_use]
    pub fn invoke_recorded(
        &self,
        function: Arc<Function>,
        input: Vec<u8>,
        timeout: Option<Duration>,
    ) -> Invoked {
        self.begin(function, input, timeout, Recording::On)
    }

    fn begin(
        &self,
        function: Arc<Function>,
        input: Vec<u8>,
        timeout: Option<Duration>,
        recording: Recording,
    ) -> Invoked {
        let allowed = timeout.unwrap_or(self.config.timeout).min(self.config.max_timeout);
        let begun = Instant::now();
        let (number, id) = self.shared.ids.mint();
        let info = CallInfo {
            id,
            number,
            parent: None,
            graph: (recording == Recording::On).then_some(id),
            entry: Entry::Main,
            begun,
            deadline: begun + allowed,
        };
        let (reply, finished) = pending();
        let finished = match recording {
            Recording::Off => finished,
            Recording::On => {
                self.shared.graphs.begun(&info, function.name());
                let shared = Arc::clone(&self.shared);
                finished.map(move |finished| {
                    shared.graphs.ended(&info, &finished);
                    finished
                })
            }
        };
        self.shared.submit(Task { info, function, input, stamps: None, reply });
        Invoked { info, finished }
    }

    /// What a recorded call of this namespace has led to so far, as long as it is kept.
    #[must_use]
    pub fn graph(&self, namespace: &str, call: Ulid) -> Option<Graph> {
        self.shared.graphs.get(namespace, call)
    }

    /// How many calls wait for an executor.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.queued()
    }

    /// How many Faaslets run or wait.
    #[must_use]
    pub fn live(&self) -> usize {
        self.shared.live()
    }

    /// Whether the host is shutting down.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.shared.is_draining()
    }

    /// Takes no more calls.
    pub fn drain(&self) {
        self.shared.drain();
    }

    /// Takes no more calls, lets those that there are end within `grace`, ends those that do not, and stops the
    /// executors. Blocks until then.
    pub fn shut_down(&self, grace: Duration) {
        self.executors.shut_down(&self.shared, grace);
    }
}

/// The record of an upload that happens now.
fn record(wasm: Digest, object: Digest) -> Record {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Record {
        format: RECORD_FORMAT,
        wasm,
        script: None,
        wasm_bytes: 0,
        object,
        snapshot: None,
        uploaded: since.as_secs(),
        manifest: Manifest::default(),
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.executors.shut_down(&self.shared, Duration::ZERO);
        // Who woke the last call up may not have let go of what is shared yet; it does nothing with it.
        self.shared.directory.registry().release();
    }
}

/// The imports that a refused upload lacked.
impl UploadError {
    /// What it imports that the host interface does not have.
    #[must_use]
    pub fn missing_imports(&self) -> Option<&MissingImports> {
        match self {
            Self::Imports(missing) => Some(missing),
            _ => None,
        }
    }
}
