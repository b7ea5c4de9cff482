//! Python from its Proto: the interpreter is started and a part of the standard library imported, once; then a call is
//! a birth, the program, and a reset. Against starting the interpreter of the same module for each call, and the reset
//! against what the original Faasm published.

use std::hint::black_box;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use faasm_benches::{Bench, Clock, root, target};
use faasm_compiler::{CompileOptions, compile, validate};
use faasm_hostif::{Access, CallId, Host, HostBuilder, HostState, Output, Preopen, link};
use faasm_snapshot::{Entry, Proto, Recipe};
use faasm_vm::{Engine, EngineConfig, Func, Linker, Module, SealKey, Store, StoreLimits};
use rustix::time::{ClockId, clock_gettime};

/// A small call: what is imported is used, nothing is loaded.
const PROGRAM: &str = "\
import json, random, re
order = json.loads('{\"items\": [[\"pear\", 3], [\"fig\", 12]], \"by\": \"ann@example.org\"}')
who = re.match(r'(\\w+)@', order['by']).group(1)
total = sum(count for _, count in order['items'])
print(json.dumps({'who': who, 'total': total, 'ticket': random.randrange(1 << 30)}))
";

/// The reset of a Python function in the original, in nanoseconds.
const ORIGINAL_RESET: f64 = 3.7e6;
const PAGE: usize = 4096;
/// Calls of which each part is measured.
const CALLS: usize = 301;

struct Python {
    engine: Engine,
    linker: Linker<HostState>,
    module: Module,
    /// With the standard library's files.
    initial: Host,
    /// Without any file.
    host: Host,
}

impl Python {
    fn load() -> Result<Self> {
        let folder = target().join("guests/cpython");
        let script = root().join("guests/cpython/build-function.sh");
        ensure!(Command::new("bash").arg(script).status()?.success(), "CPython cannot be built");
        let wasm = std::fs::read(folder.join("function.wasm"))?;
        let engine = Engine::new(EngineConfig::new(SealKey::derive(b"benchmarks")))?;
        let mut linker = Linker::new(&engine);
        link(&mut linker)?;
        let object = compile(&validate(&wasm)?, &CompileOptions::default())?;
        let module = Module::load(&engine, &engine.seal().seal(object))?;
        let library =
            Preopen::open(&folder.join("Lib"), "/usr/local/lib/python3.11", Access::Read)?;
        let host = || HostBuilder::new().arg("python").stderr(Output::Stderr);
        let initial = host().preopen(library).build()?;
        Ok(Self { engine, linker, module, initial, host: host().build()? })
    }

    fn proto(&self) -> Result<Proto> {
        let recipe = Recipe {
            engine: &self.engine,
            linker: &self.linker,
            limits: StoreLimits::default(),
            deadline: None,
            init: None,
            check: |state: &HostState| Ok(state.check_leftovers()?),
        };
        Ok(Proto::make(&recipe, &self.module, self.initial.call(CallId(0), Vec::new()))?)
    }

    /// Starts the interpreter and runs the program, without a Proto: `_start` does all of it.
    fn start(&self) -> Result<String> {
        let data = self.initial.call(CallId(0), PROGRAM.into());
        let limits = StoreLimits::default();
        let mut store = Store::for_module(&self.engine, &self.module, limits, data)?;
        let instance = self.linker.instantiate(&mut store, &self.module)?;
        let start = instance.func(&store, "_start").context("no `_start`")?;
        run(start, &mut store)
    }

    /// A Faaslet that is ready to run.
    fn birth(&self, proto: &Proto) -> Result<Store<HostState>> {
        Ok(proto.birth(self.host.call(CallId(1), PROGRAM.into()))?)
    }
}

/// Runs the newborn's part and the program; the output.
fn call(proto: &Proto, store: &mut Store<HostState>) -> Result<String> {
    if let Some(first) = proto.after_restore() {
        run(first.func(), store)?;
    }
    run(proto.main()?.func(), store)
}

/// Runs a function to its end; the output.
fn run(func: Func, store: &mut Store<HostState>) -> Result<String> {
    let code = Entry::return_code(func.call(store, &[]))?;
    ensure!(code == 0, "Python returned {code}");
    Ok(String::from_utf8(store.data_mut().take_output())?)
}

fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Medians of birth, call and reset, in nanoseconds.
fn parts(python: &Python, proto: &Proto) -> Result<[f64; 3]> {
    let mut samples = [const { Vec::new() }; 3];
    for _ in 0..CALLS {
        let begin = now();
        let mut store = python.birth(proto)?;
        let born = now();
        black_box(call(proto, &mut store)?);
        let called = now();
        store.recycle();
        let times = [born - begin, called - born, now() - called];
        samples.iter_mut().zip(times).for_each(|(all, time)| all.push(time));
    }
    Ok(samples.map(|mut all| {
        all.sort_unstable();
        all[CALLS / 2].as_secs_f64() * 1e9
    }))
}

/// How many pages a call leaves with other bytes.
fn changed_pages(python: &Python, proto: &Proto) -> Result<usize> {
    let mut store = python.birth(proto)?;
    let before = store.accessible_pages();
    call(proto, &mut store)?;
    let after = store.accessible_pages();
    let changed = after.iter().filter(|page| !before.contains(page)).count();
    store.recycle();
    Ok(changed)
}

/// Newborns answer, and their random numbers differ.
fn check(python: &Python, proto: &Proto) -> Result<()> {
    let mut answers = Vec::new();
    for _ in 0..2 {
        let mut store = python.birth(proto)?;
        let answer = call(proto, &mut store)?;
        ensure!(answer.starts_with("{\"who\": \"ann\", \"total\": 15, \"ticket\": "), "{answer}");
        answers.push(answer);
        store.recycle();
    }
    if answers[0] == answers[1] {
        bail!("two newborns have drawn the same random number: {}", answers[0]);
    }
    Ok(())
}

fn main() -> Result<()> {
    let python = Python::load()?;
    let proto = python.proto()?;
    let answer = python.start()?;
    ensure!(answer.contains("\"total\": 15"), "{answer}");
    check(&python, &proto)?;
    let changed = changed_pages(&python, &proto)?;
    let start = "a start of the interpreter";
    let mut bench = Bench::new("python", start);
    bench.row(
        "call",
        Clock::Thread,
        || {
            let mut store = python.birth(&proto).unwrap_or_else(|error| panic!("{error:#}"));
            black_box(call(&proto, &mut store)).unwrap_or_else(|error| panic!("{error:#}"));
            store.recycle();
        },
        || {
            black_box(python.start()).unwrap_or_else(|error| panic!("{error:#}"));
        },
    );
    let [birth, body, reset] = parts(&python, &proto)?;
    bench.push("reset", "the original's, as published", reset, ORIGINAL_RESET);
    let image = proto.image_bytes();
    bench.push_bytes("changed", (changed * PAGE) as f64, image as f64);
    println!(
        "birth {birth:.0} ns, program {body:.0} ns, reset {reset:.0} ns; {changed} pages changed of {}",
        image / PAGE
    );
    bench.finish()
}
