//! What a call has: the host's side of a guest, made anew for every call.
//!
//! A [`Host`] is what all calls of a function have in common, and is only read. A [`HostState`] is one call's own and
//! is dropped with it, so that nothing of a call is there in the next one: descriptors are closed, mappings of state
//! forgotten, and local locks given up, however the call ended.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use faasm_state::{CallId, Namespace, Stamps, View};
use faasm_vm::{Engine, Linker};

use crate::calls::Calls;
use crate::dynlink::Dynlink;
use crate::faasm::objects::Counted;
use crate::faasm::state::Mappings;
use crate::files::{Descriptors, Files, Given, Preopen};
use crate::leftover::Leftover;
use crate::libraries::Libraries;
use crate::memory::Ranges;
use crate::net::{Network, NetworkUse};
use crate::stream::{Input, Output};
use crate::threads::Team;

/// What the calls of a function have in common; a clone is another handle to it.
#[derive(Clone, Debug)]
pub struct Host {
    shared: Arc<Shared>,
}

/// Collects what a [`Host`] is made of. Nothing is given to guests that is not given here.
#[derive(Debug)]
pub struct HostBuilder {
    args: Vec<Vec<u8>>,
    env: Vec<Vec<u8>>,
    shared: Shared,
}

struct Shared {
    args: Arc<Strings>,
    env: Arc<Strings>,
    files: Option<Arc<dyn Files>>,
    preopens: Vec<Preopen>,
    stdin: Input,
    stdout: Output,
    stderr: Output,
    limits: HostLimits,
    flags: Vec<String>,
    calls: Option<Arc<dyn Calls>>,
    state: Option<Namespace>,
    libraries: Option<Arc<dyn Libraries>>,
    /// What libraries can import, made when the first is loaded.
    linker: OnceLock<Option<Arc<Linker<HostState>>>>,
    network: Option<Network>,
    monotonic_origin: Instant,
}

/// What one call may take of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostLimits {
    /// Bytes of a call's output.
    pub output_bytes: u32,
    /// Bytes of a chained call's input.
    pub input_bytes: u32,
    /// Bytes of a state value that one call copies.
    pub state_bytes: u32,
    /// Descriptors open at one time.
    pub descriptors: usize,
    /// Calls that one call chains.
    pub chained_calls: usize,
    /// Parts of state values that one call maps. Each takes one of the process's mappings.
    pub mappings: usize,
    /// Bytes that a call's own files take in memory: what it writes, names that it makes or has walked through, and
    /// listings.
    pub file_bytes: u64,
    /// Threads beside the call's main one, at one time. Each takes a reservation and some of the process's mappings, as a
    /// Faaslet does, and a thread of the system.
    pub threads: usize,
    /// Sockets open at one time.
    pub sockets: usize,
    /// Bytes that one call sends and receives.
    pub network_bytes: u64,
}

impl Default for HostLimits {
    /// 64 MiB of output, of input and of files, 256 MiB of state, 1024 descriptors, 65,536 chained calls, 256 mappings,
    /// 256 threads, 256 sockets, 4 GiB over the network.
    fn default() -> Self {
        Self {
            output_bytes: 64 << 20,
            input_bytes: 64 << 20,
            state_bytes: 256 << 20,
            descriptors: 1024,
            chained_calls: 65_536,
            mappings: 256,
            file_bytes: 64 << 20,
            threads: 256,
            sockets: 256,
            network_bytes: 4 << 30,
        }
    }
}

/// Why a [`Host`] cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostBuildError {
    /// An argument or variable holds a NUL, or a variable's name a `=`.
    #[error("{what} {text:?} cannot be given to a guest")]
    Text {
        /// Argument or variable.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// Arguments or environment are longer than [`HostBuilder::MAX_STRINGS`].
    #[error("the {what} take more than {} bytes", HostBuilder::MAX_STRINGS)]
    TooLong {
        /// Arguments or environment.
        what: &'static str,
    },
}

impl Default for HostBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl HostBuilder {
    /// Bytes that all arguments may take together, and all variables.
    pub const MAX_STRINGS: usize = 1 << 20;

    /// A host with nothing in it: no arguments, no variables, no files, streams that lead nowhere.
    #[must_use]
    pub fn new() -> Self {
        let shared = Shared {
            args: Arc::default(),
            env: Arc::default(),
            files: None,
            preopens: Vec::new(),
            stdin: Input::Empty,
            stdout: Output::Discard,
            stderr: Output::Discard,
            limits: HostLimits::default(),
            flags: Vec::new(),
            calls: None,
            state: None,
            libraries: None,
            linker: OnceLock::new(),
            network: None,
            monotonic_origin: monotonic_origin(),
        };
        Self { args: Vec::new(), env: Vec::new(), shared }
    }

    /// Adds an argument; the first one is the program's name.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<Vec<u8>>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        // A NUL stands for the '=' until `build` has looked at both sides of it.
        self.env.push(format!("{name}\0{value}").into_bytes());
        self
    }

    /// Adds a directory that is open when a call begins.
    #[must_use]
    pub fn preopen(mut self, preopen: Preopen) -> Self {
        self.shared.preopens.push(preopen);
        self
    }

    /// The tenant's shared files, which a call finds below `/`: the first of its directories. What it writes there is
    /// its own, and gone with it.
    #[must_use]
    pub fn files(mut self, files: Arc<dyn Files>) -> Self {
        self.shared.files = Some(files);
        self
    }

    /// Where standard input comes from.
    #[must_use]
    pub fn stdin(mut self, input: Input) -> Self {
        self.shared.stdin = input;
        self
    }

    /// Where standard output goes, unless a call has its own.
    #[must_use]
    pub fn stdout(mut self, output: Output) -> Self {
        self.shared.stdout = output;
        self
    }

    /// Where standard error goes, unless a call has its own.
    #[must_use]
    pub fn stderr(mut self, output: Output) -> Self {
        self.shared.stderr = output;
        self
    }

    /// What a call may take.
    #[must_use]
    pub fn limits(mut self, limits: HostLimits) -> Self {
        self.shared.limits = limits;
        self
    }

    /// Sets a flag that `__faasm_conf_flag` then finds.
    #[must_use]
    pub fn flag(mut self, name: impl Into<String>) -> Self {
        self.shared.flags.push(name.into());
        self
    }

    /// The tenant's functions. Without them, chaining ends the guest.
    #[must_use]
    pub fn calls(mut self, calls: Arc<dyn Calls>) -> Self {
        self.shared.calls = Some(calls);
        self
    }

    /// The tenant's state. Without it, state calls end the guest.
    #[must_use]
    pub fn state(mut self, namespace: Namespace) -> Self {
        self.shared.state = Some(namespace);
        self
    }

    /// The tenant's libraries. Without them, none is found, not in files either.
    #[must_use]
    pub fn libraries(mut self, libraries: Arc<dyn Libraries>) -> Self {
        self.shared.libraries = Some(libraries);
        self
    }

    /// The function's network. Without it, no socket can be opened.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.shared.network = Some(network);
        self
    }

    /// From where monotonic time counts, unless from [`monotonic_origin`]: one for all functions of a tenant, so that
    /// it does not go back for a guest that was initialised under another `Host`.
    #[must_use]
    pub fn monotonic_origin(mut self, origin: Instant) -> Self {
        self.shared.monotonic_origin = origin;
        self
    }

    /// Checks what was given.
    ///
    /// # Errors
    ///
    /// [`HostBuildError`].
    pub fn build(mut self) -> Result<Host, HostBuildError> {
        for arg in &self.args {
            if arg.contains(&0) {
                return Err(unfit("argument", arg));
            }
        }
        for variable in &mut self.env {
            let name = variable.iter().position(|byte| *byte == 0).unwrap_or(0);
            let bad_name = name == 0 || variable[..name].contains(&b'=');
            if bad_name || variable[name + 1..].contains(&0) {
                return Err(unfit("variable", variable));
            }
            variable[name] = b'=';
        }
        self.shared.args = Arc::new(Strings::new("arguments", &self.args)?);
        self.shared.env = Arc::new(Strings::new("variables", &self.env)?);
        Ok(Host { shared: Arc::new(self.shared) })
    }
}

/// An origin for monotonic time: 1970, by the present time of day.
///
/// A guest that was initialised in another process, or on another host, finds that time has gone on, as far as the
/// clocks of the two agree.
#[must_use]
pub fn monotonic_origin() -> Instant {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = Instant::now();
    now.checked_sub(since_1970).unwrap_or(now)
}

fn unfit(what: &'static str, text: &[u8]) -> HostBuildError {
    HostBuildError::Text { what, text: String::from_utf8_lossy(text).into_owned() }
}

impl Host {
    /// The host's side of one call. `id` is no other call's while this one or anything it holds is left.
    #[must_use]
    pub fn call(&self, id: CallId, input: Vec<u8>) -> HostState {
        HostState {
            host: self.clone(),
            id,
            cpu_origin: OnceLock::new(),
            input,
            output: Vec::new(),
            streams: None,
            files: None,
            chained: BTreeMap::new(),
            mappings: Mappings::default(),
            dynlink: Dynlink::default(),
            ranges: Ranges::default(),
            counted: Counted::default(),
            network_use: NetworkUse::default(),
            has_locks: false,
            stamps: None,
            team: None,
            is_thread: false,
        }
    }
}

/// The host's side of one call: the `T` of its store.
pub struct HostState {
    host: Host,
    id: CallId,
    /// When the clocks of processor time were first asked; asking a clock costs as much as all else of a call's state.
    cpu_origin: OnceLock<Instant>,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Standard output and error, where they are not the host's.
    streams: Option<[Output; 2]>,
    /// Made at the first use: many calls use none.
    files: Option<Descriptors>,
    /// The calls that this one began, by the number that the guest knows.
    chained: BTreeMap<u32, CallId>,
    pub(crate) mappings: Mappings,
    pub(crate) dynlink: Dynlink,
    /// Memory that the guest has given back.
    pub(crate) ranges: Ranges,
    /// Names of objects.
    pub(crate) counted: Counted,
    pub(crate) network_use: NetworkUse,
    /// Whether there may be a lock to give up.
    has_locks: bool,
    /// What the chain of calls has pushed. Made at the first use.
    stamps: Option<Stamps>,
    /// The call's threads, if it can have some. Not in a state that nobody has in hand (`threads`, protocol 1).
    team: Option<Team>,
    /// This is the stand-in of a thread that is not the main one.
    is_thread: bool,
}

impl HostState {
    /// Gives the call its own standard output and error, before it begins.
    #[must_use]
    pub fn with_streams(mut self, stdout: Output, stderr: Output) -> Self {
        self.streams = Some([stdout, stderr]);
        self
    }

    /// Has the call see what those before it in its chain have pushed, before it begins.
    #[must_use]
    pub fn with_stamps(mut self, stamps: Option<Stamps>) -> Self {
        self.stamps = stamps;
        self
    }

    /// What the chain has pushed up to the call's end: for who awaits it.
    #[must_use]
    pub fn take_stamps(&mut self) -> Option<Stamps> {
        self.stamps.take()
    }

    /// Lets the call have threads, before it begins.
    #[must_use]
    pub fn with_team(mut self, team: Team) -> Self {
        self.team = Some(team);
        self
    }

    /// Gives the main thread's store the call's state again, when all other threads have gone.
    pub fn rejoin(&mut self) {
        let team = self.team.clone().filter(Team::is_split);
        if let Some(mut state) = team.as_ref().and_then(Team::try_take) {
            std::mem::swap(self, &mut state);
            self.team = team;
        }
    }

    /// What a thread without the call's state has in the place of it.
    pub(crate) fn stand_in(&self) -> Self {
        let mut state = self.host.call(self.id, Vec::new());
        (state.team, state.is_thread) = (self.team.clone(), true);
        state
    }

    pub(crate) fn team(&self) -> Option<&Team> {
        self.team.as_ref()
    }

    pub(crate) fn set_team(&mut self, team: Option<Team>) {
        self.team = team;
    }

    pub(crate) fn is_thread(&self) -> bool {
        self.is_thread
    }

    pub(crate) fn set_is_thread(&mut self, is_thread: bool) {
        self.is_thread = is_thread;
    }

    /// The call.
    #[must_use]
    pub fn id(&self) -> CallId {
        self.id
    }

    /// What the call has written with `__faasm_write_output`; leaves nothing behind.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Whether a store that is born from a capture of this call's could do without what is here.
    ///
    /// # Errors
    ///
    /// [`Leftover`]: the first thing that it could not.
    pub fn check_leftovers(&self) -> Result<(), Leftover> {
        if self.has_locks {
            return Err(Leftover::Locks);
        }
        if !self.chained.is_empty() {
            return Err(Leftover::Chained { count: self.chained.len() });
        }
        let given = self.host.shared.given();
        self.files.as_ref().map_or(Ok(()), |files| files.check_leftovers(&given))
    }

    pub(crate) fn set_output(&mut self, output: Vec<u8>) {
        self.output = output;
    }

    pub(crate) fn input(&self) -> &[u8] {
        &self.input
    }

    pub(crate) fn args(&self) -> Arc<Strings> {
        Arc::clone(&self.host.shared.args)
    }

    pub(crate) fn env(&self) -> Arc<Strings> {
        Arc::clone(&self.host.shared.env)
    }

    pub(crate) fn limits(&self) -> &HostLimits {
        &self.host.shared.limits
    }

    pub(crate) fn has_flag(&self, name: &[u8]) -> bool {
        self.host.shared.flags.iter().any(|flag| flag.as_bytes() == name)
    }

    pub(crate) fn calls(&self) -> Option<Arc<dyn Calls>> {
        self.host.shared.calls.clone()
    }

    pub(crate) fn state(&self) -> Option<&Namespace> {
        self.host.shared.state.as_ref()
    }

    /// The tenant's state as this call sees it.
    pub(crate) fn view(&mut self) -> Option<View> {
        let (id, stamps) = (self.id, self.stamps());
        Some(self.state()?.view(id, stamps))
    }

    /// What the chain of calls has pushed, as far as this one knows.
    pub(crate) fn stamps(&mut self) -> Stamps {
        self.stamps.get_or_insert_default().clone()
    }

    pub(crate) fn libraries(&self) -> Option<Arc<dyn Libraries>> {
        self.host.shared.libraries.clone()
    }

    /// What libraries can import of the host.
    pub(crate) fn linker(&self, engine: &Engine) -> Option<Arc<Linker<Self>>> {
        let make = || {
            let mut linker = Linker::new(engine);
            crate::table::link(&mut linker).ok().map(|()| Arc::new(linker))
        };
        self.host.shared.linker.get_or_init(make).clone()
    }

    pub(crate) fn shared_files(&self) -> Option<Arc<dyn Files>> {
        self.host.shared.files.clone()
    }

    pub(crate) fn network(&self) -> Option<&Network> {
        self.host.shared.network.as_ref()
    }

    pub(crate) fn monotonic_origin(&self) -> Instant {
        self.host.shared.monotonic_origin
    }

    pub(crate) fn cpu_origin(&self) -> Instant {
        *self.cpu_origin.get_or_init(Instant::now)
    }

    pub(crate) fn will_lock(&mut self) {
        self.has_locks = true;
    }

    pub(crate) fn files(&mut self) -> &mut Descriptors {
        let shared = &self.host.shared;
        let streams = &self.streams;
        self.files.get_or_insert_with(|| {
            let streams =
                streams.clone().unwrap_or_else(|| [shared.stdout.clone(), shared.stderr.clone()]);
            let limit = shared.limits.descriptors;
            Descriptors::new(shared.stdin.clone(), streams, &shared.given(), limit)
        })
    }

    /// Whether another call may be chained.
    pub(crate) fn may_chain(&self) -> bool {
        self.chained.len() < self.limits().chained_calls
    }

    /// Notes a call that this one began and returns the number by which the guest knows it: the low half of its id, or
    /// the next that is free. 0 is none.
    pub(crate) fn note_chained(&mut self, id: CallId) -> u32 {
        let [a, b, c, d, ..] = id.0.to_le_bytes();
        let mut number = u32::from_le_bytes([a, b, c, d]);
        while number == 0 || self.chained.contains_key(&number) {
            number = number.wrapping_add(1);
        }
        self.chained.insert(number, id);
        number
    }

    /// The call that the guest knows by this number.
    pub(crate) fn chained(&self, number: u32) -> Option<CallId> {
        self.chained.get(&number).copied()
    }
}

impl Drop for HostState {
    fn drop(&mut self) {
        if let (true, Some(namespace)) = (self.has_locks, self.state()) {
            namespace.release_call(self.id);
        }
    }
}

impl fmt::Debug for HostState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostState").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Shared {
    fn given(&self) -> Given<'_> {
        let files = self.files.as_ref().map(|files| (files, self.limits.file_bytes));
        Given { files, preopens: &self.preopens }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("preopens", &self.preopens)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Strings as WASI hands them over: one after the other, each with a NUL.
#[derive(Debug, Default)]
pub(crate) struct Strings {
    bytes: Vec<u8>,
    offsets: Vec<u32>,
}

impl Strings {
    fn new(what: &'static str, strings: &[Vec<u8>]) -> Result<Self, HostBuildError> {
        let mut all = Self::default();
        for string in strings {
            let offset =
                u32::try_from(all.bytes.len()).map_err(|_| HostBuildError::TooLong { what })?;
            all.offsets.push(offset);
            all.bytes.extend_from_slice(string);
            all.bytes.push(0);
            if all.bytes.len() > HostBuilder::MAX_STRINGS {
                return Err(HostBuildError::TooLong { what });
            }
        }
        Ok(all)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each string begins.
    pub(crate) fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// How many there are: fewer than [`HostBuilder::MAX_STRINGS`], as each takes a byte.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.offsets.len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
