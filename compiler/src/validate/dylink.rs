//! The section `dylink.0`.

use faasm_abi::dylink::{Dylink, Symbol};
use wasmparser::{Dylink0SectionReader, Dylink0Subsection};

/// What the section says; `None` if it is malformed: then the module is no library, but still a module.
pub(super) fn read(section: Dylink0SectionReader<'_>) -> Option<Dylink> {
    let mut dylink = Dylink::default();
    for part in section {
        match part.ok()? {
            Dylink0Subsection::MemInfo(info) => {
                dylink.memory_size = info.memory_size;
                dylink.memory_align_log2 = info.memory_alignment;
                dylink.table_size = info.table_size;
                dylink.table_align_log2 = info.table_alignment;
            }
            Dylink0Subsection::Needed(names) => {
                dylink.needed.extend(names.into_iter().map(str::to_owned));
            }
            Dylink0Subsection::ExportInfo(exports) => {
                let symbol = |export: wasmparser::ExportInfo<'_>| {
                    symbol("", export.name, export.flags.bits())
                };
                dylink.exports.extend(exports.into_iter().map(symbol));
            }
            Dylink0Subsection::ImportInfo(imports) => {
                let symbol = |import: wasmparser::ImportInfo<'_>| {
                    symbol(import.module, import.field, import.flags.bits())
                };
                dylink.imports.extend(imports.into_iter().map(symbol));
            }
            _ => {}
        }
    }
    Some(dylink)
}

fn symbol(module: &str, name: &str, flags: u32) -> Symbol {
    Symbol { module: module.to_owned(), name: name.to_owned(), flags }
}
