//! A Proto at rest: written once, and restored in other processes.
//!
//! The rival has no initialised state at rest. The nearest that it has is beside ours: to a module from its file
//! (`deserialize_file`) and an instance of it, whose memory is the module's own data.
//!
//! * `restore`: in a new process, with everything in the page cache, up to a newborn that can be called: module, manifest,
//!   image, Proto, birth. Wall time, as a process that was just started has not run before.
//! * `call`: that, and up to the guest's first call of the host.
//! * Once, and so without a rival: capture, writing the chunks, verifying and assembling them.

mod modules;
#[path = "snapshot/ours.rs"]
mod ours;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use faasm_benches::{Bench, target};
use faasm_compare::RIVAL;
use modules::MODULES;

/// Processes of each side.
const PROCESSES: usize = 21;

/// A function that does nothing.
const NOOP: &str = r#"(module (memory 1) (func (export "main")))"#;

fn main() -> Result<()> {
    if ours::is_child()? || is_rival()? {
        return Ok(());
    }
    let mut bench = Bench::new("snapshot", RIVAL);
    measure(&mut bench, "noop", &wat::parse_str(NOOP)?)?;
    for name in ["quickjs", modules::CPYTHON] {
        let module = MODULES.iter().find(|module| module.name == name).context("no such module")?;
        measure(&mut bench, name, &module.bytes()?)?;
    }
    bench.finish()
}

fn measure(bench: &mut Bench, name: &str, wasm: &[u8]) -> Result<()> {
    let folder = target().join("bench/snapshot").join(name);
    let written = ours::write(wasm, &folder)?;
    let assembled = ours::assemble(&folder)?;
    println!(
        "{name}: {} bytes of data, {} stored in {} chunks; capture {:?}, write {:?}, verify and assemble {assembled:?}",
        written.data, written.stored, written.chunks, written.times[0], written.times[1],
    );
    let theirs = folder.join("module.cwasm");
    std::fs::write(&theirs, wasmtime::Engine::default().precompile_module(wasm)?)?;
    let ours = ours::in_processes(&folder, PROCESSES)?;
    let rival = rival_in_processes(&theirs)?;
    let [.., first] = ours[..] else { unreachable!("there are steps") };
    let restore: Duration = ours[..ours.len() - 1].iter().sum();
    let steps = ours::STEPS[3..].iter().zip(&ours).map(|(step, time)| format!("{step} {time:?}"));
    println!("{name}: {}", steps.collect::<Vec<_>>().join(", "));
    let (restored, called) = (nanoseconds(restore), nanoseconds(restore + first));
    bench.push(&format!("restore/{name}"), RIVAL, restored, nanoseconds(rival[0]));
    bench.push(&format!("call/{name}"), RIVAL, called, nanoseconds(rival[0] + rival[1]));
    Ok(())
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// The rival's module from its file, an instance of it, and a call up to its first call of the host.
fn rival(path: &Path) -> Result<[Duration; 2]> {
    let engine = wasmtime::Engine::default();
    let begun = Instant::now();
    // SAFETY: this benchmark wrote the file itself.
    let module = unsafe { wasmtime::Module::deserialize_file(&engine, path) }?;
    let mut linker = wasmtime::Linker::<Option<Instant>>::new(&engine);
    for import in module.imports() {
        let Some(ty) = import.ty().func().cloned() else { continue };
        linker.func_new(import.module(), import.name(), ty, |mut caller, _, _| {
            caller.data_mut().get_or_insert_with(Instant::now);
            Err(wasmtime::Error::msg("the end"))
        })?;
    }
    let mut store = wasmtime::Store::new(&engine, None);
    let instance = linker.instantiate(&mut store, &module)?;
    let made = Instant::now();
    let name = if instance.get_func(&mut store, "_start").is_some() { "_start" } else { "main" };
    let entry = instance.get_func(&mut store, name).context("no entry")?;
    let _ = entry.call(&mut store, &[], &mut []);
    let called = store.data().unwrap_or_else(Instant::now);
    Ok([made - begun, called - made])
}

/// The median times of [`rival`] in processes of their own.
fn rival_in_processes(path: &Path) -> Result<[Duration; 2]> {
    let mut all = Vec::new();
    for _ in 0..PROCESSES {
        let output = Command::new(std::env::current_exe()?).arg("--rival").arg(path).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        let times: Vec<u64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        all.push([times[0], times[1]]);
    }
    Ok([0, 1].map(|step| {
        let mut times: Vec<u64> = all.iter().map(|times| times[step]).collect();
        times.sort_unstable();
        Duration::from_nanos(times[times.len() / 2])
    }))
}

/// What the process of [`rival_in_processes`] does, if this is one.
fn is_rival() -> Result<bool> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--rival").skip(1);
    let Some(path) = arguments.next() else { return Ok(false) };
    let [made, called] = rival(Path::new(&path))?;
    println!("{} {}", made.as_nanos(), called.as_nanos());
    Ok(true)
}
