//! What `faasm inspect` says, as data; `--json` prints it as it is, so its names are kept.

use faasm_compiler::{ObjectFile, Section, Validated};
use faasm_hostif::{check_imports, signatures};
use faasm_vm::{Dylink, ExportItem, ImportKind, ModuleInfo, dylink};
use serde::Serialize;

/// What a module or an object is made of.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// `module` or `object`.
    pub(super) kind: &'static str,
    /// Of the file.
    pub(super) bytes: usize,
    /// The module's own name.
    pub(super) name: Option<String>,
    /// `fused` or `split`: how the code reaches memory 0.
    pub(super) shape: String,
    /// Of a module: the proposals beyond WebAssembly 1.0 that it needs.
    pub(super) proposals: Option<Vec<String>>,
    /// Of an object: how it was compiled.
    pub(super) object: Option<Compiled>,
    /// How it is linked at run time, if it is a library or needs some.
    pub(super) linking: Option<Linking>,
    pub(super) functions: Counts,
    pub(super) start: Option<Function>,
    pub(super) imports: Vec<Import>,
    pub(super) exports: Vec<Export>,
    pub(super) memories: Vec<Item>,
    pub(super) tables: Vec<Item>,
    pub(super) globals: Vec<Item>,
    pub(super) tags: Vec<Item>,
    /// In order, with the bytes of their contents.
    pub(super) sections: Vec<NamedSize>,
}

/// How an object was compiled.
#[derive(Debug, Serialize)]
pub(super) struct Compiled {
    pub(super) format: u32,
    pub(super) compiler: String,
    /// Target triple.
    pub(super) target: String,
    /// Processor features that the code needs.
    pub(super) features: Vec<String>,
    /// What the compiler remarked.
    pub(super) notes: Vec<String>,
}

/// What the section `dylink.0` says.
#[derive(Debug, Serialize)]
pub(super) struct Linking {
    /// Bytes of its data.
    pub(super) memory_bytes: u32,
    /// To what they are aligned, as a power of two.
    pub(super) memory_align_log2: u32,
    /// Elements of the table that it takes.
    pub(super) table_elements: u32,
    pub(super) table_align_log2: u32,
    /// The libraries that are loaded with it.
    pub(super) needed: Vec<String>,
    /// The imports that may stay undefined.
    pub(super) weak: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Counts {
    pub(super) imported: u32,
    pub(super) defined: usize,
    /// How many have names.
    pub(super) named: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Function {
    pub(super) index: u32,
    pub(super) name: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Import {
    pub(super) module: String,
    pub(super) name: String,
    /// `function`, `table`, `memory`, `global` or `tag`.
    pub(super) kind: &'static str,
    #[serde(rename = "type")]
    pub(super) ty: String,
    /// What the host's function of this name has to do with, besides the guest's memory.
    pub(super) touches: Option<&'static str>,
    /// Why an upload refuses it.
    pub(super) refused: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Export {
    pub(super) name: String,
    /// As of an import.
    pub(super) kind: &'static str,
    pub(super) index: u32,
    #[serde(rename = "type")]
    pub(super) ty: String,
}

/// A memory, table, global or tag.
#[derive(Debug, Serialize)]
pub(super) struct Item {
    pub(super) index: usize,
    pub(super) imported: bool,
    #[serde(rename = "type")]
    pub(super) ty: String,
}

#[derive(Debug, Serialize)]
pub(super) struct NamedSize {
    pub(super) name: String,
    pub(super) bytes: u64,
}

impl Report {
    pub(super) fn of_module(
        module: &Validated<'_>,
        proposals: Vec<String>,
        sections: Vec<Section>,
        bytes: usize,
    ) -> Self {
        let described = (module.info(), module.function_names());
        Self { proposals: Some(proposals), ..Self::new("module", described, sections, bytes) }
    }

    pub(super) fn of_object(object: &ObjectFile<'_>, bytes: usize) -> Self {
        let info = &object.info;
        let texts = |list: &[String]| list.iter().map(|text| printable(text)).collect();
        let compiled = Compiled {
            format: ObjectFile::FORMAT,
            compiler: printable(&info.compiler),
            target: printable(&info.target),
            features: texts(&info.features),
            notes: texts(&object.notes),
        };
        let names = object.function_names();
        let described = (&info.module, &*names);
        let report = Self::new("object", described, object.sections.clone(), bytes);
        Self { object: Some(compiled), ..report }
    }

    /// Of a module with these names of functions.
    fn new(
        kind: &'static str,
        (info, names): (&ModuleInfo, &[(u32, &str)]),
        sections: Vec<Section>,
        bytes: usize,
    ) -> Self {
        let imported = info.imported;
        let name = |function: u32| {
            let at = names.binary_search_by_key(&function, |(index, _)| *index).ok()?;
            Some(printable(names[at].1))
        };
        Self {
            kind,
            bytes,
            name: info.name.as_deref().map(printable),
            shape: format!("{:?}", info.shape()).to_lowercase(),
            proposals: None,
            object: None,
            linking: info.dylink.as_ref().map(linking),
            functions: Counts {
                imported: imported.functions,
                defined: info.functions.len().saturating_sub(imported.functions as usize),
                named: names.len(),
            },
            start: info.start.map(|index| Function { index, name: name(index) }),
            imports: imports(info),
            exports: exports(info),
            memories: items(&info.memories, imported.memories),
            tables: items(&info.tables, imported.tables),
            globals: items(&info.globals, imported.globals),
            tags: items(&tags(info), imported.tags),
            sections: sections
                .into_iter()
                .map(|section| NamedSize { name: printable(&section.name), bytes: section.size })
                .collect(),
        }
    }
}

fn linking(dylink: &Dylink) -> Linking {
    let weak = dylink.imports.iter().filter(|symbol| symbol.flags & dylink::WEAK != 0);
    let weak = weak.map(|symbol| printable(&format!("{}.{}", symbol.module, symbol.name)));
    Linking {
        memory_bytes: dylink.memory_size,
        memory_align_log2: dylink.memory_align_log2,
        table_elements: dylink.table_size,
        table_align_log2: dylink.table_align_log2,
        needed: dylink.needed.iter().map(|name| printable(name)).collect(),
        weak: weak.collect(),
    }
}

fn items<T: ToString>(types: &[T], imported: u32) -> Vec<Item> {
    let item = |(index, ty): (usize, &T)| Item {
        index,
        imported: index < imported as usize,
        ty: ty.to_string(),
    };
    types.iter().enumerate().map(item).collect()
}

fn function_type(info: &ModuleInfo, index: u32) -> String {
    info.function_type(index).map_or_else(|| "?".to_owned(), ToString::to_string)
}

/// The function type with this type index.
fn defined_type(info: &ModuleInfo, ty: u32) -> String {
    info.func_type(ty).map_or_else(|| "?".to_owned(), ToString::to_string)
}

/// The types of the tags.
fn tags(info: &ModuleInfo) -> Vec<String> {
    info.tags.iter().map(|&ty| defined_type(info, ty)).collect()
}

fn imports(info: &ModuleInfo) -> Vec<Import> {
    let mut functions = 0..;
    let mut describe = |kind: &ImportKind| match kind {
        ImportKind::Function(_) => {
            ("function", function_type(info, functions.next().unwrap_or(u32::MAX)))
        }
        ImportKind::Table(ty) => ("table", ty.to_string()),
        ImportKind::Memory(ty) => ("memory", ty.to_string()),
        ImportKind::Global(ty) => ("global", ty.to_string()),
        ImportKind::Tag(ty) => ("tag", defined_type(info, *ty)),
    };
    // A library is linked to the program that loads it, and to the host by that.
    let wrong = match &info.dylink {
        Some(_) => Vec::new(),
        None => check_imports(info).err().unwrap_or_default(),
    };
    let import = |import: &faasm_vm::Import| {
        let (kind, ty) = describe(&import.kind);
        let names = (import.module.as_str(), import.name.as_str());
        let row = signatures().find(|function| (function.module, function.name) == names);
        let error = wrong.iter().find(|error| error.import() == names);
        Import {
            module: printable(&import.module),
            name: printable(&import.name),
            kind,
            ty,
            touches: row.map(|function| function.touches.text()),
            refused: error.map(|error| printable(&error.to_string())),
        }
    };
    info.imports.iter().map(import).collect()
}

fn exports(info: &ModuleInfo) -> Vec<Export> {
    fn of<T: ToString>(types: &[T], index: u32) -> String {
        types.get(index as usize).map_or_else(|| "?".to_owned(), ToString::to_string)
    }
    let export = |export: &faasm_vm::Export| {
        let (kind, index, ty) = match export.item {
            ExportItem::Function(index) => ("function", index, function_type(info, index)),
            ExportItem::Table(index) => ("table", index, of(&info.tables, index)),
            ExportItem::Memory(index) => ("memory", index, of(&info.memories, index)),
            ExportItem::Global(index) => ("global", index, of(&info.globals, index)),
            ExportItem::Tag(index) => ("tag", index, of(&tags(info), index)),
        };
        Export { name: printable(&export.name), kind, index, ty }
    };
    info.exports.iter().map(export).collect()
}

/// Longest name that is shown.
const MAX_NAME: usize = 256;

/// A name as terminals and lines take it: names come from the module and hold anything.
pub(super) fn printable(name: &str) -> String {
    let cut = &name[..name.floor_char_boundary(MAX_NAME)];
    let mut shown: String =
        cut.chars().map(|character| if character.is_control() { '?' } else { character }).collect();
    if cut.len() < name.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_printable() {
        assert_eq!(printable("a\u{1b}[31m\nb"), "a?[31m?b");
        let long = printable(&"ö".repeat(1000));
        assert!(long.len() < 270 && long.ends_with('…'), "{long}");
    }
}
