//! Where programs run: a guest that can call every function of the table, another guest beside it, and everything that
//! must stay as it is.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use faasm_compiler::{CompileOptions, compile, validate};
use faasm_hostif::{
    Access, CallId, Calls, Capture, ChainError, ChainedOutcome, FAASM, Host, HostBuilder,
    HostError, HostFunction, HostLimits, HostState, Input, NetworkHost, NetworkRules, Output,
    Preopen, Target, Touches, link, signatures,
};
use faasm_sfi::pending::{Completer, Pending, pending};
use faasm_state::{LocalTier, MemoryTier, Namespace, Stamps};
use faasm_vm::{
    Captured, Engine, EngineConfig, Extern, Instance, Linker, Memory, Module, SealKey, Store,
    StoreLimits, Trap, TrapCode, TrapKind, Val, ValType,
};
use fastrand::Rng;
use tempfile::TempDir;

use crate::arguments;
use crate::store::Store as Shared;

/// How long a call may last, by its deadline.
const DEADLINE: Duration = Duration::from_millis(40);
/// How long it may last in truth, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(20);
/// Calls of a program, at most.
const CALLS: usize = 60;
/// How often the files outside are looked at, in programs.
const LOOK: u64 = 16;

/// Threads that the host begins when it first needs them: for lookups of names and the reclaimer.
const LATE_THREADS: usize = 8;

const SECRET: &[u8] = b"nobody's business";

/// A name that guests use for a value, too.
const KEY: &[u8] = b"key";

pub(crate) struct World {
    functions: Vec<&'static HostFunction>,
    captured: Captured,
    instance: Instance,
    engine: Engine,
    /// What a fresh birth looks like.
    pages: Vec<(usize, Vec<u8>)>,
    outside: TempDir,
    host: Host,
    network: NetworkHost,
    /// Something that guests can send to.
    _server: UdpSocket,
    calls: Arc<Functions>,
    victim: Store<HostState>,
    victim_pages: Vec<(usize, Vec<u8>)>,
    victim_state: Namespace,
    /// Of the process, since the first programs have run.
    resources: Option<Resources>,
    programs: u64,
}

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Resources {
    descriptors: usize,
    threads: usize,
}

impl Resources {
    fn now() -> Result<Self> {
        let count = |path| Ok::<_, std::io::Error>(std::fs::read_dir(path)?.count());
        Ok(Self { descriptors: count("/proc/self/fd")?, threads: count("/proc/self/task")? })
    }
}

impl World {
    pub(crate) fn new() -> Result<Self> {
        let functions: Vec<_> = signatures().collect();
        let engine = Engine::new(EngineConfig::new(SealKey::derive(b"hostile")))?;
        let mut linker = Linker::new(&engine);
        link(&mut linker)?;
        let wasm = wat::parse_str(text(&functions))?;
        let object = compile(&validate(&wasm)?, &CompileOptions::default())?;
        let module = Module::load(&engine, &engine.seal().seal(object))?;
        let outside = tempfile::tempdir()?;
        std::fs::write(outside.path().join("secret"), SECRET)?;
        let calls = Arc::new(Functions::default());
        let network = NetworkHost::new(256)?;
        let server = UdpSocket::bind("127.0.0.1:0")?;
        let (host, victim_state) = tenants(outside.path(), &calls, &network)?;
        let limits = StoreLimits { memory_bytes: 16 << 20, ..StoreLimits::default() };
        let mut store = Store::for_module(&engine, &module, limits, life(&host, Vec::new()))?;
        let instance = linker.instantiate(&mut store, &module)?;
        let captured = store.capture()?;
        drop(store);
        let fresh = captured.birth(life(&host, Vec::new()))?;
        let pages = fresh.accessible_pages();
        fresh.recycle();
        let bystander = HostBuilder::new().build()?;
        let victim = captured.birth(life(&bystander, Vec::new()))?;
        let secret = SECRET.repeat(100);
        memory_of(&victim, instance)?.view(&victim).write(4096, &secret)?;
        let victim_pages = victim.accessible_pages();
        Ok(Self {
            functions,
            captured,
            instance,
            engine,
            pages,
            outside,
            host,
            network,
            _server: server,
            calls,
            victim,
            victim_pages,
            victim_state,
            resources: None,
            programs: 0,
        })
    }

    /// Runs the program of a seed, and tells of every call before it is made and after; how many there were.
    ///
    /// # Panics
    ///
    /// When something is found.
    pub(crate) fn program(&mut self, seed: u64, tell: &mut dyn FnMut(String)) -> Result<usize> {
        let mut rng = Rng::with_seed(seed);
        let mut store = self.captured.birth(life(&self.host, b"input".to_vec()))?;
        let memory = memory_of(&store, self.instance)?;
        memory.view(&store).write(0, &arguments::memory(&mut rng))?;
        let count = rng.usize(1..CALLS);
        // Programs are about few functions, so that what one leaves another finds; most open files.
        let mut about: Vec<usize> =
            (0..rng.usize(1..20)).map(|_| rng.usize(..self.functions.len())).collect();
        let open = self.functions.iter().position(|function| function.name == "path_open");
        about.extend(open.filter(|_| rng.bool()));
        let mut made = 0;
        while made < count && !store.is_poisoned() {
            let at = about[rng.usize(..about.len())];
            self.call(&mut store, at, &mut rng, tell)?;
            made += 1;
        }
        self.calls.end_all();
        self.look_at_reset(store)?;
        self.programs += 1;
        if self.programs % LOOK == 1 {
            self.look_around()?;
        }
        Ok(made)
    }

    fn call(
        &self,
        store: &mut Store<HostState>,
        at: usize,
        rng: &mut Rng,
        tell: &mut dyn FnMut(String),
    ) -> Result<()> {
        let function = self.functions[at];
        let args = arguments::arguments(function, rng);
        tell(format!("{} {args:?}", function.name));
        // The guest's allocator gives whatever it likes.
        let lie = Val::from(rng.u32(..) >> rng.u32(..24));
        if let Some(Extern::Global(global)) = self.instance.export(&*store, "lie") {
            global.set(store, lie)?;
        }
        let begun = Instant::now();
        store.set_deadline(Some(begun + DEADLINE));
        let func = self.instance.func(&*store, &format!("c{at}")).context("no such export")?;
        let result = func.call(store, &args);
        let took = begun.elapsed();
        assert!(took < PATIENCE, "{} {args:?} took {took:?}", function.name);
        match result {
            Ok(results) => {
                tell(format!("    returns {results:?}"));
                Ok(())
            }
            Err(trap) if fair(function, &trap, took) => {
                tell(format!("    ends: {}", trap.to_string().lines().next().unwrap_or_default()));
                Ok(())
            }
            Err(trap) => panic!("{} {args:?} ended with: {trap}", function.name),
        }
    }

    /// The slot of a call that has ended is what a fresh one is.
    fn look_at_reset(&self, store: Store<HostState>) -> Result<()> {
        let slot = store.slot_address();
        store.recycle();
        self.engine.settle();
        let next = self.captured.birth(life(&self.host, Vec::new()))?;
        assert_eq!(next.slot_address(), slot, "the slot could not be reset");
        let pages = next.accessible_pages();
        let differ: Vec<usize> = self
            .pages
            .iter()
            .zip(&pages)
            .filter(|(fresh, reset)| fresh != reset)
            .map(|(fresh, _)| fresh.0)
            .collect();
        assert!(differ.is_empty(), "pages that differ after the reset: {differ:x?}");
        assert_eq!(self.pages.len(), pages.len(), "accessible pages after the reset");
        next.recycle();
        self.engine.settle();
        Ok(())
    }

    /// Nothing of the others was touched, and nothing is left over.
    fn look_around(&mut self) -> Result<()> {
        assert!(self.victim.accessible_pages() == self.victim_pages, "another guest's memory");
        let value = self.victim_state.local(KEY)?.context("another tenant's value is gone")?;
        let mut state = [0; SECRET.len()];
        value.read_local(0, &mut state)?;
        assert!(state == SECRET, "another tenant's state");
        let secret = std::fs::read(self.outside.path().join("secret"));
        assert!(secret.is_ok_and(|secret| secret == SECRET), "a file outside of the directory");
        let mut names: Vec<_> = std::fs::read_dir(self.outside.path())?
            .map(|entry| Ok(entry?.file_name()))
            .collect::<Result<_>>()?;
        names.sort();
        assert_eq!(names, ["inside", "secret"], "what is outside of the directory");
        (self.host, self.victim_state) = tenants(self.outside.path(), &self.calls, &self.network)?;
        let now = Resources::now()?;
        match self.resources {
            // A value holds a descriptor, and threads begin at their first use.
            None if self.programs > 128 * LOOK => self.resources = Some(now),
            Some(then) => {
                let threads = now.threads > then.threads + LATE_THREADS;
                let grown = now.descriptors > then.descriptors || threads;
                assert!(!grown, "{then:?} are {now:?}");
            }
            None => {}
        }
        Ok(())
    }
}

/// Whether a function may end a call that took so long in this way.
fn fair(function: &HostFunction, trap: &Trap, took: Duration) -> bool {
    match trap.kind() {
        TrapKind::Host(error) => function.module == FAASM && error.is::<HostError>(),
        TrapKind::Exit(_) => {
            function.touches == Touches::Exit || function.name == "__faasm_thread_exit"
        }
        TrapKind::Code(TrapCode::Interrupted) => took >= DEADLINE,
        TrapKind::Code(_) | TrapKind::Exception(_) => false,
    }
}

fn life(host: &Host, input: Vec<u8>) -> HostState {
    let [out, err] = [0, 1].map(|_| Output::Capture(Capture::new(1 << 16)));
    host.call(CallId(7), input).with_streams(out, err)
}

fn memory_of(store: &Store<HostState>, instance: Instance) -> Result<Memory> {
    match instance.export(store, "memory") {
        Some(Extern::Memory(memory)) => Ok(memory),
        _ => bail!("the guest has no memory"),
    }
}

/// What guests are given, all new, and the state of another tenant on the same tier.
fn tenants(
    outside: &Path,
    calls: &Arc<Functions>,
    network: &NetworkHost,
) -> Result<(Host, Namespace)> {
    let inside = outside.join("inside");
    furnish(&inside)?;
    let tier = LocalTier::new(Arc::new(MemoryTier::default()), faasm_state::Limits::default());
    let other = tier.namespace("victim");
    other.value(KEY, SECRET.len())?.set(SECRET)?;
    let host = HostBuilder::new()
        .arg("program")
        .env("NAME", "value")
        .stdin(Input::Bytes((*b"standard input").into()))
        .preopen(Preopen::open(&inside, "/data", Access::ReadWrite)?)
        .calls(Arc::clone(calls) as Arc<dyn Calls>)
        .state(tier.namespace("attacker"))
        .files(Shared::with(&[
            ("file", b"shared"),
            ("dir/inner", b"shared, too"),
            ("bucket/key", b"1"),
        ]))
        .network(network.network(NetworkRules {
            allow: vec!["127.0.0.1:*".parse()?, "localhost:1-1000".parse()?],
            ..NetworkRules::default()
        }))
        .limits(HostLimits {
            output_bytes: 1 << 20,
            input_bytes: 1 << 20,
            state_bytes: 4 << 20,
            descriptors: 64,
            chained_calls: 100,
            mappings: 16,
            file_bytes: 1 << 20,
            ..HostLimits::default()
        })
        .build()?;
    Ok((host, other))
}

/// The directory as programs find it.
fn furnish(inside: &Path) -> Result<()> {
    if inside.exists() {
        std::fs::remove_dir_all(inside)?;
    }
    std::fs::create_dir_all(inside.join("dir")).context("no directory")?;
    std::fs::write(inside.join("file"), b"contents of a file")?;
    std::fs::write(inside.join("dir/inner"), b"inner")?;
    std::os::unix::fs::symlink("file", inside.join("link"))?;
    std::os::unix::fs::symlink("..", inside.join("outward"))?;
    ensure!(inside.join("outward/secret").exists(), "the trap is not set");
    Ok(())
}

/// A guest that hands its arguments on to the function with the number of its export.
fn text(functions: &[&HostFunction]) -> String {
    let name = |ty: ValType| format!("{ty:?}").to_lowercase();
    let (mut imports, mut exports) = (String::new(), String::new());
    for (at, function) in functions.iter().enumerate() {
        let params: Vec<String> = function.params.iter().map(|(_, ty)| name(*ty)).collect();
        let result =
            function.result.map_or_else(String::new, |ty| format!("(result {})", name(ty)));
        let ty = format!("(param {}) {result}", params.join(" "));
        let args: String = (0..params.len()).map(|i| format!("(local.get {i}) ")).collect();
        // Writing to a string does not fail.
        let _ = writeln!(
            imports,
            "(import \"{}\" \"{}\" (func $f{at} {ty}))",
            function.module, function.name
        );
        let _ = writeln!(exports, "(func (export \"c{at}\") {ty} (call $f{at} {args}))");
    }
    format!(
        r#"(module
          {imports}
          (memory (export "memory") 2 64)
          (table (export "__indirect_function_table") 4 100 funcref)
          (elem (i32.const 1) $entry $takes)
          (global $lie (export "lie") (mut i32) (i32.const 0))
          (func $entry (result i32) (i32.const 0))
          (func $takes (param i32 i64) (unreachable))
          (func (export "malloc") (param i32) (result i32) (global.get $lie))
          (func (export "free") (param i32))
          {exports})"#
    )
}

/// The tenant's functions: one answers at once, one never, and others are not there.
#[derive(Default)]
struct Functions {
    waiting: Mutex<HashMap<u64, Pending<ChainedOutcome>>>,
    open: Mutex<Vec<Completer<ChainedOutcome>>>,
}

impl Functions {
    fn end_all(&self) {
        let drained = std::mem::take(&mut *lock(&self.open));
        drained.into_iter().for_each(|open| open.complete(ChainedOutcome::default()));
        lock(&self.waiting).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Calls for Functions {
    fn chain(
        &self,
        _: CallId,
        target: Target,
        input: Vec<u8>,
        stamps: Stamps,
    ) -> Result<CallId, ChainError> {
        let outcome = match target {
            Target::Name(name) if name == "nobody" => {
                return Err(ChainError::UnknownFunction { name });
            }
            Target::Name(name) if name == "open" => {
                let (completer, outcome) = pending();
                lock(&self.open).push(completer);
                outcome
            }
            _ => Pending::ready(ChainedOutcome { return_value: 3, output: input, stamps }),
        };
        let mut waiting = lock(&self.waiting);
        let id = 1000 + waiting.len() as u64;
        waiting.insert(id, outcome);
        Ok(CallId(id))
    }

    fn outcome(&self, id: CallId) -> Pending<ChainedOutcome> {
        lock(&self.waiting).remove(&id.0).unwrap_or_else(|| pending().1)
    }
}
