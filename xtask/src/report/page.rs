//! The page: the machine, then each benchmark with its figure and its table.

use std::fmt::Write;

use super::machine::day;
use super::{Measured, Report, Row, human, three_digits};

const HEAD: &str = "\
# Benchmarks

`cargo xtask bench report` writes this page and its figures from what `cargo xtask bench` measured.
Each figure is the ratio of our time or memory to the rival's, in the same run, and where more is better the rival's to ours: smaller is better, and the line at 1 is the rival.
";

pub(super) fn write(report: &Report) -> String {
    let mut page = HEAD.to_owned();
    let machine = &report.machine;
    put(
        &mut page,
        format_args!(
            "\n| machine | |\n|---|---|\n| processor | {} |\n| cores | {} |\n| memory | {} |\n| kernel | {} |\n",
            cell(&machine.processor),
            machine.cores,
            machine.memory,
            cell(&machine.kernel)
        ),
    );
    if !report.missing.is_empty() {
        let missing: Vec<_> = report.missing.iter().map(|name| format!("`{name}`")).collect();
        put(&mut page, format_args!("\nNot measured on this machine: {}.\n", missing.join(", ")));
    }
    for measured in &report.measured {
        section(&mut page, measured);
    }
    page
}

fn section(page: &mut String, measured: &Measured) {
    let (name, when) = (&measured.name, day(measured.when));
    put(page, format_args!("\n## {name}\n\n"));
    match measured.about {
        Some(about) => put(page, format_args!("{}; measured on {when}.\n", capitalised(about))),
        None => put(page, format_args!("Measured on {when}.\n")),
    }
    if measured.rows.is_empty() {
        put(page, format_args!("It has no rows.\n"));
        return;
    }
    put(
        page,
        format_args!(
            "\n![{name}: ours / rival](benchmarks/{name}.svg)\n\n\
         | | ours | rival | ratio | against |\n|---|--:|--:|--:|---|\n"
        ),
    );
    for row in &measured.rows {
        line(page, row);
    }
}

fn line(page: &mut String, row: &Row) {
    let ratio = row.ratio().map_or_else(|| "–".to_owned(), three_digits);
    put(
        page,
        format_args!(
            "| {} | {} | {} | {ratio} | {} |\n",
            cell(&row.name),
            cell(&human(row.ours, &row.unit)),
            cell(&human(row.rival, &row.unit)),
            cell(&row.rival_name)
        ),
    );
}

/// A sentence's beginning.
fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// Text that cannot end its cell.
fn cell(text: &str) -> String {
    text.replace(['\n', '\r'], " ").replace('|', "\\|").replace('<', "&lt;")
}

/// Writing to a string does not fail.
fn put(page: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = page.write_fmt(what);
}
