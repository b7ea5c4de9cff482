//! Kernels compiled by us, by the rival engine and by gcc -O3, scalar and SIMD builds, checked for equal results.
//!
//! Rows: `KERNEL` (scalar) and `KERNEL/simd` against wasmtime, `KERNEL/gcc` (our SIMD build) against gcc, and the
//! geometric mean of each group: `geomean`, `geomean/simd`, `geomean/gcc`.

mod engines;
#[path = "codegen/native.rs"]
mod native;

use std::hint::black_box;

use anyhow::{Context, Result, ensure};
use engines::Ours;
use faasm_benches::{Bench, Clock, root};
// Its library also brings the kernels, which its build script compiles, to the linker.
use faasm_compare::RIVAL;

/// Our side of one kernel.
struct OurKernel {
    store: faasm_vm::Store<()>,
    run: faasm_vm::TypedFunc<(i32,), i64>,
}

/// The rival's side of one kernel.
struct TheirKernel {
    store: wasmtime::Store<()>,
    run: wasmtime::TypedFunc<i32, i64>,
}

fn main() -> Result<()> {
    let ours = Ours::new()?;
    let rival = wasmtime::Engine::default();
    let mut bench = Bench::new("codegen", RIVAL);
    for (build, group) in [("scalar", ""), ("simd", "/simd")] {
        for kernel in native::KERNELS {
            let wasm = wasm(build, kernel.name)?;
            let (mut our, mut their) = (load_ours(&ours, &wasm)?, load_theirs(&rival, &wasm)?);
            let expected = (kernel.run)(kernel.n);
            ensure!(our.call(kernel.n) == expected, "{}: we compute another result", kernel.name);
            ensure!(their.call(kernel.n) == expected, "{}: the rival does", kernel.name);
            let row = format!("{}{group}", kernel.name);
            let n = kernel.n;
            bench.row(
                &row,
                Clock::Thread,
                || _ = black_box(our.call(n)),
                || _ = black_box(their.call(n)),
            );
        }
        bench.geomean(group);
    }
    for kernel in native::KERNELS {
        let mut our = load_ours(&ours, &wasm("simd", kernel.name)?)?;
        let n = kernel.n;
        let row = format!("{}/gcc", kernel.name);
        let run = (|| _ = black_box(our.call(n)), || _ = black_box((kernel.run)(n)));
        bench.row_against(&row, "gcc -O3 -march=native", Clock::Thread, run);
    }
    bench.geomean("/gcc");
    bench.finish()
}

fn wasm(build: &str, kernel: &str) -> Result<Vec<u8>> {
    let path = root().join(format!("guests/kernels/build/{build}/{kernel}.wasm"));
    std::fs::read(&path).with_context(|| path.display().to_string())
}

fn load_ours(ours: &Ours, wasm: &[u8]) -> Result<OurKernel> {
    let module = ours.module(wasm)?;
    let limits = faasm_vm::StoreLimits::default();
    let mut store = faasm_vm::Store::for_module(&ours.engine, &module, limits, ())?;
    let instance = faasm_vm::Linker::new(&ours.engine).instantiate(&mut store, &module)?;
    let run = instance.func(&store, "run").context("run")?.typed(&store)?;
    Ok(OurKernel { store, run })
}

fn load_theirs(engine: &wasmtime::Engine, wasm: &[u8]) -> Result<TheirKernel> {
    let module = wasmtime::Module::new(engine, wasm)?;
    let mut store = wasmtime::Store::new(engine, ());
    let instance = wasmtime::Linker::new(engine).instantiate(&mut store, &module)?;
    let run = instance.get_typed_func(&mut store, "run")?;
    Ok(TheirKernel { store, run })
}

impl OurKernel {
    fn call(&mut self, n: i32) -> i64 {
        self.run.call(&mut self.store, (n,)).unwrap_or_else(|trap| panic!("{trap}"))
    }
}

impl TheirKernel {
    fn call(&mut self, n: i32) -> i64 {
        self.run.call(&mut self.store, n).unwrap_or_else(|trap| panic!("{trap}"))
    }
}
