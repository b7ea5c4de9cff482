//! What the directives of one script share: a store, its linker, and the modules and instances by name.

use std::collections::HashMap;
use std::fs;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use faasm_abi::object::SealKey;
use faasm_compiler::{CompileOptions, Cpu, OptLevel, check_custom_sections, compile, validate};
use faasm_snapshot::transfer::{self, Source};
use faasm_snapshot::{About, Manifest, MemoryChunks};
use faasm_vm::{
    CaptureError, Captured, Engine, EngineConfig, Extern, ExternRefs, GcRef, HeapType, Instance,
    InstantiateError, Linker, Module, SharedMemory, Store, StoreLimits, Trap, Val,
};
use tempfile::TempDir;

use crate::spectest;

/// How long a script may take before its calls are interrupted: far longer than any takes.
const TIME_LIMIT: Duration = Duration::from_secs(600);

/// Why a directive's action did not return values.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The guest trapped, with this reason.
    #[error("trap: {0}")]
    Trap(String),
    /// An exception that the guest did not catch.
    #[error("uncaught exception")]
    Exception,
    /// Imports do not fit.
    #[error("link error: {0}")]
    Unlinkable(String),
    /// Anything else: the directive could not be carried out.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

impl From<Trap> for Failure {
    fn from(trap: Trap) -> Self {
        if trap.exception().is_some() {
            return Self::Exception;
        }
        match trap.trap_code() {
            Some(code) => Self::Trap(code.to_string()),
            None => Self::Other(trap.into()),
        }
    }
}

/// The state of a script.
pub(crate) struct Session {
    engine: Engine,
    key: SealKey,
    options: CompileOptions,
    linker: Linker<()>,
    store: Store<()>,
    captured: Option<Captured>,
    /// What was instantiated.
    modules: Vec<Module>,
    /// What `linker` has besides the host functions, the latest last.
    registered: Vec<(String, Instance)>,
    /// Where snapshots are.
    folder: Option<TempDir>,
    definitions: HashMap<String, Module>,
    last_definition: Option<Module>,
    instances: HashMap<String, Instance>,
    last_instance: Option<Instance>,
}

impl Session {
    /// A store in which only `spectest` exists.
    pub(crate) fn new(opt: OptLevel, cpu: Cpu) -> Result<Self> {
        let key = SealKey::new([7; 32]);
        let engine = Engine::new(EngineConfig::new(key.clone()))?;
        let linker = spectest::functions(&engine)?;
        let mut session = Self {
            store: Store::new(&engine, StoreLimits::default(), ())?,
            captured: None,
            modules: Vec::new(),
            registered: Vec::new(),
            folder: None,
            // Scripts run on all processors, their modules are small.
            options: CompileOptions {
                opt,
                cpu,
                threads: NonZeroUsize::new(1),
                ..Default::default()
            },
            engine,
            key,
            linker,
            definitions: HashMap::new(),
            last_definition: None,
            instances: HashMap::new(),
            last_instance: None,
        };
        let definitions = session.compile(&wat::parse_str(spectest::DEFINITIONS)?)?;
        session.instantiate(None, &definitions)?;
        session.register("spectest", None)?;
        session.forget_last();
        session.store.set_deadline(Some(Instant::now() + TIME_LIMIT));
        Ok(session)
    }

    /// Validates, compiles and loads a module.
    pub(crate) fn compile(&self, wasm: &[u8]) -> Result<Module> {
        let validated = validate(wasm)?;
        let object = compile(&validated, &self.options)?;
        Ok(Module::load(&self.engine, &self.key.seal(object))?)
    }

    /// Checks that validation refuses a module; what for is not compared, as texts differ between validators.
    pub(crate) fn refuses(wasm: &[u8]) -> Result<()> {
        ensure!(validate(wasm).is_err(), "expected an invalid module, but it validates");
        Ok(())
    }

    /// Checks that a module is valid and that one of its custom sections is not.
    pub(crate) fn refuses_custom(wasm: &[u8]) -> Result<()> {
        validate(wasm)?;
        ensure!(check_custom_sections(wasm).is_err(), "expected an invalid custom section");
        Ok(())
    }

    /// Leaves no latest instance.
    pub(crate) fn forget_last(&mut self) {
        self.last_instance = None;
    }

    /// Names a module for later instantiation.
    pub(crate) fn define(&mut self, name: Option<&str>, module: &Module) {
        if let Some(name) = name {
            self.definitions.insert(name.to_owned(), module.clone());
        }
        self.last_definition = Some(module.clone());
    }

    /// The module of this name, or the latest.
    pub(crate) fn definition(&self, name: Option<&str>) -> Result<Module> {
        let found = match name {
            Some(name) => self.definitions.get(name),
            None => self.last_definition.as_ref(),
        };
        found.cloned().with_context(|| format!("there is no module {name:?}"))
    }

    /// Instantiates a module, which becomes the latest instance, under its name if it has one.
    pub(crate) fn instantiate(
        &mut self,
        name: Option<&str>,
        module: &Module,
    ) -> Result<(), Failure> {
        self.modules.push(module.clone());
        let instance =
            self.linker.instantiate(&mut self.store, module).map_err(|error| match error {
                InstantiateError::Trap(trap) => trap.into(),
                InstantiateError::Import(error) => Failure::Unlinkable(error.to_string()),
                other => Failure::Other(anyhow!(other)),
            })?;
        if let Some(name) = name {
            self.instances.insert(name.to_owned(), instance);
        }
        self.last_instance = Some(instance);
        Ok(())
    }

    /// Makes an instance's exports importable from the module name `name`.
    pub(crate) fn register(&mut self, name: &str, instance: Option<&str>) -> Result<()> {
        let instance = self.instance(instance)?;
        self.linker.instance(&self.store, name, instance);
        self.registered.push((name.to_owned(), instance));
        Ok(())
    }

    /// Calls an exported function.
    pub(crate) fn invoke(
        &mut self,
        instance: Option<&str>,
        name: &str,
        args: &[Val],
    ) -> Result<Vec<Val>, Failure> {
        let func = self
            .instance(instance)?
            .func(&self.store, name)
            .with_context(|| format!("there is no function \"{name}\""))?;
        Ok(func.call(&mut self.store, args)?)
    }

    /// What a reference refers to, as an abstract type.
    pub(crate) fn kind(&self, reference: &GcRef) -> HeapType {
        reference.kind(&self.store).unwrap_or(HeapType::None)
    }

    /// The value of an exported global.
    pub(crate) fn global(&self, instance: Option<&str>, name: &str) -> Result<Val> {
        match self.instance(instance)?.export(&self.store, name) {
            Some(Extern::Global(global)) => Ok(global.get(&self.store)),
            _ => bail!("there is no global \"{name}\""),
        }
    }

    /// The exported memories of an instance that other stores can have.
    pub(crate) fn shared_memories(&self, instance: &str) -> Result<Vec<(String, SharedMemory)>> {
        let instance = self.instance(Some(instance))?;
        let module = instance.module(&self.store);
        let names = module.info().exports.iter().map(|export| &export.name);
        let shared = |name: &String| match instance.export(&self.store, name)? {
            Extern::Memory(memory) => Some((name.clone(), memory.shared(&self.store)?)),
            _ => None,
        };
        Ok(names.filter_map(shared).collect())
    }

    /// Makes a memory of another store importable.
    pub(crate) fn define_shared_memory(&mut self, module: &str, name: &str, memory: SharedMemory) {
        self.linker.define_shared_memory(module, name, memory);
    }

    /// Writes the store to a snapshot's file and chunks, restores it from there in another slot, and goes on in that store.
    pub(crate) fn move_store(&mut self) -> Result<()> {
        let snapshot = self.store.snapshot(ExternRefs::Keep)?;
        let chunks = MemoryChunks::default();
        let about = About { modules: vec![None; snapshot.modules().len()], ..About::default() };
        let published = transfer::publish(&snapshot, &about, &chunks, &self.key)?;
        let file = self.write(&published.manifest)?;
        let manifest = Manifest::open(&self.engine, &file)?;
        let snapshot = transfer::read(&manifest, Source::here(&chunks))?;
        let linker = spectest::functions(&self.engine)?;
        let store = Store::restore(&self.engine, &snapshot, &self.modules, &linker, ())?;
        ensure!(store.slot_address() != self.store.slot_address(), "restored in the same slot");
        (self.store, self.linker) = (store, linker);
        self.store.set_deadline(Some(Instant::now() + TIME_LIMIT));
        self.renew_handles()
    }

    /// Has these bytes in a file, and back.
    fn write(&mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        let folder = match &self.folder {
            Some(folder) => folder,
            None => self.folder.insert(TempDir::new()?),
        };
        let path = folder.path().join("store.snapshot");
        fs::write(&path, bytes)?;
        Ok(fs::read(&path)?)
    }

    /// Takes the handles of the present store's instances for those of the one before.
    fn renew_handles(&mut self) -> Result<()> {
        let instances: Vec<_> = self.store.instances().collect();
        let named = self.instances.values_mut().chain(&mut self.last_instance);
        for handle in named.chain(self.registered.iter_mut().map(|(_, handle)| handle)) {
            let renewed = instances.get(handle.index());
            *handle = *renewed.context("the restored store lacks an instance")?;
        }
        for (name, instance) in &self.registered {
            self.linker.instance(&self.store, name, *instance);
        }
        Ok(())
    }

    /// Captures the store; false if it holds references of the host's, which no capture can.
    pub(crate) fn capture(&mut self) -> Result<bool> {
        match self.store.capture() {
            Ok(captured) => self.captured = Some(captured),
            Err(CaptureError::ExternRef) => self.captured = None,
            Err(error) => return Err(error.into()),
        }
        Ok(self.captured.is_some())
    }

    /// Ends the store, and goes on in one that is born from the capture: in the same slot, reset, from the second on.
    pub(crate) fn begin_life(&mut self) -> Result<()> {
        let captured = self.captured.as_ref().context("nothing was captured")?;
        // The present store must go first, or its slot could not be born again.
        let waiting = Store::new(&self.engine, StoreLimits::default(), ())?;
        std::mem::replace(&mut self.store, waiting).recycle();
        self.engine.settle();
        self.store = captured.birth(())?;
        self.store.set_deadline(Some(Instant::now() + TIME_LIMIT));
        Ok(())
    }

    fn instance(&self, name: Option<&str>) -> Result<Instance> {
        let found = match name {
            Some(name) => self.instances.get(name),
            None => self.last_instance.as_ref(),
        };
        found.copied().with_context(|| format!("there is no instance {name:?}"))
    }
}
