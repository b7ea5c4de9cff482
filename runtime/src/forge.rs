//! The forge: it makes Protos, from wasm or from what the registry keeps of it.
//!
//! ```text
//! wasm ─validate→ imports checked ─compile→ object ─seal→ registry
//!                                              └─load→ Module ─initialise, capture→ Proto ─snapshot→ registry
//! registry ─object, snapshot→ Module, image ─restore→ Proto
//! ```

use std::fs::File;
use std::io;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use faasm_compiler::{CompileError, CompileOptions, Limits, ValidateError, compile, validate_with};
use faasm_hostif::{
    Capture, FAASM, HostState, ImportError, Output, check_imports, monotonic_origin,
};
use faasm_snapshot::{EntryError, Proto, ProtoError, Recipe};
use faasm_state::CallId;
use faasm_vm::{
    CacheError, CaptureError, Check, Engine, LinkError, Linker, LoadError, Module, StoreError,
    StoreLimits,
};

use crate::digest::Digest;
use crate::directory::Directory;
use crate::executors::Shared;
use crate::files::FileStore;
use crate::function::{BindError, Function, bare_host};
use crate::libraries::{Library, Shelf};
use crate::manifest::Manifest;
use crate::name::FunctionName;
use crate::problem::{Problem, ProblemType, explain};
use crate::registry::{Registry, RegistryError};
use crate::snapshots::Keeper;

/// How much of what an initialisation prints is kept, in bytes.
const PRINTED: usize = 16 << 10;

/// Imports that the host interface does not have, or has with another type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(.0))]
pub struct MissingImports(pub Vec<ImportError>);

fn list(imports: &[ImportError]) -> String {
    imports.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Why a module cannot be made a function.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// It is not a module, or not one that is supported.
    #[error(transparent)]
    Validate(#[from] ValidateError),
    /// It imports what the host interface does not have.
    #[error("the module imports what the host interface does not have")]
    Imports(#[from] MissingImports),
    /// It cannot be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// Its object cannot be loaded.
    #[error("the compiled object cannot be loaded")]
    Load(#[from] LoadError),
    /// It cannot be initialised and captured.
    #[error(transparent)]
    Proto(#[from] ProtoError),
    /// It is no library.
    #[error("the module is not a library: it has no `dylink.0` section, or a damaged one")]
    NotALibrary,
    /// Its initialisation failed, and had said something.
    #[error(transparent)]
    Init(Box<FailedInit>),
    /// There is no such runtime.
    #[error("there is no runtime `{0}`")]
    NoRuntime(FunctionName),
    /// It has no entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// It cannot be bound to this host.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// An initialisation that failed.
#[derive(Debug)]
pub struct FailedInit {
    /// How.
    pub error: ProtoError,
    /// What it had printed.
    pub printed: String,
}

impl std::fmt::Display for FailedInit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for FailedInit {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl ForgeError {
    /// What an initialisation that failed had printed.
    #[must_use]
    pub fn printed(&self) -> Option<&str> {
        match self {
            Self::Init(failed) => Some(&failed.printed),
            _ => None,
        }
    }

    /// Whether the system had no address space, mapping or memory left, and may have some again later.
    fn is_for_want_of_room(&self) -> bool {
        match self {
            Self::Load(error) | Self::Registry(RegistryError::Objects(CacheError::Load(error))) => {
                matches!(error, LoadError::Mappings(_))
            }
            Self::Proto(ProtoError::Store(error)) => {
                matches!(error, StoreError::Slot(_) | StoreError::Mappings(_))
            }
            Self::Proto(ProtoError::Capture(error)) => matches!(error, CaptureError::Mappings(_)),
            _ => false,
        }
    }
}

impl Problem for ForgeError {
    fn problem_type(&self) -> ProblemType {
        match self {
            _ if self.is_for_want_of_room() => ProblemType::Overloaded,
            Self::Validate(_) | Self::Imports(_) | Self::Entry(_) | Self::NotALibrary => {
                ProblemType::InvalidModule
            }
            Self::Compile(
                CompileError::Operator(_)
                | CompileError::Context(_)
                | CompileError::Limit(_)
                | CompileError::TextTooLarge,
            ) => ProblemType::InvalidModule,
            Self::Compile(CompileError::Target { .. }) => ProblemType::InvalidRequest,
            Self::Compile(_) | Self::Load(_) | Self::Registry(_) | Self::Bind(_) => {
                ProblemType::Internal
            }
            Self::Proto(ProtoError::Capture(CaptureError::Image(_))) => ProblemType::Internal,
            Self::Proto(_) | Self::Init(_) => ProblemType::InvalidModule,
            Self::NoRuntime(_) => ProblemType::FunctionNotFound,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Validate(_) => Some(
                "Upload a binary WebAssembly module, as `clang --target=wasm32-wasip1` writes."
                    .into(),
            ),
            Self::Imports(_) => {
                Some("Link against WASI preview 1 and the Faasm library only.".into())
            }
            Self::NotALibrary => {
                Some("Link it with `-shared -Wl,--experimental-pic`, and `-fPIC`.".into())
            }
            Self::Proto(ProtoError::Trapped { .. } | ProtoError::Failed { .. }) => {
                Some("Initialisation runs once, at the upload, without input.".into())
            }
            Self::Init(_) => {
                Some("Initialisation runs once, at the upload: what it printed is below.".into())
            }
            Self::NoRuntime(name) => {
                Some(format!("Upload its module once, as in `faasm upload {name} python.wasm`."))
            }
            _ => None,
        }
    }
}

/// Where the time of making a Proto went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForgeTimings {
    /// Validation and the check of the imports.
    pub validate: Duration,
    /// Compilation; next to nothing when the object was there.
    pub compile: Duration,
    /// Loading, initialisation and capture.
    pub init: Duration,
}

/// A Proto, and what the registry is to know of it.
#[derive(Debug)]
pub(crate) struct Forged {
    pub(crate) proto: Proto,
    pub(crate) wasm: Digest,
    pub(crate) object: Digest,
    pub(crate) snapshot: Option<Digest>,
    /// Whether it was compiled: the registry did not have its object.
    pub(crate) compiled: bool,
    pub(crate) timings: ForgeTimings,
}

/// Settings of a [`Forge`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ForgeSettings {
    /// What a Faaslet may take.
    pub(crate) limits: StoreLimits,
    /// How long a compilation may take.
    pub(crate) compile_time: Duration,
    /// How long an initialisation may take.
    pub(crate) init_time: Duration,
}

/// What Protos are made with.
pub(crate) struct Forge {
    engine: Engine,
    linker: Linker<HostState>,
    limits: StoreLimits,
    /// What a module may ask of the compiler.
    compile_limits: Limits,
    /// How long an initialisation may take.
    init_time: Duration,
    /// Of the compiler: objects of another one are not used.
    fingerprint: Digest,
    /// From where the guests' monotonic time counts.
    origin: Instant,
    files: Arc<FileStore>,
    /// For the libraries that an initialisation loads.
    shared: Weak<Shared>,
}

impl Forge {
    /// A forge whose Protos have these limits, and find these files.
    pub(crate) fn new(
        engine: Engine,
        settings: ForgeSettings,
        files: Arc<FileStore>,
    ) -> Result<Self, ForgeSetupError> {
        let mut linker = Linker::new(&engine);
        faasm_hostif::link(&mut linker)?;
        let ForgeSettings { limits, compile_time, init_time } = settings;
        Ok(Self {
            engine,
            linker,
            limits,
            compile_limits: Limits { time: Some(compile_time), ..Limits::default() },
            init_time,
            fingerprint: fingerprint()?,
            origin: monotonic_origin(),
            files,
            shared: Weak::new(),
        })
    }

    /// The tenants' shared files.
    pub(crate) fn files(&self) -> &Arc<FileStore> {
        &self.files
    }

    /// The forge of these.
    pub(crate) fn of(self, shared: &Weak<Shared>) -> Self {
        Self { shared: Weak::clone(shared), ..self }
    }

    /// From where the guests' monotonic time counts.
    pub(crate) fn origin(&self) -> Instant {
        self.origin
    }

    /// Bytes of memory that a Faaslet may have.
    pub(crate) fn memory_limit(&self) -> u64 {
        self.limits.memory_bytes
    }

    /// Makes the Proto of an uploaded module; its wasm and object are in the registry then.
    pub(crate) fn forge(
        &self,
        registry: &Registry,
        (name, manifest): (&FunctionName, &Manifest),
        wasm: &[u8],
    ) -> Result<Forged, ForgeError> {
        let mut timings = ForgeTimings::default();
        let (mut begun, lap) = (Instant::now(), |begun: &mut Instant| {
            let took = begun.elapsed();
            *begun = Instant::now();
            took
        });
        let validated = validate_with(wasm, &self.compile_limits)?;
        check_imports(validated.info()).map_err(MissingImports)?;
        timings.validate = lap(&mut begun);
        let digest = registry.put_wasm(wasm)?;
        let key = self.object_key(digest);
        let kept = self.kept(registry, key)?;
        let compiled = kept.is_none();
        let module = match kept {
            Some(module) => module,
            None => self.compile(registry, key, wasm)?,
        };
        timings.compile = lap(&mut begun);
        let proto = self.initialise(&module, (name, manifest), &[])?;
        let snapshot = self.keep(registry, name, &proto);
        timings.init = lap(&mut begun);
        Ok(Forged { proto, wasm: digest, object: key, snapshot, compiled, timings })
    }

    /// Compiles an uploaded library: its module, and where wasm and object are in the registry then.
    pub(crate) fn forge_library(
        &self,
        registry: &Registry,
        wasm: &[u8],
    ) -> Result<(Module, Digest, Digest), ForgeError> {
        if validate_with(wasm, &self.compile_limits)?.info().dylink.is_none() {
            return Err(ForgeError::NotALibrary);
        }
        let digest = registry.put_wasm(wasm)?;
        let key = self.object_key(digest);
        let module = match self.kept(registry, key)? {
            Some(module) => module,
            None => self.compile(registry, key, wasm)?,
        };
        Ok((module, digest, key))
    }

    /// The module of a library that the registry has; compiled again if its object does not fit here any more.
    pub(crate) fn library(
        &self,
        registry: &Registry,
        library: &Library,
    ) -> Result<Module, ForgeError> {
        library.module(|record| {
            let key = self.object_key(record.wasm);
            match self.kept(registry, key)? {
                Some(module) => Ok(module),
                None => self.compile(registry, key, &registry.wasm(record.wasm)?),
            }
        })
    }

    /// The modules of which a function's snapshot may be: its own, and the libraries that it may have loaded.
    fn modules(&self, directory: &Directory, function: &Function, module: &Module) -> Vec<Module> {
        let mut modules = vec![module.clone()];
        let mut imports = module.info().imports.iter();
        if imports.any(|import| import.module == FAASM && import.name == "dlopen") {
            for library in directory.libraries(function.name()) {
                match self.library(directory.registry(), &library) {
                    Ok(module) => modules.push(module),
                    Err(error) => {
                        tracing::warn!(library = %library.name(), error = %explain(&error), "the library cannot be loaded");
                    }
                }
            }
        }
        modules
    }

    /// Makes the Proto of an uploaded script for the runtime with this digest; the script is in the registry then.
    pub(crate) fn forge_script(
        &self,
        registry: &Registry,
        (name, manifest): (&FunctionName, &Manifest),
        wasm: Digest,
        script: &[u8],
    ) -> Result<Forged, ForgeError> {
        let begun = Instant::now();
        let key = self.object_key(wasm);
        let kept = self.kept(registry, key)?;
        let compiled = kept.is_none();
        let module = match kept {
            Some(module) => module,
            None => self.compile(registry, key, &registry.wasm(wasm)?)?,
        };
        let compile = begun.elapsed();
        registry.put_wasm(script)?;
        let proto = self.initialise(&module, (name, manifest), script)?;
        let snapshot = self.keep(registry, name, &proto);
        let timings = ForgeTimings {
            validate: Duration::ZERO,
            compile,
            init: begun.elapsed().saturating_sub(compile),
        };
        Ok(Forged { proto, wasm, object: key, snapshot, compiled, timings })
    }

    /// Makes the Proto of a function that the registry has: from its snapshot, without running anything. Initialises it
    /// again if that does not fit here any more, and compiles it again if its object does not.
    pub(crate) fn restore(
        &self,
        directory: &Directory,
        function: &Function,
    ) -> Result<Proto, ForgeError> {
        let (registry, record) = (directory.registry(), function.record());
        let said = (function.name(), &record.manifest);
        let script = record.script.map(|digest| registry.wasm(digest)).transpose()?;
        if record.object == self.object_key(record.wasm)
            && let Some(module) = self.kept(registry, record.object)?
        {
            let modules = self.modules(directory, function, &module);
            if let Some(proto) = self.restored(registry, function, &modules) {
                return Ok(proto);
            }
            let script = script.as_deref().unwrap_or_default();
            let proto = self.initialise(&module, said, script)?;
            let snapshot = self.keep(registry, function.name(), &proto);
            directory.renewed(function, record.object, snapshot)?;
            return Ok(proto);
        }
        tracing::info!(function = %function.name(), "the kept object does not fit this compiler or machine: compiling");
        let forged = match &script {
            Some(script) => self.forge_script(registry, said, record.wasm, script)?,
            None => self.forge(registry, said, &registry.wasm(record.wasm)?)?,
        };
        directory.renewed(function, forged.object, forged.snapshot)?;
        Ok(forged.proto)
    }

    /// The Proto of a function's snapshot, if it has one that fits here.
    fn restored(
        &self,
        registry: &Registry,
        function: &Function,
        modules: &[Module],
    ) -> Option<Proto> {
        let (name, digest) = (function.name(), function.record().snapshot?);
        let restore = || -> Result<Proto, ForgeError> {
            // As of the objects, every byte is looked at once in a process's life: a failing disk shows itself here.
            let said = (name, &function.record().manifest);
            let (recipe, data) = (self.recipe(None), self.state(said, &[])?);
            let snapshots = registry.snapshots();
            let restored = snapshots.restore(&recipe, digest.into(), modules, Check::Bytes, data);
            Ok(restored.map_err(RegistryError::from)?)
        };
        let restored = restore();
        if let Err(error) = &restored {
            tracing::warn!(function = %name, error = %explain(error), "the kept snapshot does not fit: initialising");
        }
        restored.ok()
    }

    /// Keeps a snapshot of a function's Proto. A function without one is initialised again at the next start.
    fn keep(&self, registry: &Registry, name: &FunctionName, proto: &Proto) -> Option<Digest> {
        let source = name.to_string();
        let taken = registry.snapshots().take(&self.engine, Keeper::Function, proto, &source);
        if let Err(error) = &taken {
            tracing::warn!(function = %name, error = %explain(error), "no snapshot was kept");
        }
        taken.ok().map(Into::into)
    }

    fn compile(&self, registry: &Registry, key: Digest, wasm: &[u8]) -> Result<Module, ForgeError> {
        let limits = self.compile_limits.clone();
        let validated = validate_with(wasm, &limits)?;
        let object = compile(&validated, &CompileOptions { limits, ..CompileOptions::default() })?;
        let sealed = self.engine.seal().seal(object);
        let kept = registry.objects().insert(&self.engine, &key.to_string(), &sealed);
        Ok(kept.map_err(RegistryError::from)?)
    }

    /// The object that the registry has under this key, if it has one that fits here.
    fn kept(&self, registry: &Registry, key: Digest) -> Result<Option<Module>, RegistryError> {
        match registry.objects().load(&self.engine, &key.to_string(), Check::Bytes) {
            Err(CacheError::Load(error)) if !matches!(error, LoadError::Mappings(_)) => Ok(None),
            found => Ok(found?),
        }
    }

    /// Initialises a module, with a script as its input if it is a runtime.
    fn initialise(
        &self,
        module: &Module,
        said: (&FunctionName, &Manifest),
        script: &[u8],
    ) -> Result<Proto, ForgeError> {
        let recipe = self.recipe(Some(Instant::now() + self.init_time));
        let printed = Capture::new(PRINTED);
        let [stdout, stderr] = [(); 2].map(|()| Output::Capture(printed.clone()));
        let state = self.state(said, script)?.with_streams(stdout, stderr);
        let proto = Proto::make(&recipe, module, state).map_err(|error| {
            let printed = String::from_utf8_lossy(&printed.take()).into_owned();
            match error {
                ProtoError::Failed { .. } | ProtoError::Trapped { .. } if !printed.is_empty() => {
                    ForgeError::Init(Box::new(FailedInit { error, printed }))
                }
                _ => error.into(),
            }
        })?;
        proto.main()?;
        Ok(proto)
    }

    fn recipe(&self, deadline: Option<Instant>) -> Recipe<'_, HostState> {
        Recipe {
            engine: &self.engine,
            linker: &self.linker,
            limits: self.limits,
            deadline,
            init: None,
            check: |state| Ok(state.check_leftovers()?),
        }
    }

    /// The host's state of a function without state and calls, with this input.
    fn state(
        &self,
        (name, manifest): (&FunctionName, &Manifest),
        input: &[u8],
    ) -> Result<HostState, BindError> {
        let files = self.files.tenant(name.namespace())?;
        let host =
            bare_host(name, manifest, files, self.origin).libraries(Shelf::new(&self.shared, name));
        Ok(host.build()?.call(CallId(0), input.to_vec()))
    }

    /// Where the object of a module is kept: each compiler has its own.
    fn object_key(&self, wasm: Digest) -> Digest {
        Digest::of_parts(&[wasm.as_bytes(), self.fingerprint.as_bytes(), b"host native"])
    }
}

/// Why a forge cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ForgeSetupError {
    /// The host interface defines a name twice.
    #[error("the host interface cannot be linked")]
    Link(#[from] LinkError),
    /// The running program cannot be read.
    #[error("the running program cannot be read")]
    Program(#[source] io::Error),
}

/// What tells this compiler from others: the program that holds it. Any other build may generate other code.
fn fingerprint() -> Result<Digest, ForgeSetupError> {
    let mut hasher = blake3::Hasher::new();
    let program = File::open("/proc/self/exe").map_err(ForgeSetupError::Program)?;
    hasher.update_reader(program).map_err(ForgeSetupError::Program)?;
    Ok(Digest::of(hasher.finalize().as_bytes()))
}
