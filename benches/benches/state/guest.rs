//! Functions in C, in Faaslets and natively.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use faasm_benches::{root, target};
use faasm_compiler::{CompileOptions, compile, validate};
use faasm_hostif::{CallId, Host, HostBuilder, HostState, link};

use faasm_snapshot::{Entry, Proto, Recipe};
use faasm_state::{GlobalTier, Limits, LocalTier};
use faasm_vm::{Engine, EngineConfig, Linker, Module, SealKey, Store};

/// A function whose Faaslets share the state of one namespace.
pub(crate) struct Guest {
    host: Host,
    proto: Proto,
}

impl Guest {
    /// The function `guests/c/functions/NAME.c` on a host of its own over `tier`.
    pub(crate) fn load(name: &str, tier: Arc<dyn GlobalTier>) -> Result<Self> {
        let path = root().join(format!("guests/c/build/{name}.wasm"));
        let wasm = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let engine = Engine::new(EngineConfig::new(SealKey::derive(b"benchmarks")))?;
        let mut linker = Linker::new(&engine);
        link(&mut linker)?;
        let object = compile(&validate(&wasm)?, &CompileOptions::default())?;
        let module = Module::load(&engine, &engine.seal().seal(object))?;
        let namespace = LocalTier::new(tier, Limits::default()).namespace("bench");
        let host = HostBuilder::new().arg(name).state(namespace).build()?;
        let recipe = Recipe {
            check: |state: &HostState| Ok(state.check_leftovers()?),
            ..Recipe::new(&engine, &linker)
        };
        let proto = Proto::make(&recipe, &module, host.call(CallId(0), Vec::new()))?;
        Ok(Self { host, proto })
    }

    /// A Faaslet that is ready to run.
    pub(crate) fn birth(&self, input: &str) -> Result<Store<HostState>> {
        Ok(self.proto.birth(self.host.call(CallId(1), input.into()))?)
    }

    /// Runs it to its end; its output.
    pub(crate) fn run(&self, store: &mut Store<HostState>) -> Result<String> {
        let code = Entry::return_code(self.proto.main()?.func().call(store, &[]))?;
        ensure!(code == 0, "the guest returned {code}");
        Ok(String::from_utf8(store.data_mut().take_output())?)
    }

    /// A whole call.
    pub(crate) fn call(&self, input: &str) -> Result<String> {
        let mut store = self.birth(input)?;
        let output = self.run(&mut store)?;
        store.recycle();
        Ok(output)
    }
}

/// The same file for this machine, by the same compiler with the same optimisation.
pub(crate) fn native(name: &str) -> Result<PathBuf> {
    let folder = target().join("bench/native");
    std::fs::create_dir_all(&folder)?;
    let program = folder.join(name);
    let source = root().join(format!("guests/c/functions/{name}.c"));
    let mut compiler = Command::new("clang-22");
    let status = compiler.args(["-std=gnu23", "-O3"]).arg(source).arg("-o").arg(&program).status();
    let status = status.context("clang-22 cannot be started: guests/toolchain.sh installs it")?;
    ensure!(status.success(), "{name}.c does not compile");
    Ok(program)
}
