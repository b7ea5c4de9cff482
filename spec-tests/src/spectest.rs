//! The module `spectest` that scripts import from (WebAssembly specification's interpreter, section *Spectest host module*).

use anyhow::Result;
use faasm_vm::{Caller, Engine, Linker};

type Host<'a> = Caller<'a, ()>;

/// What `spectest` exports besides functions.
pub(crate) const DEFINITIONS: &str = r#"(module
    (global (export "global_i32") i32 (i32.const 666))
    (global (export "global_i64") i64 (i64.const 666))
    (global (export "global_f32") f32 (f32.const 666.6))
    (global (export "global_f64") f64 (f64.const 666.6))
    (table (export "table") 10 20 funcref)
    (table (export "table64") i64 10 20 funcref)
    (memory (export "memory") 1 2)
    (memory (export "shared_memory") 1 2 shared))"#;

/// A linker with the functions of `spectest`: they print nothing, since nobody reads it.
pub(crate) fn functions(engine: &Engine) -> Result<Linker<()>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap("spectest", "print", |_: Host<'_>| {})?;
    linker.func_wrap("spectest", "print_i32", |_: Host<'_>, _: i32| {})?;
    linker.func_wrap("spectest", "print_i64", |_: Host<'_>, _: i64| {})?;
    linker.func_wrap("spectest", "print_f32", |_: Host<'_>, _: f32| {})?;
    linker.func_wrap("spectest", "print_f64", |_: Host<'_>, _: f64| {})?;
    linker.func_wrap("spectest", "print_i32_f32", |_: Host<'_>, _: i32, _: f32| {})?;
    linker.func_wrap("spectest", "print_f64_f64", |_: Host<'_>, _: f64, _: f64| {})?;
    Ok(linker)
}
