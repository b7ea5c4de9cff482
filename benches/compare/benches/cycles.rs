//! The cycle of a Faaslet, birth, a call and its reset, and what it is at the rival's: a store, an instance, the same
//! call, and their end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use faasm_benches::{Together, Work};
use wasmtime::{Enabled, InstanceAllocationStrategy, ModuleExport, PoolingAllocationConfig};

use crate::engines::Ours;

/// The export that is called, with a number.
pub(crate) const CALL: &str = "call";

/// Ours: a store at rest, and its call.
#[derive(Clone)]
pub(crate) struct OurCycle {
    proto: faasm_vm::Captured,
    call: faasm_vm::TypedFunc<i32, ()>,
}

impl OurCycle {
    /// Compiles, instantiates and captures the module.
    pub(crate) fn new(ours: &Ours, wasm: &[u8]) -> Result<Self> {
        let (engine, module) = (&ours.engine, ours.module(wasm)?);
        let limits = faasm_vm::StoreLimits::default();
        let mut store = faasm_vm::Store::for_module(engine, &module, limits, ())?;
        let instance = faasm_vm::Linker::<()>::new(engine).instantiate(&mut store, &module)?;
        let call = instance.func(&store, CALL).context(CALL)?.typed::<i32, ()>(&store)?;
        Ok(Self { proto: store.capture()?, call })
    }

    /// One cycle.
    ///
    /// # Panics
    ///
    /// When something fails.
    pub(crate) fn run(&self, argument: i32) {
        let mut store = self.proto.birth(()).unwrap_or_else(|error| panic!("{error}"));
        self.call.call(&mut store, argument).unwrap_or_else(|error| panic!("{error}"));
        store.recycle();
    }

    /// For several threads.
    pub(crate) fn work(&self) -> Work {
        let cycle = self.clone();
        Arc::new(move || cycle.run(0))
    }
}

/// The rival's.
#[derive(Clone)]
pub(crate) struct TheirCycle {
    prepared: wasmtime::InstancePre<()>,
    call: ModuleExport,
}

impl TheirCycle {
    /// Compiles the module and prepares its instantiation.
    pub(crate) fn new(engine: &wasmtime::Engine, wasm: &[u8]) -> Result<Self> {
        let module = wasmtime::Module::new(engine, wasm)?;
        let call = module.get_export_index(CALL).context(CALL)?;
        let prepared = wasmtime::Linker::<()>::new(engine).instantiate_pre(&module)?;
        Ok(Self { prepared, call })
    }

    /// One cycle.
    ///
    /// # Panics
    ///
    /// When something fails.
    pub(crate) fn run(&self, argument: i32) {
        self.try_run(argument).unwrap_or_else(|error| panic!("{error}"));
    }

    fn try_run(&self, argument: i32) -> Result<()> {
        let mut store = wasmtime::Store::new(self.prepared.module().engine(), ());
        let instance = self.prepared.instantiate(&mut store)?;
        let export = instance.get_module_export(&mut store, &self.call);
        let call = export.and_then(wasmtime::Extern::into_func).context(CALL)?;
        call.typed::<i32, ()>(&store)?.call(&mut store, argument)?;
        Ok(())
    }

    /// For several threads.
    pub(crate) fn work(&self) -> Work {
        let cycle = self.clone();
        Arc::new(move || cycle.run(0))
    }
}

/// How long the cycles of a module go on before they are measured. The rival goes through slots that are not warm for the
/// module for a tenth of a second (measured with images of 16 MiB), and each slot needs a few calls on either side.
const WARM: Duration = Duration::from_millis(200);

/// Makes the slots of all threads warm.
pub(crate) fn warm(threads: &Together, sides: [&Work; 2]) {
    for work in sides {
        let begun = Instant::now();
        while begun.elapsed() < WARM {
            work();
        }
        while begun.elapsed() < 2 * WARM {
            threads.sample(10, work);
        }
    }
}

/// The rival at its best for this: images that are copied when they are written, however large, so many bytes of what was
/// written kept resident, and found by PAGEMAP_SCAN.
pub(crate) fn pooling(keep_resident: usize) -> Result<wasmtime::Engine> {
    let mut pool = PoolingAllocationConfig::default();
    pool.linear_memory_keep_resident(keep_resident);
    pool.table_keep_resident(1 << 20);
    pool.pagemap_scan(Enabled::Yes);
    let mut config = wasmtime::Config::new();
    config.memory_init_cow(true);
    config.memory_guaranteed_dense_image_size(128 << 20);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Ok(wasmtime::Engine::new(&config)?)
}
