//! The module, and what it becomes with an adapter.
//!
//! ```text
//! types      the module's | the adapter's
//! functions  imports of the module that nobody defines | those of the adapter | the module's | the adapter's
//! globals    the module's | indices in the table | the adapter's
//! data       the module's | the adapter's
//! ```

use std::convert::Infallible;

use anyhow::{Context as _, Result, bail, ensure};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, EntityType,
    ExportKind, ExportSection, FunctionSection, GlobalSection, GlobalType, ImportSection,
    MemorySection, TableSection, TagSection, TypeSection, ValType,
};
use wasmparser::{ExternalKind, Import, KnownCustom, Parser, Payload, TypeRef};

use crate::adapter::{Adapter, Function};

/// The export of a table that the host looks for function pointers in.
const TABLE: &str = "__indirect_function_table";

#[derive(Default)]
pub(crate) struct Module<'a> {
    sections: Vec<Payload<'a>>,
    imports: Vec<Import<'a>>,
    exports: Vec<wasmparser::Export<'a>>,
    bodies: Vec<wasmparser::FunctionBody<'a>>,
    n_types: u32,
    n_imported: u32,
    n_functions: u32,
    n_globals: u32,
    n_data: u32,
    /// Slots of table 0.
    slots: u32,
}

/// Numbers of one of the two in the result.
#[derive(Default)]
struct Numbers {
    types: u32,
    functions: Vec<u32>,
    globals: u32,
    data: u32,
    /// Slots more in table 0.
    slots: u64,
}

impl Reencode for Numbers {
    type Error = Infallible;

    fn type_index(&mut self, ty: u32) -> Result<u32, Error> {
        Ok(ty + self.types)
    }

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        Ok(self.functions[function as usize])
    }

    fn global_index(&mut self, global: u32) -> Result<u32, Error> {
        Ok(global + self.globals)
    }

    fn data_index(&mut self, data: u32) -> Result<u32, Error> {
        Ok(data + self.data)
    }

    fn table_type(
        &mut self,
        table: wasmparser::TableType,
    ) -> Result<wasm_encoder::TableType, Error> {
        let mut table = utils::table_type(self, table)?;
        let slots = std::mem::take(&mut self.slots);
        table.minimum += slots;
        table.maximum = table.maximum.map(|maximum| maximum + slots);
        Ok(table)
    }
}

impl<'a> Module<'a> {
    pub(crate) fn read(wasm: &'a [u8]) -> Result<Self> {
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            module.take(payload?)?;
        }
        module.n_functions += module.n_imported;
        Ok(module)
    }

    fn take(&mut self, payload: Payload<'a>) -> Result<()> {
        match &payload {
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    self.n_types += u32::try_from(group?.types().len())?;
                }
            }
            Payload::ImportSection(section) => {
                self.imports = section.clone().into_imports().collect::<Result<_, _>>()?;
                let is_function = |import: &&Import<'_>| matches!(import.ty, TypeRef::Func(_));
                self.n_imported = u32::try_from(self.imports.iter().filter(is_function).count())?;
                let is_other = |import: &Import<'_>| {
                    matches!(import.ty, TypeRef::Global(_) | TypeRef::Table(_))
                };
                ensure!(!self.imports.iter().any(is_other), "imported globals and tables");
            }
            Payload::FunctionSection(section) => self.n_functions = section.count(),
            Payload::TableSection(section) => {
                if let Some(table) = section.clone().into_iter().next() {
                    self.slots = u32::try_from(table?.ty.initial)?;
                }
            }
            Payload::GlobalSection(section) => self.n_globals = section.count(),
            Payload::ExportSection(section) => {
                self.exports = section.clone().into_iter().collect::<Result<_, _>>()?;
            }
            Payload::DataSection(section) => self.n_data = section.count(),
            Payload::CodeSectionEntry(body) => {
                self.bodies.push(body.clone());
                return Ok(());
            }
            _ => {}
        }
        self.sections.push(payload);
        Ok(())
    }

    /// The number of a function that it exports.
    fn exported(&self, name: &str) -> Result<u32> {
        let is_it = |export: &&wasmparser::Export<'_>| {
            export.name == name && export.kind == ExternalKind::Func
        };
        let found = self.exports.iter().find(is_it);
        Ok(found.with_context(|| format!("the module exports no function {name}"))?.index)
    }

    pub(crate) fn link(mut self, adapter: &Adapter<'_>) -> Result<Vec<u8>> {
        let (of_module, of_adapter) = self.numbers(adapter)?;
        let sections = std::mem::take(&mut self.sections);
        let passive = adapter.data.clone();
        Linker { module: &self, adapter, of_module, of_adapter, passive }.link(sections)
    }

    /// The numbers of both in the result.
    fn numbers(&self, adapter: &Adapter<'_>) -> Result<(Numbers, Numbers)> {
        let n_adapted = u32::try_from(adapter.functions.len())?;
        let outside =
            adapter.functions.iter().filter(|f| matches!(f, Function::Outside(..))).count();
        let defined = |import: &Import<'_>| -> Option<u32> {
            adapter.exported(&format!("{}.{}", import.module, import.name)).ok()
        };
        let functions = self.imports.iter().filter(|import| matches!(import.ty, TypeRef::Func(_)));
        let resolved: Vec<Option<u32>> = functions.map(defined).collect();
        let kept = resolved.iter().filter(|resolved| resolved.is_none()).count();
        let first = u32::try_from(kept + outside)?;
        let n_defined = self.n_functions - self.n_imported;
        // The adapter's own are the last.
        let own = |function: u32| -> Result<u32> {
            let own = function.checked_sub(n_adapted).context("the adapter exports an import")?;
            Ok(first + n_defined + own)
        };
        let (mut next, mut numbers) = (0, Vec::new());
        for resolved in resolved {
            numbers.push(match resolved {
                Some(function) => own(function)?,
                None => {
                    next += 1;
                    next - 1
                }
            });
        }
        numbers.extend(first..first + n_defined);
        let mut adapted = Vec::new();
        for function in &adapter.functions {
            adapted.push(match function {
                Function::Module(name) => numbers[self.exported(name)? as usize],
                Function::Outside(..) => {
                    next += 1;
                    next - 1
                }
            });
        }
        let last = first + n_defined;
        adapted.extend(last..last + u32::try_from(adapter.defined.len())?);
        let slots = adapter.indices.len() as u64;
        let of_module = Numbers { functions: numbers, slots, ..Numbers::default() };
        let of_adapter = Numbers {
            types: self.n_types,
            functions: adapted,
            globals: self.n_globals,
            data: self.n_data,
            slots: 0,
        };
        Ok((of_module, of_adapter))
    }
}

struct Linker<'m, 'a> {
    module: &'m Module<'a>,
    adapter: &'m Adapter<'a>,
    of_module: Numbers,
    of_adapter: Numbers,
    /// The adapter's data, until they are written.
    passive: Option<wasmparser::DataSectionReader<'a>>,
}

impl Linker<'_, '_> {
    /// Writes every section of the module with what the adapter adds to it; those that it lacks must not be needed.
    fn link(mut self, sections: Vec<Payload<'_>>) -> Result<Vec<u8>> {
        let mut out = wasm_encoder::Module::new();
        for section in sections {
            self.section(section, &mut out)?;
        }
        ensure!(self.passive.is_none(), "a module without data cannot be given any");
        Ok(out.finish())
    }

    /// A section that says what there is.
    fn section(&mut self, section: Payload<'_>, out: &mut wasm_encoder::Module) -> Result<()> {
        match section {
            Payload::TypeSection(section) => {
                let mut types = TypeSection::new();
                self.of_module.parse_type_section(&mut types, section)?;
                for group in &self.adapter.types {
                    self.of_adapter.parse_recursive_type_group(types.ty(), group.clone())?;
                }
                out.section(&types);
            }
            Payload::ImportSection(_) => {
                out.section(&self.imports()?);
            }
            Payload::FunctionSection(section) => {
                let mut functions = FunctionSection::new();
                self.of_module.parse_function_section(&mut functions, section)?;
                for ty in &self.adapter.defined {
                    functions.function(self.of_adapter.type_index(*ty)?);
                }
                out.section(&functions);
            }
            Payload::TableSection(section) => {
                let mut tables = TableSection::new();
                self.of_module.parse_table_section(&mut tables, section)?;
                out.section(&tables);
            }
            Payload::MemorySection(section) => {
                let mut memories = MemorySection::new();
                self.of_module.parse_memory_section(&mut memories, section)?;
                out.section(&memories);
            }
            Payload::TagSection(section) => {
                let mut tags = TagSection::new();
                self.of_module.parse_tag_section(&mut tags, section)?;
                out.section(&tags);
            }
            Payload::GlobalSection(section) => {
                let mut globals = GlobalSection::new();
                self.of_module.parse_global_section(&mut globals, section)?;
                self.add_globals(&mut globals)?;
                out.section(&globals);
            }
            other => self.contents(other, out)?,
        }
        Ok(())
    }

    /// A section that says what is in it, or what it is called.
    fn contents(&mut self, section: Payload<'_>, out: &mut wasm_encoder::Module) -> Result<()> {
        match section {
            Payload::ExportSection(section) => {
                let mut exports = ExportSection::new();
                self.of_module.parse_export_section(&mut exports, section)?;
                self.add_exports(&mut exports)?;
                out.section(&exports);
            }
            Payload::ElementSection(section) => {
                let mut elements = ElementSection::new();
                self.of_module.parse_element_section(&mut elements, section)?;
                self.add_elements(&mut elements)?;
                out.section(&elements);
            }
            Payload::CodeSectionStart { .. } => {
                let passive = self.passive.as_ref().map_or(0, |data| data.count());
                out.section(&DataCountSection { count: self.module.n_data + passive });
                out.section(&self.code()?);
            }
            Payload::DataSection(section) => {
                let mut data = DataSection::new();
                self.of_module.parse_data_section(&mut data, section)?;
                if let Some(section) = self.passive.take() {
                    self.of_adapter.parse_data_section(&mut data, section)?;
                }
                out.section(&data);
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(names) = section.as_known() {
                    out.section(&self.of_module.custom_name_section(names)?);
                }
            }
            // A count of data comes before the code, above.
            Payload::Version { .. } | Payload::End(_) | Payload::DataCountSection { .. } => {}
            other => bail!("the module has a section that cannot be kept: {other:?}"),
        }
        Ok(())
    }

    fn imports(&mut self) -> Result<ImportSection> {
        let mut imports = ImportSection::new();
        for import in &self.module.imports {
            let name = format!("{}.{}", import.module, import.name);
            let is_function = matches!(import.ty, TypeRef::Func(_));
            if !is_function || self.adapter.exported(&name).is_err() {
                let ty = self.of_module.entity_type(import.ty)?;
                imports.import(import.module, import.name, ty);
            }
        }
        for function in &self.adapter.functions {
            if let Function::Outside(module, name, ty) = function {
                let ty = EntityType::Function(self.of_adapter.type_index(*ty)?);
                imports.import(module, name, ty);
            }
        }
        Ok(imports)
    }

    fn add_globals(&mut self, globals: &mut GlobalSection) -> Result<()> {
        let ty = GlobalType { val_type: ValType::I32, mutable: false, shared: false };
        for slot in 0..u32::try_from(self.adapter.indices.len())? {
            globals.global(ty, &ConstExpr::i32_const((self.module.slots + slot).cast_signed()));
        }
        for global in &self.adapter.globals {
            self.of_adapter.parse_global(globals, global.clone())?;
        }
        Ok(())
    }

    fn add_exports(&mut self, exports: &mut ExportSection) -> Result<()> {
        let taken = |name: &str| self.module.exports.iter().any(|export| export.name == name);
        for export in &self.adapter.exports {
            let defines =
                |import: &Import<'_>| export.name == format!("{}.{}", import.module, import.name);
            if self.module.imports.iter().any(defines) {
                continue;
            }
            ensure!(export.kind == ExternalKind::Func, "{} is no function", export.name);
            ensure!(!taken(export.name), "both export {}", export.name);
            let index = self.of_adapter.function_index(export.index)?;
            exports.export(export.name, ExportKind::Func, index);
        }
        if !self.adapter.indices.is_empty() && !taken(TABLE) {
            exports.export(TABLE, ExportKind::Table, 0);
        }
        Ok(())
    }

    fn add_elements(&mut self, elements: &mut ElementSection) -> Result<()> {
        let mut functions = Vec::new();
        for name in &self.adapter.indices {
            functions.push(self.of_adapter.function_index(self.adapter.exported(name)?)?);
        }
        if !functions.is_empty() {
            let at = ConstExpr::i32_const(self.module.slots.cast_signed());
            elements.active(None, &at, Elements::Functions(functions.into()));
        }
        Ok(())
    }

    fn code(&mut self) -> Result<CodeSection> {
        let mut code = CodeSection::new();
        for body in &self.module.bodies {
            self.of_module.parse_function_body(&mut code, body.clone())?;
        }
        for body in &self.adapter.bodies {
            self.of_adapter.parse_function_body(&mut code, body.clone())?;
        }
        Ok(code)
    }
}
