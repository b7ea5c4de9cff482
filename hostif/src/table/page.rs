//! The page of documentation that the table makes.

use std::fmt::Write;

use super::imports::type_name;
use super::{FAASM, THREADS, WASI, signatures};

/// The page that `docs/host-interface.md` holds.
#[must_use]
pub fn document() -> String {
    let mut page = String::from(INTRODUCTION);
    for module in [FAASM, THREADS, WASI] {
        page.push_str(&section(module));
    }
    page
}

const INTRODUCTION: &str = "\
# Host interface

What a guest can import.
This page is written by the test `the_page_is_up_to_date` of `faasm-hostif` from its table of host functions: `BLESS=1 cargo test -p faasm-hostif` renews it.
An import that is not here, or has another type, is refused when a function is uploaded.

Functions of `env` take lengths with every pointer; keys and names end with a NUL.
Each may use 128 KiB of the guest's stack: a guest that has less left ends with a stack overflow before the call.
An argument that does not fit the guest's memory ends the call with a text that names function and argument.
Functions of `wasi_snapshot_preview1` return the error numbers of WASI preview 1; such an argument is `EFAULT`.

A module with threads imports its memory as `env.memory`, shared and with a maximum, and exports `wasi_thread_start`.
";

fn section(module: &str) -> String {
    let rows = signatures().filter(|function| function.module == module);
    let head = format!("\n## `{module}`\n\n| function | touches | what it does |\n|---|---|---|\n");
    rows.fold(head, |mut page, function| {
        let params: Vec<String> = function
            .params
            .iter()
            .map(|(name, ty)| format!("{name}: {}", type_name(*ty)))
            .collect();
        let result =
            function.result.map_or_else(String::new, |ty| format!(" -> {}", type_name(ty)));
        let signature = format!("{}({}){result}", function.name, params.join(", "));
        // Writing to a string does not fail.
        let _ =
            writeln!(page, "| `{signature}` | {} | {} |", function.touches.text(), function.doc);
        page
    })
}
