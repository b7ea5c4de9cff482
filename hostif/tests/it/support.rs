//! Running guests with a host of the test's choice.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use faasm_compiler::{CompileOptions, compile, validate};
use faasm_hostif::{
    CallId, Calls, Capture, ChainError, ChainedOutcome, Host, HostBuilder, HostError, HostState,
    Output, Target, link,
};
use faasm_sfi::pending::{Completer, Pending, pending};
use faasm_state::{LocalTier, MemoryTier, Namespace, Stamps};
use faasm_vm::{
    Captured, Engine, EngineConfig, Instance, Linker, Module, Run, SealKey, Store, StoreLimits,
    Trap, TrapKind, Val,
};

/// An engine and what links guests to the host.
pub(crate) struct Bench {
    engine: Engine,
    linker: Linker<HostState>,
}

/// A guest that has not been called.
pub(crate) struct Guest {
    pub(crate) store: Store<HostState>,
    pub(crate) instance: Instance,
    /// Its standard output and error.
    pub(crate) printed: Capture,
}

/// What a call left.
pub(crate) struct Ended {
    pub(crate) store: Store<HostState>,
    pub(crate) result: Result<Vec<Val>, Trap>,
    pub(crate) output: Vec<u8>,
    pub(crate) printed: String,
}

static NEXT_CALL: AtomicU64 = AtomicU64::new(1);

impl Bench {
    pub(crate) fn new() -> Self {
        let engine = Engine::new(EngineConfig::new(SealKey::new([7; 32]))).unwrap();
        let mut linker = Linker::new(&engine);
        link(&mut linker).unwrap();
        Self { engine, linker }
    }

    pub(crate) fn module(&self, wasm: &[u8]) -> Module {
        let object = compile(&validate(wasm).unwrap(), &CompileOptions::default()).unwrap();
        Module::load(&self.engine, &self.engine.seal().seal(object)).unwrap()
    }

    /// A guest in a store of its own, from text.
    pub(crate) fn guest(&self, host: &Host, input: &[u8], wat: &str) -> Guest {
        self.place(host, input, &self.module(&wat::parse_str(wat).unwrap()))
    }

    /// A guest that is born.
    pub(crate) fn born(
        &self,
        host: &Host,
        input: &[u8],
        captured: &Captured,
        instance: Instance,
    ) -> Guest {
        let printed = Capture::new(1 << 20);
        let store = captured.birth(Self::data(host, input, &printed)).unwrap();
        Guest { store, instance, printed }
    }

    fn data(host: &Host, input: &[u8], printed: &Capture) -> HostState {
        let id = CallId(NEXT_CALL.fetch_add(1, Ordering::Relaxed));
        let [stdout, stderr] = [Output::Capture(printed.clone()), Output::Capture(printed.clone())];
        host.call(id, input.to_vec()).with_streams(stdout, stderr)
    }

    /// A guest in a store of its own.
    pub(crate) fn place(&self, host: &Host, input: &[u8], module: &Module) -> Guest {
        self.place_with(host, input, module, StoreLimits::default())
    }

    /// The same, with these limits.
    pub(crate) fn place_with(
        &self,
        host: &Host,
        input: &[u8],
        module: &Module,
        limits: StoreLimits,
    ) -> Guest {
        let printed = Capture::new(1 << 20);
        let data = Self::data(host, input, &printed);
        let mut store = Store::for_module(&self.engine, module, limits, data).unwrap();
        store.set_deadline(Some(Instant::now() + Duration::from_secs(30)));
        let instance = self.linker.instantiate(&mut store, module).unwrap();
        Guest { store, instance, printed }
    }
}

impl Guest {
    /// Calls an export; the guest can be called again.
    pub(crate) fn call(&mut self, name: &str, args: &[Val]) -> Result<Vec<Val>, Trap> {
        let func = self.instance.func(&self.store, name).unwrap();
        func.call(&mut self.store, args)
    }

    /// Calls an export that returns an `i32`.
    pub(crate) fn number(&mut self, name: &str, args: &[Val]) -> i32 {
        match self.call(name, args).unwrap()[..] {
            [Val::I32(number)] => number,
            ref other => panic!("{other:?}"),
        }
    }

    /// The text of the trap with which an export ends.
    pub(crate) fn refusal(&mut self, name: &str, args: &[Val]) -> String {
        let trap = self.call(name, args).unwrap_err();
        match trap.kind() {
            TrapKind::Host(error) => error.downcast_ref::<HostError>().unwrap().to_string(),
            other => panic!("{other:?}"),
        }
    }

    /// Runs `_start` to its end.
    pub(crate) fn run(mut self) -> Ended {
        let result = self.call("_start", &[]);
        self.end(result)
    }

    /// Runs `_start` as a call that suspends where it waits; `while_waiting` is told of every wait.
    pub(crate) fn run_suspending(self, mut while_waiting: impl FnMut()) -> Ended {
        let func = self.instance.func(&self.store, "_start").unwrap();
        let mut run = func.start(self.store, &[]);
        loop {
            match run {
                Run::Done(store, result) => {
                    let guest = Guest { store, instance: self.instance, printed: self.printed };
                    return guest.end(result);
                }
                Run::Waiting(suspended) => {
                    while_waiting();
                    let (ready, became_ready) = std::sync::mpsc::channel();
                    suspended.on_ready(Box::new(move || {
                        let _ = ready.send(());
                    }));
                    let deadline = suspended.deadline();
                    let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
                    let _ = became_ready.recv_timeout(left.unwrap_or(Duration::from_secs(30)));
                    run = suspended.resume();
                }
            }
        }
    }

    fn end(mut self, result: Result<Vec<Val>, Trap>) -> Ended {
        let output = self.store.data_mut().take_output();
        Ended {
            store: self.store,
            result,
            output,
            printed: String::from_utf8_lossy(&self.printed.take()).into_owned(),
        }
    }
}

impl Ended {
    /// The exit code: 0 where the guest came to its end.
    pub(crate) fn code(&self) -> i32 {
        match &self.result {
            Ok(_) => 0,
            Err(trap) => trap.exit_code().unwrap_or_else(|| panic!("{trap}\n{}", self.printed)),
        }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.output).unwrap()
    }
}

/// A program that was built from C and committed.
pub(crate) fn program(name: &str) -> Vec<u8> {
    std::fs::read(built(&format!("{name}.wasm"))).unwrap()
}

/// Where a file lies that was built from C.
pub(crate) fn built(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/c/build").join(file)
}

/// A tenant's state in this process.
pub(crate) fn namespace() -> Namespace {
    LocalTier::new(Arc::new(MemoryTier::default()), faasm_state::Limits::default())
        .namespace("tenant")
}

/// A host with state and nothing else.
pub(crate) fn with_state(namespace: &Namespace) -> Host {
    HostBuilder::new().state(namespace.clone()).build().unwrap()
}

/// Functions that are Rust closures; or never end, until the test ends them.
#[derive(Default)]
pub(crate) struct FakeCalls {
    pub(crate) begun: Mutex<Vec<(CallId, Target, Vec<u8>)>>,
    /// What each was told that its chain has pushed.
    pub(crate) stamps: Mutex<Vec<Stamps>>,
    /// Calls whose outcome the test gives.
    pub(crate) open: Mutex<HashMap<CallId, Completer<ChainedOutcome>>>,
    waits: Mutex<HashMap<CallId, Pending<ChainedOutcome>>>,
}

impl FakeCalls {
    /// Ends all calls that are open.
    pub(crate) fn end_all(&self, outcome: &ChainedOutcome) {
        for (_, completer) in self.open.lock().unwrap().drain() {
            completer.complete(outcome.clone());
        }
    }
}

impl Calls for FakeCalls {
    fn chain(
        &self,
        parent: CallId,
        target: Target,
        input: Vec<u8>,
        stamps: Stamps,
    ) -> Result<CallId, ChainError> {
        if let Target::Name(name) = &target
            && name == "nobody"
        {
            return Err(ChainError::UnknownFunction { name: name.clone() });
        }
        self.stamps.lock().unwrap().push(stamps.clone());
        let mut begun = self.begun.lock().unwrap();
        let id = CallId(1000 + begun.len() as u64);
        let wait = match &target {
            Target::Name(name) if name == "open" || name == "lost" => {
                let (completer, wait) = pending();
                if name == "open" {
                    self.open.lock().unwrap().insert(id, completer);
                }
                wait
            }
            _ => Pending::ready(ChainedOutcome { return_value: 42, output: input.clone(), stamps }),
        };
        self.waits.lock().unwrap().insert(id, wait);
        begun.push((parent, target, input));
        Ok(id)
    }

    fn outcome(&self, id: CallId) -> Pending<ChainedOutcome> {
        self.waits.lock().unwrap().remove(&id).unwrap_or_else(|| pending().1)
    }
}
