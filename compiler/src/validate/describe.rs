//! From a module's sections to its description.

use faasm_abi::module::{
    ConstExpr, ConstOp, ElementItems, ElementSegment, Export, ExportItem, Import, ImportKind,
    ModuleInfo, SegmentMode,
};
use faasm_abi::tables::{self as table, SegmentPlace, SegmentRow};
use wasmparser::{
    Data, DataKind, Element, ElementKind, ExternalKind, Global, KnownCustom, Name,
    NameSectionReader, Payload, Table, TableInit, TypeRef,
};

use super::features::refuse;
use super::{convert, dylink, hints};
use crate::error::ValidateError;

/// A module's description while its sections are read, and the bytes of its data segments.
#[derive(Default)]
pub(super) struct Description<'a> {
    info: ModuleInfo,
    names: Vec<(u32, &'a str)>,
    segments: Vec<SegmentRow>,
    data: Vec<&'a [u8]>,
    data_bytes: u32,
    hints: hints::Section,
}

/// What the sections say.
pub(super) struct Described<'a> {
    /// The description without what depends on function bodies.
    pub(super) info: ModuleInfo,
    /// Functions' indices and names, ascending.
    pub(super) names: Vec<(u32, &'a str)>,
    /// The data segments.
    pub(super) segments: Vec<SegmentRow>,
    /// Their bytes.
    pub(super) data: Vec<&'a [u8]>,
    /// The branch hints.
    pub(super) hints: hints::Section,
}

type Done = Result<(), ValidateError>;

impl<'a> Description<'a> {
    /// Adds a section, which is valid.
    pub(super) fn add(&mut self, payload: &Payload<'a>) -> Done {
        match payload {
            Payload::TypeSection(types) => each(types.clone(), |group| self.rec_group(&group)),
            Payload::ImportSection(imports) => {
                each(imports.clone().into_imports(), |import| self.import(&import))
            }
            Payload::FunctionSection(functions) => each(functions.clone(), |ty| {
                self.info.functions.push(ty);
                Ok(())
            }),
            Payload::TableSection(tables) => each(tables.clone(), |table| self.table(&table)),
            Payload::MemorySection(memories) => each(memories.clone(), |ty| {
                self.info.memories.push(convert::memory_type(&ty)?);
                Ok(())
            }),
            Payload::TagSection(tags) => each(tags.clone(), |tag| {
                self.info.tags.push(tag.func_type_idx);
                Ok(())
            }),
            Payload::GlobalSection(globals) => each(globals.clone(), |global| self.global(&global)),
            Payload::ExportSection(exports) => each(exports.clone(), |export| self.export(&export)),
            Payload::StartSection { func, .. } => {
                self.info.start = Some(*func);
                Ok(())
            }
            Payload::ElementSection(elements) => {
                each(elements.clone(), |element| self.element(element))
            }
            Payload::DataSection(data) => each(data.clone(), |segment| self.segment(&segment)),
            Payload::CustomSection(custom) => {
                // What is malformed here is no reason to refuse a module (specification, appendix 7.4).
                match custom.as_known() {
                    KnownCustom::Name(names) => drop(self.names(names)),
                    KnownCustom::BranchHints(section) => self.hints = hints::Section::read(section),
                    KnownCustom::Dylink0(section) => self.info.dylink = dylink::read(section),
                    _ => {}
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn finish(self) -> Described<'a> {
        let Self { mut info, mut names, segments, data, data_bytes: _, hints } = self;
        names.retain(|(index, _)| (*index as usize) < info.functions.len());
        info.escaping = escaping(&info);
        Described { info, names, segments, data, hints }
    }

    fn rec_group(&mut self, group: &wasmparser::RecGroup) -> Done {
        let before = self.info.types.len();
        for ty in group.types() {
            self.info.types.push(convert::sub_type(ty)?);
        }
        let count = self.info.types.len() - before;
        // wasmparser limits the number of types.
        self.info.rec_groups.push(u32::try_from(count).unwrap_or(u32::MAX));
        Ok(())
    }

    fn import(&mut self, import: &wasmparser::Import<'a>) -> Done {
        let counts = &mut self.info.imported;
        let kind = match &import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                counts.functions += 1;
                self.info.functions.push(*ty);
                ImportKind::Function(*ty)
            }
            TypeRef::Table(ty) => {
                counts.tables += 1;
                self.info.tables.push(convert::table_type(ty)?);
                ImportKind::Table(convert::table_type(ty)?)
            }
            TypeRef::Memory(ty) => {
                counts.memories += 1;
                self.info.memories.push(convert::memory_type(ty)?);
                ImportKind::Memory(convert::memory_type(ty)?)
            }
            TypeRef::Global(ty) => {
                counts.globals += 1;
                self.info.globals.push(convert::global_type(ty)?);
                ImportKind::Global(convert::global_type(ty)?)
            }
            TypeRef::Tag(ty) => {
                counts.tags += 1;
                self.info.tags.push(ty.func_type_idx);
                ImportKind::Tag(ty.func_type_idx)
            }
        };
        let (module, name) = (import.module.to_owned(), import.name.to_owned());
        self.info.imports.push(Import { module, name, kind });
        Ok(())
    }

    fn table(&mut self, table: &Table<'a>) -> Done {
        self.info.tables.push(convert::table_type(&table.ty)?);
        self.info.table_inits.push(match &table.init {
            TableInit::RefNull => None,
            TableInit::Expr(expr) => Some(convert::const_expr(expr)?),
        });
        Ok(())
    }

    fn global(&mut self, global: &Global<'a>) -> Done {
        self.info.globals.push(convert::global_type(&global.ty)?);
        self.info.global_inits.push(convert::const_expr(&global.init_expr)?);
        Ok(())
    }

    fn export(&mut self, export: &wasmparser::Export<'a>) -> Done {
        let item = match export.kind {
            ExternalKind::Func | ExternalKind::FuncExact => ExportItem::Function(export.index),
            ExternalKind::Table => ExportItem::Table(export.index),
            ExternalKind::Memory => ExportItem::Memory(export.index),
            ExternalKind::Global => ExportItem::Global(export.index),
            ExternalKind::Tag => ExportItem::Tag(export.index),
        };
        self.info.exports.push(Export { name: export.name.to_owned(), item });
        Ok(())
    }

    fn element(&mut self, element: Element<'a>) -> Done {
        let mode = match &element.kind {
            ElementKind::Passive => SegmentMode::Passive,
            ElementKind::Declared => SegmentMode::Declared,
            ElementKind::Active { table_index, offset_expr } => SegmentMode::Active {
                index: table_index.unwrap_or(0),
                offset: convert::const_expr(offset_expr)?,
            },
        };
        let (ty, items) = match element.items {
            wasmparser::ElementItems::Functions(functions) => {
                let functions: Result<_, _> = functions.into_iter().collect();
                let functions = ElementItems::Functions(functions.map_err(refuse)?);
                (faasm_abi::types::RefType::FUNCREF, functions)
            }
            wasmparser::ElementItems::Expressions(ty, expressions) => {
                let mut items = Vec::new();
                for expression in expressions {
                    items.push(convert::const_expr(&expression.map_err(refuse)?)?);
                }
                (convert::ref_type(ty)?, ElementItems::Expressions(items))
            }
        };
        self.info.elements.push(ElementSegment { mode, element: ty, items });
        Ok(())
    }

    fn segment(&mut self, segment: &Data<'a>) -> Done {
        let mode = match &segment.kind {
            DataKind::Passive => table::SegmentMode::Passive,
            DataKind::Active { memory_index, offset_expr } => {
                let at = self.place(convert::const_expr(offset_expr)?);
                table::SegmentMode::Active { memory: *memory_index, at }
            }
        };
        let too_large = || ValidateError::TooLarge("data");
        let length = u32::try_from(segment.data.len()).map_err(|_| too_large())?;
        let offset = self.data_bytes;
        self.data_bytes = offset.checked_add(length).ok_or_else(too_large)?;
        self.segments.push(SegmentRow { mode, offset, length });
        self.info.data_segments += 1;
        self.data.push(segment.data);
        Ok(())
    }

    /// Where an active data segment goes.
    fn place(&mut self, offset: ConstExpr) -> SegmentPlace {
        match offset.0[..] {
            [ConstOp::I32(at)] => SegmentPlace::Constant(at.cast_unsigned().into()),
            [ConstOp::I64(at)] => SegmentPlace::Constant(at.cast_unsigned()),
            _ => {
                let offsets = &mut self.info.data_offsets;
                offsets.push(offset);
                // There are fewer than bytes in the module.
                SegmentPlace::Expression(u32::try_from(offsets.len() - 1).unwrap_or(u32::MAX))
            }
        }
    }

    fn names(&mut self, names: NameSectionReader<'a>) -> wasmparser::Result<()> {
        for name in names {
            match name? {
                Name::Module { name, .. } => self.info.name = Some(name.to_owned()),
                Name::Function(functions) => {
                    let names = functions.into_iter().map(|naming| {
                        let naming = naming?;
                        Ok((naming.index, naming.name))
                    });
                    self.names = names.collect::<wasmparser::Result<_>>()?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Does `add` with each item of a section.
fn each<T>(
    items: impl IntoIterator<Item = wasmparser::Result<T>>,
    mut add: impl FnMut(T) -> Done,
) -> Done {
    items.into_iter().try_for_each(|item| add(item.map_err(refuse)?))
}

/// The functions of which a reference can be made.
fn escaping(info: &ModuleInfo) -> Vec<u32> {
    let mut functions: Vec<u32> = info.start.into_iter().collect();
    functions.extend(info.exports.iter().filter_map(|export| match export.item {
        ExportItem::Function(index) => Some(index),
        _ => None,
    }));
    let mut expressions: Vec<&ConstExpr> = info.global_inits.iter().collect();
    expressions.extend(info.table_inits.iter().flatten());
    for segment in &info.elements {
        match &segment.items {
            ElementItems::Functions(indices) => functions.extend(indices),
            ElementItems::Expressions(items) => expressions.extend(items),
        }
    }
    functions.extend(expressions.iter().flat_map(|expr| &expr.0).filter_map(|op| match op {
        ConstOp::RefFunc(index) => Some(*index),
        _ => None,
    }));
    functions.sort_unstable();
    functions.dedup();
    functions
}
