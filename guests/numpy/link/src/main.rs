//! `link MODULE ADAPTER OUT`: joins an adapter to a module that is already linked.
//!
//! The module is somebody else's and stays as it is, but for the numbers of its functions. The adapter is a small
//! module of ours, binary or text, that defines what the module imports and uses what it exports:
//!
//! | import of the adapter | what it becomes |
//! |---|---|
//! | `module.NAME` | what the module exports under the name: a function, or its memory |
//! | `GOT.func.NAME`, an immutable global `i32` | the index of the adapter's export `NAME` in the module's table 0 |
//! | a function of any other module | an import |
//!
//! An import `M.F` of the module becomes the adapter's export `M.F`.
//! All other exports of the adapter are the result's, and so are the module's; the table is exported as
//! `__indirect_function_table` if the adapter has a function in it.
//! The adapter has functions, globals and passive data, and neither memory nor tables of its own.
#![forbid(unsafe_code)]

mod adapter;
mod module;

use anyhow::{Context as _, Result, bail};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [module, adapter, out] = &args[..] else { bail!("link MODULE ADAPTER OUT") };
    let wasm = std::fs::read(module).with_context(|| format!("cannot read {module}"))?;
    let text = std::fs::read(adapter).with_context(|| format!("cannot read {adapter}"))?;
    let text = wat::parse_bytes(&text).with_context(|| format!("{adapter} is no module"))?;
    let linked = module::Module::read(&wasm)
        .with_context(|| format!("cannot read {module}"))?
        .link(&adapter::Adapter::read(&text).with_context(|| format!("cannot use {adapter}"))?)?;
    std::fs::write(out, linked).with_context(|| format!("cannot write {out}"))
}
