//! Names of code in the object's symbol table.

use std::collections::HashMap;

use faasm_abi::builtin::Builtin;
use faasm_abi::module::{ExportItem, ImportKind};

use crate::compile::Unit;
use crate::validate::Validated;

/// Longest name that is kept: names come from the module and may be of any length.
pub(crate) const MAX_NAME: usize = 512;

/// What names a module's code.
pub(crate) struct Symbols<'a> {
    module: &'a Validated<'a>,
    /// The first export of each exported function.
    exports: HashMap<u32, &'a str>,
    /// Module and name of each imported function.
    imports: Vec<(&'a str, &'a str)>,
}

impl<'a> Symbols<'a> {
    pub(crate) fn new(module: &'a Validated<'a>) -> Self {
        let info = module.info();
        let mut exports = HashMap::new();
        for export in &info.exports {
            if let ExportItem::Function(index) = export.item {
                exports.entry(index).or_insert(export.name.as_str());
            }
        }
        let functions =
            info.imports.iter().filter(|import| matches!(import.kind, ImportKind::Function(_)));
        let imports = functions.map(|import| (&*import.module, &*import.name)).collect();
        Self { module, exports, imports }
    }

    /// The symbol of a piece of code.
    pub(crate) fn of(&self, unit: Unit) -> String {
        match unit {
            Unit::Function(index) => {
                let name = self.module.function_name(index);
                let name = name.or_else(|| self.exports.get(&index).copied());
                format!("wasm[{index}]::{}", printable(name.unwrap_or("function")))
            }
            Unit::Builtin(builtin) => format!("builtin::{builtin:?}"),
            Unit::HostArray(index) => self.import(index, "array"),
            Unit::HostNative(index) => self.import(index, "native"),
            Unit::Entry(ty) => format!("entry[{ty}]"),
        }
    }

    fn import(&self, index: u32, kind: &str) -> String {
        let (module, name) = self.imports.get(index as usize).copied().unwrap_or_default();
        format!("import[{index}]::{}::{}::{kind}", printable(module), printable(name))
    }
}

/// Symbols end at a zero byte, and terminals act on other control characters.
pub(crate) fn printable(name: &str) -> String {
    let mut printable = String::with_capacity(name.len().min(MAX_NAME));
    for character in name.chars() {
        if printable.len() + character.len_utf8() > MAX_NAME {
            break;
        }
        printable.push(if character.is_control() { '?' } else { character });
    }
    printable
}

/// All builtins that have a stub, in order: not those that only stubs call.
pub(crate) fn builtins() -> impl Iterator<Item = Builtin> {
    let by_stubs = [Builtin::Raise, Builtin::Catch];
    Builtin::ALL.iter().copied().filter(move |builtin| !by_stubs.contains(builtin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_and_made_printable() {
        assert_eq!(printable("a\0b\x1b[31m"), "a?b?[31m");
        assert_eq!(printable(&"ä".repeat(1000)).len(), MAX_NAME);
    }
}
