//! The machine code of one function beside its operators.

use std::fmt::Write as _;

use faasm_compiler::{Disassembly, Instruction, ObjectFile, disassemble};
use faasm_vm::{ExportItem, ModuleInfo};
use serde::Serialize;

use super::report::printable;
use super::{Options, json, put};
use crate::cli::failure::Failure;
use crate::problem::explain;
use crate::suggest;

/// Candidates that a message lists.
const MAX_LISTED: usize = 10;
/// Columns up to the operators.
const OPERATOR_COLUMN: usize = 72;

/// Prints the function that `wanted` names.
pub(super) fn show(
    options: &Options,
    object: &ObjectFile<'_>,
    wanted: &str,
    wasm: Option<&[u8]>,
) -> Result<(), Failure> {
    let index = find(object, wanted).map_err(|failure| failure.at(&options.file))?;
    let shown = disassemble(object, index, wasm)
        .map_err(|error| Failure::usage(explain(&error)).at(&options.file))?;
    if options.json { put(&json(&Function::of(index, &shown))?) } else { put(&text(&shown)) }
}

/// The function of this index or name; names are those of the name section and of exports.
fn find(object: &ObjectFile<'_>, wanted: &str) -> Result<u32, Failure> {
    let (info, names) = (&object.info.module, object.function_names());
    let number = wanted.strip_prefix("func[").and_then(|rest| rest.strip_suffix(']'));
    if let Ok(index) = number.unwrap_or(wanted).parse::<u32>() {
        return defined(info, index);
    }
    let exports = info.exports.iter().filter_map(|export| match export.item {
        ExportItem::Function(index) => Some((index, &*export.name)),
        _ => None,
    });
    let all: Vec<(u32, &str)> = names.iter().copied().chain(exports).collect();
    let found = |test: &dyn Fn(&str) -> bool| {
        let mut found: Vec<u32> =
            all.iter().filter(|(_, name)| test(name)).map(|(index, _)| *index).collect();
        found.sort_unstable();
        found.dedup();
        found
    };
    let exact = found(&|name| name == wanted);
    let candidates = if exact.is_empty() { found(&|name| name.contains(wanted)) } else { exact };
    match candidates[..] {
        [index] => defined(info, index),
        [] => {
            let failure = Failure::not_found(format!("no function is called `{wanted}`"));
            Err(match suggest::nearest(wanted, all.iter().map(|(_, name)| *name)) {
                Some(near) => failure.hint(&format!("Did you mean `{}`?", printable(near))),
                None => failure
                    .hint("`faasm inspect FILE` shows the exports; indices count imports first."),
            })
        }
        _ => Err(ambiguous(&names, wanted, &candidates)),
    }
}

fn defined(info: &ModuleInfo, index: u32) -> Result<u32, Failure> {
    let (imported, all) = (info.imported.functions, info.functions.len());
    if index < imported {
        return Err(Failure::not_found(format!(
            "function {index} is imported: it has no code here"
        )));
    }
    if (index as usize) < all {
        return Ok(index);
    }
    let last = all.saturating_sub(1);
    Err(Failure::not_found(format!("there is no function {index}"))
        .hint(&format!("The module defines functions {imported} to {last}.")))
}

fn ambiguous(names: &[(u32, &str)], wanted: &str, candidates: &[u32]) -> Failure {
    let name = |function: u32| {
        let named = names.iter().find(|(index, _)| *index == function);
        printable(named.map_or("-", |(_, name)| name))
    };
    let listed = candidates.iter().take(MAX_LISTED);
    let listed: Vec<_> = listed.map(|&index| format!("{index} {}", name(index))).collect();
    let more = match candidates.len().saturating_sub(MAX_LISTED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let count = candidates.len();
    Failure::not_found(format!("`{wanted}` is part of the names of {count} functions"))
        .hint(&format!("Name one by its index: {}{more}.", listed.join(", ")))
}

fn text(shown: &Disassembly) -> String {
    let mut text = format!("{}\n", printable(&shown.symbol));
    for instruction in &shown.instructions {
        text.push_str(line(instruction).trim_end());
        text.push('\n');
    }
    text
}

/// `>` marks what is branched to, `!` what may trap.
fn line(instruction: &Instruction) -> String {
    let mark = if instruction.is_target { '>' } else { ' ' };
    let bytes = hexadecimal(&instruction.bytes);
    let mut line = format!("{mark} {:#08x}  {bytes:20} {}", instruction.offset, instruction.text);
    if let Some(symbol) = &instruction.target_symbol {
        let _ = write!(line, " <{}>", printable(symbol));
    }
    if let Some(trap) = instruction.trap {
        let _ = write!(line, "  ! {trap}");
    }
    if let Some(operator) = &instruction.operator {
        let text = operator.text.as_deref().unwrap_or("");
        let _ = write!(
            line,
            "{:pad$}| {:#x} {}",
            "",
            operator.offset,
            printable(text),
            pad = OPERATOR_COLUMN.saturating_sub(line.chars().count()).max(2)
        );
    }
    line
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same for programs.
#[derive(Debug, Serialize)]
struct Function {
    index: u32,
    symbol: String,
    instructions: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    offset: u32,
    /// In hexadecimal.
    bytes: String,
    text: String,
    /// What it branches to or calls: offset in the text.
    target: Option<u32>,
    target_symbol: Option<String>,
    is_target: bool,
    trap: Option<String>,
    /// Offset in the module of the operator that it came from, at the first instruction of each.
    wasm_offset: Option<u32>,
    operator: Option<String>,
}

impl Function {
    fn of(index: u32, shown: &Disassembly) -> Self {
        let row = |instruction: &Instruction| Row {
            offset: instruction.offset,
            bytes: hexadecimal(&instruction.bytes),
            text: instruction.text.clone(),
            target: instruction.target,
            target_symbol: instruction.target_symbol.as_deref().map(printable),
            is_target: instruction.is_target,
            trap: instruction.trap.map(|trap| trap.to_string()),
            wasm_offset: instruction.operator.as_ref().map(|operator| operator.offset),
            operator: instruction.operator.as_ref().and_then(|operator| operator.text.clone()),
        };
        let instructions = shown.instructions.iter().map(row).collect();
        Self { index, symbol: printable(&shown.symbol), instructions }
    }
}
