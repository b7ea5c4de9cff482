//! The operators of one function in the text format.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use wasmprinter::{Config, Print};

use super::DisassembleError;
use crate::inspect::ObjectFile;
use crate::validate::validate;

/// The operators of the defined function at `position` by their offsets in the module.
pub(super) fn of_function(
    object: &ObjectFile<'_>,
    position: u32,
    wasm: &[u8],
) -> Result<BTreeMap<u32, String>, DisassembleError> {
    let module = validate(wasm)?;
    if *module.info() != object.info.module {
        return Err(DisassembleError::Module);
    }
    let body = module.bodies().get(position as usize).ok_or(DisassembleError::Module)?;
    let mut lines =
        Lines { body: body.range(), current: None, found: BTreeMap::new(), done: false };
    match Config::new().indent_text("").print(wasm, &mut lines) {
        Err(error) if !lines.done => Err(DisassembleError::Print(error.to_string())),
        _ => Ok(lines.found),
    }
}

/// Keeps the lines of one function body, and ends the printing after it.
struct Lines {
    body: Range<u64>,
    current: Option<u32>,
    found: BTreeMap<u32, String>,
    done: bool,
}

impl Print for Lines {
    fn write_str(&mut self, text: &str) -> io::Result<()> {
        if self.done {
            return Err(io::ErrorKind::Other.into());
        }
        if let Some(at) = self.current {
            let line = self.found.entry(at).or_default();
            line.extend(text.chars().filter(|character| !character.is_control()));
        }
        Ok(())
    }

    fn newline(&mut self) -> io::Result<()> {
        self.current = None;
        Ok(())
    }

    fn start_line(&mut self, offset: Option<u64>) {
        let Some(offset) = offset else { return };
        self.done |= offset >= self.body.end;
        let inside = self.body.contains(&offset);
        self.current = u32::try_from(offset).ok().filter(|_| inside);
    }
}
