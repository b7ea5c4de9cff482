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

The phase says when what a function works with is made.
*link*: with the engine, once; such a function needs the guest's memory and the operating system.
*prepare*: with the function, at its upload or at a server's start; it reads what is the same in all calls.
*build*: with each call; it changes what is the call's own, and gone after it, or goes through a port of the host.
In an initialisation, what those of *build* find is the initialisation's own: files and an input, but neither state, calls, threads nor network.

A module with threads imports its memory as `env.memory`, shared and with a maximum, and exports `wasi_thread_start`.
";

fn section(module: &str) -> String {
    let rows = signatures().filter(|function| function.module == module);
    let head = format!(
        "\n## `{module}`\n\n| function | touches | phase | what it does |\n|---|---|---|---|\n"
    );
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
        let (touches, doc) = (function.touches, function.doc);
        let (text, phase) = (touches.text(), touches.phase().text());
        let _ = writeln!(page, "| `{signature}` | {text} | {phase} | {doc} |");
        page
    })
}
