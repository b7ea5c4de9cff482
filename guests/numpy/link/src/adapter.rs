//! The adapter, as it is read.

use anyhow::{Context as _, Result, bail, ensure};
use wasmparser::{
    DataSectionReader, ExternalKind, FunctionBody, Import, Parser, Payload, RecGroup, TypeRef,
};

/// The module name of what is taken from the module.
const MODULE: &str = "module";
/// The module name of indices of the table.
const GOT: &str = "GOT.func";

#[derive(Default)]
pub(crate) struct Adapter<'a> {
    pub(crate) types: Vec<RecGroup>,
    /// Imported functions, in their order.
    pub(crate) functions: Vec<Function<'a>>,
    /// Exports of its own whose indices in the table are its first globals.
    pub(crate) indices: Vec<&'a str>,
    /// Types of its own functions.
    pub(crate) defined: Vec<u32>,
    pub(crate) globals: Vec<wasmparser::Global<'a>>,
    pub(crate) exports: Vec<wasmparser::Export<'a>>,
    pub(crate) data: Option<DataSectionReader<'a>>,
    pub(crate) bodies: Vec<FunctionBody<'a>>,
}

/// Where an imported function is from.
pub(crate) enum Function<'a> {
    /// The module's export.
    Module(&'a str),
    /// Outside: module, name, and the type's number.
    Outside(&'a str, &'a str, u32),
}

impl<'a> Adapter<'a> {
    pub(crate) fn read(wasm: &'a [u8]) -> Result<Self> {
        let mut adapter = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            adapter.take(payload?)?;
        }
        Ok(adapter)
    }

    fn take(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                self.types = section.into_iter().collect::<Result<_, _>>()?;
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.import(import?)?;
                }
            }
            Payload::FunctionSection(section) => {
                self.defined = section.into_iter().collect::<Result<_, _>>()?;
            }
            Payload::GlobalSection(section) => {
                self.globals = section.into_iter().collect::<Result<_, _>>()?;
            }
            Payload::ExportSection(section) => {
                self.exports = section.into_iter().collect::<Result<_, _>>()?;
            }
            Payload::DataSection(section) => self.data = Some(section),
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::Version { .. }
            | Payload::CodeSectionStart { .. }
            | Payload::DataCountSection { .. }
            | Payload::CustomSection(_)
            | Payload::End(_) => {}
            other => bail!("an adapter has no such section: {other:?}"),
        }
        Ok(())
    }

    fn import(&mut self, import: Import<'a>) -> Result<()> {
        let Import { module, name, ty } = import;
        match ty {
            TypeRef::Func(_) if module == MODULE => self.functions.push(Function::Module(name)),
            TypeRef::Func(ty) => self.functions.push(Function::Outside(module, name, ty)),
            TypeRef::Memory(_) if module == MODULE => {}
            TypeRef::Global(ty) if module == GOT => {
                ensure!(!ty.mutable, "{module}.{name} is mutable");
                self.indices.push(name);
            }
            _ => bail!("an adapter imports no {module}.{name} of this kind"),
        }
        Ok(())
    }

    /// The number, in the adapter, of the function that it exports under this name.
    pub(crate) fn exported(&self, name: &str) -> Result<u32> {
        let is_it = |export: &&wasmparser::Export<'_>| {
            export.name == name && export.kind == ExternalKind::Func
        };
        let found = self.exports.iter().find(is_it);
        Ok(found.with_context(|| format!("the adapter exports no function {name}"))?.index)
    }
}
