//! Python from its Proto: the interpreter is started and a part of the standard library imported, once; then a call is
//! a birth, the program, and a reset. Against starting the interpreter of the same module for each call, and the reset
//! against what the original Faasm published.
//!
//! Then the programs of `benches/python`, whole calls from birth to reset, against the same version of CPython native,
//! as Debian builds it: with link-time and profile-guided optimisation. Each runs from its source; neither side's time
//! has the interpreter's start in it, nor the imports.

use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use faasm_benches::{Bench, Clock, root, target};
use faasm_compiler::{CompileOptions, compile, validate};
use faasm_hostif::{CallId, Host, HostBuilder, HostState, Output, link};
use faasm_snapshot::{Entry, Proto, Recipe};
use faasm_vm::{Engine, EngineConfig, Func, Linker, Module, SealKey, Store};
use rustix::time::{ClockId, clock_gettime};

/// A small call: what is imported is used, nothing is loaded.
const CALL: &str = "\
import bisect, collections, dataclasses, datetime, decimal, enum, fractions, functools, hashlib, heapq, io, itertools
import json, math, operator, random, re, statistics, string, sys, textwrap, time, typing, uuid
json.loads(json.dumps({'warm': [1, 2.5, None]}))
re.compile(r'(\\w+)@').match('warm@up')
def main():
    order = json.loads('{\"items\": [[\"pear\", 3], [\"fig\", 12]], \"by\": \"ann@example.org\"}')
    who = re.match(r'(\\w+)@', order['by']).group(1)
    total = sum(count for _, count in order['items'])
    return json.dumps({'who': who, 'total': total, 'ticket': random.randrange(1 << 30)})
";

/// The least that a call can do.
const NOOP: &str = "def main():\n    pass\n";
/// What a no-op may take from birth to reset, in nanoseconds.
const NOOP_LIMIT: f64 = 1e6;

/// The reset of a Python function in the original, in nanoseconds.
const ORIGINAL_RESET: f64 = 3.7e6;
const PAGE: usize = 4096;
/// Calls of which each part is measured.
const CALLS: usize = 301;
/// Runs of each program on each side.
const ROUNDS: usize = 7;

struct Python {
    engine: Engine,
    linker: Linker<HostState>,
    module: Module,
    host: Host,
}

impl Python {
    fn load() -> Result<Self> {
        let script = root().join("guests/python/build.sh");
        ensure!(Command::new("bash").arg(script).status()?.success(), "CPython cannot be built");
        let wasm = std::fs::read(target().join("guests/python/python.wasm"))?;
        let engine = Engine::new(EngineConfig::new(SealKey::derive(b"benchmarks")))?;
        let mut linker = Linker::new(&engine);
        link(&mut linker)?;
        let object = compile(&validate(&wasm)?, &CompileOptions::default())?;
        let module = Module::load(&engine, &engine.seal().seal(object))?;
        let host = HostBuilder::new().arg("bench").stderr(Output::Stderr).build()?;
        Ok(Self { engine, linker, module, host })
    }

    /// The Proto of a function in Python.
    fn proto(&self, script: &str) -> Result<Proto> {
        let recipe = Recipe {
            check: |state: &HostState| Ok(state.check_leftovers()?),
            ..Recipe::new(&self.engine, &self.linker)
        };
        Ok(Proto::make(&recipe, &self.module, self.host.call(CallId(0), script.into()))?)
    }

    /// A whole call: birth, the function, reset.
    fn call(&self, proto: &Proto, input: &[u8]) -> Result<String> {
        let mut store = self.birth(proto, input)?;
        let output = call(proto, &mut store)?;
        store.recycle();
        Ok(output)
    }

    /// A Faaslet that is ready to run.
    fn birth(&self, proto: &Proto, input: &[u8]) -> Result<Store<HostState>> {
        Ok(proto.birth(self.host.call(CallId(1), input.to_vec()))?)
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
        let mut store = python.birth(proto, b"")?;
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
    let mut store = python.birth(proto, b"")?;
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
        let mut store = python.birth(proto, b"")?;
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

/// A program of `benches/python`.
struct Program {
    name: String,
    path: PathBuf,
    source: Vec<u8>,
    answer: String,
}

fn programs() -> Result<Vec<Program>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join("benches/python"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "py") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let answer = std::fs::read_to_string(path.with_extension("out"))?;
            found.push(Program { name, source: std::fs::read(&path)?, path, answer });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The native interpreter.
struct Native {
    path: PathBuf,
    version: String,
}

impl Native {
    fn find() -> Result<Self> {
        let found = Command::new("bash").arg(root().join("guests/cpython/native.sh")).output()?;
        ensure!(found.status.success(), "there is no native CPython");
        let path = PathBuf::from(String::from_utf8(found.stdout)?.trim());
        let said = Command::new(&path).args(["-I", "-c", VERSION]).output()?;
        Ok(Self { path, version: String::from_utf8(said.stdout)?.trim().to_owned() })
    }

    /// Runs a program; its processor time in nanoseconds.
    fn run(&self, program: &Program) -> Result<f64> {
        let runner = root().join("benches/python/runner/native.py");
        let done = Command::new(&self.path).arg("-I").arg(runner).arg(&program.path).output()?;
        let said = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "{}: {said}", program.name);
        let answer = String::from_utf8_lossy(&done.stdout);
        ensure!(answer == program.answer, "native {}: {answer}", program.name);
        Ok(said.trim().parse::<f64>()? * 1e9)
    }
}

const VERSION: &str = "import sys; print('.'.join(map(str, sys.version_info[:3])))";

/// The programs on both sides, in alternation.
fn against_native(python: &Python, bench: &mut Bench) -> Result<()> {
    let runner = std::fs::read_to_string(root().join("benches/python/runner/faaslet.py"))?;
    let proto = python.proto(&runner)?;
    let native = Native::find()?;
    let ours = python.call(&proto, VERSION.as_bytes())?;
    ensure!(ours.trim() == native.version, "we have CPython {ours}, {} is native", native.version);
    let rival = format!("CPython {} native, PGO and LTO", native.version);
    for program in programs()? {
        let mut samples = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            for side in [round % 2, (round + 1) % 2] {
                let took = if side == 0 {
                    let begin = now();
                    let answer = python.call(&proto, &program.source)?;
                    let took = now() - begin;
                    ensure!(answer == program.answer, "{}: {answer}", program.name);
                    took.as_secs_f64() * 1e9
                } else {
                    native.run(&program)?
                };
                samples[side].push(took);
            }
        }
        let [ours, theirs] = samples.map(|mut all| {
            all.sort_by(f64::total_cmp);
            all[ROUNDS / 2]
        });
        bench.push(&format!("{}/native", program.name), &rival, ours, theirs);
    }
    bench.geomean("/native");
    Ok(())
}

fn main() -> Result<()> {
    let python = Python::load()?;
    let proto = python.proto(CALL)?;
    check(&python, &proto)?;
    let changed = changed_pages(&python, &proto)?;
    let start = "a start of the interpreter";
    let mut bench = Bench::new("python", start);
    bench.row(
        "call",
        Clock::Thread,
        || {
            black_box(python.call(&proto, b"")).unwrap_or_else(|error| panic!("{error:#}"));
        },
        || {
            // The initialisation and the capture, and then the call.
            let proto = python.proto(CALL).unwrap_or_else(|error| panic!("{error:#}"));
            black_box(python.call(&proto, b"")).unwrap_or_else(|error| panic!("{error:#}"));
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
    let noop = parts(&python, &python.proto(NOOP)?)?;
    println!("no-op: birth {:.0} ns, call {:.0} ns, reset {:.0} ns", noop[0], noop[1], noop[2]);
    bench.push("noop", "the limit", noop.iter().sum(), NOOP_LIMIT);
    against_native(&python, &mut bench)?;
    bench.finish()
}
