//! Where programs run: a guest that can call every function of the table, another guest beside it, and everything that
//! must stay as it is.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use faasm_hostif::{
    Access, CallId, Calls, Capture, ChainError, ChainedOutcome, FAASM, Host, HostBuilder,
    HostError, HostFunction, HostLimits, HostState, Input, Libraries, NetworkHost, NetworkRules,
    Output, Preopen, Target, Touches, signatures,
};
use faasm_sfi::pending::{Completer, Pending, pending};
use faasm_state::{LocalTier, MemoryTier, Namespace, Stamps};
use faasm_vm::dynlink::DynlinkError;
use faasm_vm::{Engine, EngineConfig, SealKey, Store, Trap, TrapCode, TrapKind, Val};
use fastrand::Rng;
use tempfile::TempDir;

use crate::arguments;
use crate::crew::Crew;
use crate::guest::{Guest, IN_FILES, Shape, Shelf};
use crate::life::{Life, PATIENCE};
use crate::store::Store as Shared;

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
    /// Of each shape one.
    guests: [Guest; 2],
    engine: Engine,
    outside: TempDir,
    host: Host,
    network: NetworkHost,
    /// Something that guests can send to.
    _server: UdpSocket,
    calls: Arc<Functions>,
    shelf: Arc<Shelf>,
    crew: Arc<Crew>,
    /// Other guests, one of each shape, and what they look like.
    victims: Vec<(Store<HostState>, Pages)>,
    victim_state: Namespace,
    /// Of the process, since the first programs have run.
    resources: Option<Resources>,
    programs: u64,
}

/// What a store shows.
type Pages = Vec<(usize, Vec<u8>)>;

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
        let outside = tempfile::tempdir()?;
        std::fs::write(outside.path().join("secret"), SECRET)?;
        let calls = Arc::new(Functions::default());
        let network = NetworkHost::new(256)?;
        let server = UdpSocket::bind("127.0.0.1:0")?;
        let shelf = Shelf::new(&engine)?;
        let ports = (&calls, &shelf, &network);
        let (host, victim_state) = tenants(outside.path(), ports)?;
        let guest = |shape| Guest::new(&engine, shape, &|| life(&host, Vec::new()));
        let guests = [guest(Shape::Alone)?, guest(Shape::Threads)?];
        let victims = guests.iter().map(victim).collect::<Result<_>>()?;
        Ok(Self {
            functions,
            guests,
            engine,
            outside,
            host,
            network,
            _server: server,
            calls,
            shelf,
            crew: Crew::new(),
            victims,
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
        let guest = &self.guests[usize::from(rng.u32(..3) == 0)];
        let mut now = Life::begin(guest, life(&self.host, b"input".to_vec()), &self.crew)?;
        let about = self.subject(guest.shape, &mut rng);
        let mut memory = arguments::memory(&mut rng);
        arguments::scripts(&mut memory, &self.functions, &about, &mut rng);
        guest.memory(now.store())?.view(now.store()).write(0, &memory)?;
        let count = rng.usize(1..CALLS);
        let (mut made, mut loaded) = (0, false);
        while made < count && !now.store().is_poisoned() {
            let at = about[rng.usize(..about.len())];
            let opened;
            (now, opened) = self.call((guest, now), at, &mut rng, tell)?;
            loaded |= opened;
            made += 1;
        }
        let store = now.end(&self.crew);
        self.calls.end_all();
        self.shelf.end_all();
        self.look_at_reset(guest, store, loaded)?;
        self.programs += 1;
        if self.programs % LOOK == 1 {
            self.look_around()?;
        }
        Ok(made)
    }

    /// What a program is about: few functions, so that what one leaves another finds.
    fn subject(&self, shape: Shape, rng: &mut Rng) -> Vec<usize> {
        let mut about: Vec<usize> =
            (0..rng.usize(1..20)).map(|_| rng.usize(..self.functions.len())).collect();
        let mut also = |name: &str, wanted: bool| {
            let found = self.functions.iter().position(|function| function.name == name);
            about.extend(found.filter(|_| wanted));
        };
        also("path_open", rng.bool());
        let libraries = rng.u32(..4) == 0;
        for name in ["dlopen", "dlsym", "__faasm_ffi_call"] {
            also(name, libraries);
        }
        also("thread-spawn", shape == Shape::Threads && rng.u32(..8) > 0);
        about
    }

    /// Makes one call; whether it may have loaded a library.
    fn call(
        &self,
        (guest, now): (&Guest, Life),
        at: usize,
        rng: &mut Rng,
        tell: &mut dyn FnMut(String),
    ) -> Result<(Life, bool)> {
        let function = self.functions[at];
        let args = arguments::arguments(function, rng);
        tell(format!("{} {args:?}", function.name));
        // The guest's allocator gives whatever it likes.
        let lie = Val::from(rng.u32(..) >> rng.u32(..24));
        let begun = Instant::now();
        let (now, result) = now.call(guest, &format!("c{at}"), &args, lie)?;
        let took = begun.elapsed();
        assert!(took < PATIENCE, "{} {args:?} took {took:?}", function.name);
        match result {
            Ok(results) => tell(format!("    returns {results:?}")),
            Err(trap) if fair(function, &trap, now.is_over()) => {
                tell(format!("    ends: {}", trap.to_string().lines().next().unwrap_or_default()));
            }
            Err(trap) => panic!("{} {args:?} ended with: {trap}", function.name),
        }
        Ok((now, function.touches == Touches::Libraries))
    }

    /// The slot of a call that has ended is what a fresh one is; that of one with libraries is another's.
    fn look_at_reset(&self, guest: &Guest, store: Store<HostState>, loaded: bool) -> Result<()> {
        let slot = store.slot_address();
        store.recycle();
        self.engine.settle();
        let next = guest.captured.birth(life(&self.host, Vec::new()))?;
        assert!(loaded || next.slot_address() == slot, "the slot could not be reset");
        let pages = next.accessible_pages();
        let differ: Vec<usize> = guest
            .pages
            .iter()
            .zip(&pages)
            .filter(|(fresh, reset)| fresh != reset)
            .map(|(fresh, _)| fresh.0)
            .collect();
        assert!(differ.is_empty(), "pages that differ after the reset: {differ:x?}");
        assert_eq!(guest.pages.len(), pages.len(), "accessible pages after the reset");
        next.recycle();
        self.engine.settle();
        Ok(())
    }

    /// Nothing of the others was touched, and nothing is left over.
    fn look_around(&mut self) -> Result<()> {
        for (victim, pages) in &self.victims {
            assert!(victim.accessible_pages() == *pages, "another guest's memory");
        }
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
        let ports = (&self.calls, &self.shelf, &self.network);
        (self.host, self.victim_state) = tenants(self.outside.path(), ports)?;
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

/// Another guest, with something in its memory.
fn victim(guest: &Guest) -> Result<(Store<HostState>, Pages)> {
    let bystander = HostBuilder::new().build()?;
    let victim = guest.captured.birth(life(&bystander, Vec::new()))?;
    guest.memory(&victim)?.view(&victim).write(4096, &SECRET.repeat(100))?;
    let pages = victim.accessible_pages();
    Ok((victim, pages))
}

/// Whether a function may end a call, whose time may be over, in this way.
fn fair(function: &HostFunction, trap: &Trap, over: bool) -> bool {
    // Guest code ran below: a function that was called by signature, or a library's constructor. One that nothing
    // defines was called by it.
    let libraries = function.touches == Touches::Libraries;
    match trap.kind() {
        TrapKind::Host(error) => {
            function.module == FAASM
                && (error.is::<HostError>() || libraries && error.is::<DynlinkError>())
        }
        TrapKind::Exit(_) => {
            function.touches == Touches::Exit || function.name == "__faasm_thread_exit"
        }
        TrapKind::Code(TrapCode::Interrupted) => over,
        TrapKind::Code(TrapCode::Unreachable | TrapCode::MemoryOutOfBounds) => libraries,
        TrapKind::Code(_) | TrapKind::Exception(_) => false,
    }
}

fn life(host: &Host, input: Vec<u8>) -> HostState {
    let [out, err] = [0, 1].map(|_| Output::Capture(Capture::new(1 << 16)));
    host.call(CallId(7), input).with_streams(out, err)
}

/// What guests are given, all new, and the state of another tenant on the same tier.
fn tenants(
    outside: &Path,
    (calls, shelf, network): (&Arc<Functions>, &Arc<Shelf>, &NetworkHost),
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
        .libraries(Arc::clone(shelf) as Arc<dyn Libraries>)
        .state(tier.namespace("attacker"))
        .files(Shared::with(&[
            ("lib/libfile.so", &wat::parse_str(IN_FILES)?),
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
