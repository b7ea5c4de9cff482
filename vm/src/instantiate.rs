//! Instantiation (specification, section 4.5.4): from a module and its resolved imports to an instance in a store.
//!
//! # Protocol
//!
//! 1. Imports are resolved and matched before anything of the store is changed.
//! 2. The parts get their places; their pages become accessible; the context and the descriptors are written; the
//!    instance is in the store from then on, whatever happens later.
//! 3. Globals and tables get their initial values; active element segments, then active data segments are applied in
//!    order. The first that does not fit ends the instantiation, and what came before stays.
//! 4. The start function runs.

use std::sync::Arc;

use faasm_abi::layout::{
    GlobalPlace, Place, funcref, header, imported_function, imported_memory, imported_table,
    shared_memory, table,
};
use faasm_abi::module::{ElementItems, SegmentMode};
use faasm_abi::tables::{self, SegmentPlace};
use faasm_abi::trap::TrapCode;
use faasm_abi::types::{GlobalType, Limits, TableType};

use crate::builtins;
use crate::externs::put_global;
use crate::func::{self, CallError, Target};
use crate::heap;
use crate::host::HostFunc;
use crate::instance::Instance;
use crate::linker::MissingImport;
use crate::module::Module;
use crate::place::{self, number};
use crate::segments;
use crate::shared_memory::{HEAD, SharedMemory};
use crate::store::contents::{
    FuncRecord, GlobalRecord, InstanceRecord, MemoryRecord, TableRecord, TagRecord,
};
use crate::store::core::{CorePtr, StoreCore};
use crate::store::creation::{Creation, Source};
use crate::store::plan::{Places, pages, table_bytes};
use crate::store::{AsStore, Store, StoreError};
use crate::trap::Trap;

/// Why a module cannot be instantiated.
#[derive(Debug, thiserror::Error)]
pub enum InstantiateError {
    /// An import is unknown or of another type.
    #[error("{0}")]
    Import(MissingImport),
    /// No room, limits, or the store is sealed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An active segment did not fit, or the start function trapped; what came before has happened.
    #[error(transparent)]
    Trap(#[from] Trap),
}

/// What an import is.
#[derive(Clone)]
pub(crate) enum Resolved {
    Host(Arc<HostFunc>),
    /// A function that is looked for when it is called.
    Late(Arc<HostFunc>),
    Func(u32),
    Memory(u32),
    Table(u32),
    Global(u32),
    Tag(u32),
}

impl Resolved {
    fn source(&self) -> Source {
        match *self {
            Self::Host(_) => Source::Host,
            Self::Late(_) => Source::Late,
            Self::Func(reference) => Source::Func(reference),
            Self::Memory(index) => Source::Memory(index),
            Self::Table(index) => Source::Table(index),
            Self::Global(index) => Source::Global(index),
            Self::Tag(index) => Source::Tag(index),
        }
    }
}

/// A module whose imports are known to match, with the store's numbers of its types.
pub(crate) struct Linked<'a> {
    pub(crate) module: &'a Module,
    /// In the module's order.
    pub(crate) imports: Vec<Resolved>,
    pub(crate) types: Box<[u32]>,
    pub(crate) origin: Origin,
}

/// What an instance begins as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A new one.
    Module,
    /// One whose pages come later, and whose descriptors' addresses: what is in them needs no writing.
    Snapshot,
}

/// See the file's page.
pub(crate) fn instantiate<T: 'static>(
    store: &mut Store<T>,
    linked: Linked<'_>,
) -> Result<Instance, InstantiateError> {
    let core = store.core_mut();
    let index = build(core, linked)?;
    fill(core, index)?;
    run_start(store.core_ptr(), index)?;
    Ok(Instance { store: store.core().id, index })
}

/// Step 2.
pub(crate) fn build(core: &mut StoreCore, linked: Linked<'_>) -> Result<u32, StoreError> {
    let Linked { module, imports, types, origin } = linked;
    let limits = core.limits;
    let info = module.info();
    let contents = core.contents_mut()?;
    let (one, placed) = (!contents.plan.many, contents.plan.context.is_some());
    let fits = contents.funcs.len() + info.escaping.len() <= contents.plan.max_funcrefs;
    if (one && !contents.instances.is_empty()) || !fits {
        return Err(StoreError::Sealed);
    }
    let creation = Creation::Instance {
        module: contents.module_position(module),
        imports: imports.iter().map(Resolved::source).collect(),
    };
    contents.creations.push(creation);
    let places = Places::of(&mut contents.plan, info, &module.inner.layout, &limits)?;
    heap::open(core)?;
    if !placed {
        let room = pages(module.inner.layout.size.unsigned_abs() as usize);
        place::commit(core, places.context - room, room)?;
    }
    let builder = Builder { context: places.context, module, core, origin };
    builder.build(&places, imports, types)
}

/// Writes one instance's context.
struct Builder<'a> {
    core: &'a mut StoreCore,
    module: &'a Module,
    context: usize,
    origin: Origin,
}

impl Builder<'_> {
    fn build(
        mut self,
        places: &Places,
        imports: Vec<Resolved>,
        types: Box<[u32]>,
    ) -> Result<u32, StoreError> {
        let mut record = InstanceRecord {
            module: self.module.clone(),
            context: self.context,
            first_funcref: number(self.core.contents.funcs.len()),
            imported_functions: Vec::new(),
            types,
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            tags: Vec::new(),
            element_values: Vec::new(),
        };
        self.write_header(&record);
        self.write_types(&record);
        for import in imports {
            self.write_import(&mut record, import)?;
        }
        self.write_memories(&mut record, places)?;
        self.write_tables(&mut record, places)?;
        self.write_element_values(&mut record, places)?;
        self.write_globals(&mut record)?;
        self.write_tags(&mut record)?;
        // Programs with their data inside have tens of thousands of segments.
        if self.origin == Origin::Module {
            self.write_lengths();
        }
        self.write_descriptors(&record)?;
        let span = &self.module.inner.span;
        if !self.core.walls.code.iter().any(|known| Arc::ptr_eq(known, span)) {
            self.core.walls.code.push(Arc::clone(span));
        }
        let instances = &mut self.core.contents_mut()?.instances;
        instances.push(record);
        Ok(number(instances.len() - 1))
    }

    /// The place of a field of the context, which has a negative offset.
    fn at(&self, offset: i32) -> usize {
        self.context - offset.unsigned_abs() as usize
    }

    fn delta(&self, to: usize) -> i64 {
        delta(self.context, to)
    }

    fn write_header(&mut self, record: &InstanceRecord) {
        let plan = &self.core.contents.plan;
        let (stack, funcrefs) = (self.delta(plan.stack.start), self.delta(plan.funcrefs));
        let (supertypes, anchor) = (self.delta(plan.supertypes), self.delta(0));
        let gc_heap = plan.gc_heap.map_or(0, |heap| self.delta(heap));
        let index = number(self.core.contents.instances.len());
        self.core.put(self.at(header::BUILTINS), builtins::table_address() as u64);
        self.core.put(self.at(header::STACK_LIMIT), stack);
        self.core.put(self.at(header::FUNCREFS), funcrefs);
        self.core.put(self.at(header::ANCHOR), anchor);
        self.core.put(self.at(header::FIRST_FUNCREF), record.first_funcref);
        self.core.put(self.at(header::INSTANCE), index);
        self.core.put(self.at(header::GC_HEAP), gc_heap);
        self.core.put(self.at(header::SUPERTYPES), supertypes);
    }

    fn write_types(&mut self, record: &InstanceRecord) {
        let base = self.at(self.module.inner.layout.types);
        for (index, &number) in record.types.iter().enumerate() {
            self.core.put(base + index * 4, number);
        }
    }

    fn write_import(
        &mut self,
        record: &mut InstanceRecord,
        import: Resolved,
    ) -> Result<(), StoreError> {
        let layout = &self.module.inner.layout;
        match import {
            Resolved::Host(host) | Resolved::Late(host) => {
                let function = self.host_record(record, host)?;
                self.write_function(record, function);
            }
            Resolved::Func(reference) => {
                let found = self.core.contents.funcs[reference as usize].clone();
                let function = match found.host {
                    // A host function that another instance re-exports is called through an own stub.
                    Some(host) => self.host_record(record, host)?,
                    None => found,
                };
                self.write_function(record, function);
            }
            Resolved::Memory(index) => self.write_imported_memory(record, index),
            Resolved::Table(index) => {
                let found = self.core.contents.tables[index as usize].clone();
                if let Place::Imported(entry) = layout.tables[record.tables.len()] {
                    let at = self.at(entry);
                    let (base, definition) = (self.delta(found.base), self.delta(found.definition));
                    self.core.put(at + imported_table::BASE as usize, base);
                    self.core.put(at + imported_table::DEFINITION as usize, definition);
                }
                record.tables.push(index);
            }
            Resolved::Global(index) => {
                let found = self.core.contents.globals[index as usize].clone();
                if let GlobalPlace::Imported(entry) = layout.globals[record.globals.len()] {
                    let delta = self.delta(found.value);
                    self.core.put(self.at(entry), delta);
                }
                record.globals.push(index);
            }
            Resolved::Tag(index) => self.write_tag(record, index),
        }
        Ok(())
    }

    fn write_imported_memory(&mut self, record: &mut InstanceRecord, index: u32) {
        let found = self.core.contents.memories[index as usize].clone();
        let layout = &self.module.inner.layout;
        if let Place::Imported(entry) = layout.memories[record.memories.len()] {
            let at = self.at(entry);
            let (base, definition) = (self.delta(found.base), self.delta(found.definition));
            self.core.put(at + imported_memory::BASE as usize, base);
            self.core.put(at + imported_memory::DEFINITION as usize, definition);
        }
        record.memories.push(index);
    }

    /// An imported host function as something that compiled code calls: this import's stub, with this context.
    fn host_record(
        &self,
        record: &InstanceRecord,
        host: Arc<HostFunc>,
    ) -> Result<FuncRecord, StoreError> {
        let import = number(record.imported_functions.len());
        let module = &self.module.inner;
        let stub = module.host_stub(import, host.native);
        let ty = module.info.functions[import as usize];
        Ok(FuncRecord {
            ty: record.types[ty as usize],
            code: stub.ok_or(StoreError::Limit { what: "host stubs" })?,
            context: self.context,
            entry: module.entry(ty),
            host: Some(host),
        })
    }

    fn write_function(&mut self, record: &mut InstanceRecord, function: FuncRecord) {
        let entry = self.module.inner.layout.imported_functions[record.imported_functions.len()];
        let at = self.at(entry);
        let context = self.delta(function.context);
        self.core.put(at + imported_function::CODE as usize, function.code as u64);
        self.core.put(at + imported_function::CONTEXT as usize, context);
        if let Some(host) = &function.host {
            let (thunk, environment, room) = (host.thunk, host.environment(), host.room);
            self.core.put(at + imported_function::HOST as usize, thunk as u64);
            self.core.put(at + imported_function::ENVIRONMENT as usize, environment as u64);
            self.core.put(at + imported_function::ROOM as usize, u64::from(room));
        }
        record.imported_functions.push(function);
    }

    fn write_memories(
        &mut self,
        record: &mut InstanceRecord,
        places: &Places,
    ) -> Result<(), StoreError> {
        let module = &self.module.inner;
        let imported = module.info.imported.memories as usize;
        for (index, &(base, reserved)) in (imported..).zip(&places.memories) {
            let Place::Owned(entry) = module.layout.memories[index] else { continue };
            let (ty, at, delta) = (module.info.memories[index], self.at(entry), self.delta(base));
            record.memories.push(if ty.shared {
                let definition = self.delta(base - HEAD);
                self.core.put(at + shared_memory::BASE as usize, delta);
                self.core.put(at + shared_memory::DEFINITION as usize, definition);
                let memory = SharedMemory::with_room(ty, reserved)?;
                place::put_shared(self.core, memory, ty, base)?
            } else {
                let memory = MemoryRecord { ty, base, reserved, definition: at };
                place::put_memory(self.core, memory, delta)?
            });
        }
        Ok(())
    }

    fn write_tables(
        &mut self,
        record: &mut InstanceRecord,
        places: &Places,
    ) -> Result<(), StoreError> {
        let module = &self.module.inner;
        let imported = module.info.imported.tables as usize;
        for (index, &(base, capacity)) in (imported..).zip(&places.tables) {
            let Place::Owned(entry) = module.layout.tables[index] else { continue };
            let definition = self.at(entry);
            let inline = module.layout.inline_tables[index].is_some();
            let mut ty = module.info.tables[index];
            ty.element = ty.element.map_indices(|index| record.types[index as usize]);
            let table = TableRecord { ty, base, capacity, definition, inline };
            let delta = self.delta(base);
            record.tables.push(place::put_table(self.core, table, delta, 0)?);
        }
        Ok(())
    }

    /// Elements that are made once are kept in tables that no code can name.
    fn write_element_values(
        &mut self,
        record: &mut InstanceRecord,
        places: &Places,
    ) -> Result<(), StoreError> {
        for (segment, place) in self.module.info().elements.iter().zip(&places.element_values) {
            let Some(definition) = *place else {
                record.element_values.push(None);
                continue;
            };
            let len = segment.items.len() as u64;
            let (entry, elements) = (table::SIZE as usize, table_bytes(len)?);
            place::commit(self.core, definition, pages(entry + elements))?;
            let element = segment.element.map_indices(|index| record.types[index as usize]);
            let limits = Limits { min: len, max: Some(len) };
            let ty = TableType { element, limits, table64: false };
            let base = definition + entry;
            let table = TableRecord { ty, base, capacity: len, definition, inline: true };
            record.element_values.push(Some(place::put_table(self.core, table, 0, 0)?));
        }
        Ok(())
    }

    fn write_globals(&mut self, record: &mut InstanceRecord) -> Result<(), StoreError> {
        let module = &self.module.inner;
        let imported = module.info.imported.globals as usize;
        for (ty, place) in module.info.globals.iter().zip(&module.layout.globals).skip(imported) {
            let GlobalPlace::Owned(entry) = *place else { continue };
            let value = ty.value.map_indices(|index| record.types[index as usize]);
            let ty = GlobalType { value, mutable: ty.mutable };
            let global = GlobalRecord { ty, value: self.at(entry) };
            let globals = &mut self.core.contents_mut()?.globals;
            globals.push(global);
            record.globals.push(number(globals.len() - 1));
        }
        Ok(())
    }

    fn write_tags(&mut self, record: &mut InstanceRecord) -> Result<(), StoreError> {
        let info = self.module.info();
        for &ty in &info.tags[info.imported.tags as usize..] {
            let tags = &mut self.core.contents_mut()?.tags;
            tags.push(TagRecord { ty: record.types[ty as usize] });
            let index = number(tags.len() - 1);
            self.write_tag(record, index);
        }
        Ok(())
    }

    fn write_tag(&mut self, record: &mut InstanceRecord, index: u32) {
        let base = self.at(self.module.inner.layout.tags);
        self.core.put(base + record.tags.len() * 4, index);
        record.tags.push(index);
    }

    /// All segments are whole at first; active and declared ones are dropped when they were used.
    fn write_lengths(&mut self) {
        let module = &self.module.inner;
        let (data, elements) =
            (self.at(module.layout.data_lengths), self.at(module.layout.element_lengths));
        for index in 0..module.info.data_segments as usize {
            let length = module.segment(index).map_or(0, |segment| segment.length);
            self.core.put(data + index * 4, length);
        }
        for (index, segment) in module.info.elements.iter().enumerate() {
            self.core.put(elements + index * 4, number(segment.items.len()));
        }
    }

    fn write_descriptors(&mut self, record: &InstanceRecord) -> Result<(), StoreError> {
        let functions = &self.module.info().escaping;
        self.commit_descriptors(functions.len())?;
        self.core.contents_mut()?.funcs.reserve(functions.len());
        for &function in functions {
            let found = self.function(record, function)?;
            let reference = self.core.contents.funcs.len();
            let at = self.core.contents.plan.funcrefs + reference * funcref::SIZE as usize;
            let context = i32::try_from(found.context >> funcref::CONTEXT_SHIFT)
                .map_err(|_| StoreError::Limit { what: "address space" })?;
            if self.origin == Origin::Module {
                self.core.put(at + funcref::CODE as usize, found.code as u64);
                self.core.put(at + funcref::TYPE as usize, found.ty);
                self.core.put(at + funcref::CONTEXT as usize, context.cast_unsigned());
            }
            self.core.contents_mut()?.funcs.push(found);
        }
        Ok(())
    }

    /// In an arena, the pages of descriptors become accessible as they are needed.
    fn commit_descriptors(&mut self, count: usize) -> Result<(), StoreError> {
        let contents = &self.core.contents;
        if !contents.plan.many {
            return Ok(());
        }
        let end = |count: usize| pages(contents.plan.funcrefs + count * funcref::SIZE as usize);
        let (old, new) = (end(contents.funcs.len()), end(contents.funcs.len() + count));
        place::commit(self.core, old, new - old)
    }

    fn function(&self, record: &InstanceRecord, function: u32) -> Result<FuncRecord, StoreError> {
        let module = &self.module.inner;
        let ty = module.info.functions[function as usize];
        if let Some(import) = record.imported_functions.get(function as usize) {
            // The exporter may lack an entry of this type; any module's will do.
            return Ok(FuncRecord { entry: import.entry.or(module.entry(ty)), ..import.clone() });
        }
        let code = module.function_code(function);
        Ok(FuncRecord {
            ty: record.types[ty as usize],
            code: code.ok_or(StoreError::Limit { what: "functions" })?,
            context: self.context,
            entry: module.entry(ty),
            host: None,
        })
    }
}

/// Step 3.
pub(crate) fn fill(core: &mut StoreCore, instance: u32) -> Result<(), Trap> {
    let module = core.contents.instances[instance as usize].module.clone();
    let info = module.info();
    for (position, init) in info.global_inits.iter().enumerate() {
        let bits = segments::evaluate(core, instance, init)?;
        let record = &core.contents.instances[instance as usize];
        let global = record.globals[info.imported.globals as usize + position];
        let global = core.contents.globals[global as usize].clone();
        put_global(core, &global, bits);
    }
    for (position, init) in info.table_inits.iter().enumerate() {
        let Some(init) = init else { continue };
        let element = segments::reference(segments::evaluate(core, instance, init)?);
        let table = table_record(core, instance, info.imported.tables as usize + position);
        (0..core.table_len(&table)).for_each(|at| core.put_element(&table, at, element));
    }
    keep_elements(core, instance, &module)?;
    fill_tables(core, instance, &module)?;
    fill_memories(core, instance, &module)
}

/// Makes the elements that are made once.
fn keep_elements(core: &mut StoreCore, instance: u32, module: &Module) -> Result<(), Trap> {
    for (position, segment) in module.info().elements.iter().enumerate() {
        let kept = core.contents.instances[instance as usize].element_values[position];
        let (Some(kept), ElementItems::Expressions(items)) = (kept, &segment.items) else {
            continue;
        };
        let table = core.contents.tables[kept as usize].clone();
        for (at, item) in (0..).zip(items) {
            let element = segments::reference(segments::evaluate(core, instance, item)?);
            core.put_element(&table, at, element);
        }
    }
    Ok(())
}

fn table_record(core: &StoreCore, instance: u32, table: usize) -> TableRecord {
    let index = core.contents.instances[instance as usize].tables[table];
    core.contents.tables[index as usize].clone()
}

fn fill_tables(core: &mut StoreCore, instance: u32, module: &Module) -> Result<(), Trap> {
    for (position, segment) in module.info().elements.iter().enumerate() {
        if let SegmentMode::Active { index, offset } = &segment.mode {
            let table = table_record(core, instance, *index as usize);
            let to = offset_value(core, instance, offset, table.ty.table64)?;
            let range = [to, 0, segment.items.len() as u64];
            segments::init_table(core, instance, &table, position as u64, range)?;
        }
        if segment.mode != SegmentMode::Passive {
            segments::drop_elements(core, instance, position);
        }
    }
    Ok(())
}

fn fill_memories(core: &mut StoreCore, instance: u32, module: &Module) -> Result<(), Trap> {
    for position in 0..module.info().data_segments as usize {
        let Some(segment) = module.inner.segment(position) else { continue };
        if let tables::SegmentMode::Active { memory, at } = segment.mode {
            let memory = core.contents.instances[instance as usize].memories[memory as usize];
            let memory = core.contents.memories[memory as usize].clone();
            let to = match at {
                SegmentPlace::Constant(at) => at,
                SegmentPlace::Expression(index) => {
                    let offset = &module.info().data_offsets[index as usize];
                    offset_value(core, instance, offset, memory.ty.memory64)?
                }
            };
            let range = [to, 0, segment.length.into()];
            segments::init_memory(core, instance, &memory, position as u64, range)?;
            segments::drop_data(core, instance, position);
        }
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "the low bits are the value")]
fn offset_value(
    core: &mut StoreCore,
    instance: u32,
    offset: &faasm_abi::module::ConstExpr,
    wide: bool,
) -> Result<u64, TrapCode> {
    let bits = segments::evaluate(core, instance, offset)?;
    Ok(if wide { bits as u64 } else { u64::from(bits as u32) })
}

/// Step 4.
pub(crate) fn run_start(store: CorePtr, instance: u32) -> Result<(), Trap> {
    let core = store.core();
    let record = &core.contents.instances[instance as usize];
    let Some(start) = record.module.info().start else { return Ok(()) };
    let function = record.function(&core.contents, start).ok_or(CallError::NoEntry)?;
    let entry = function.entry.ok_or(CallError::NoEntry)?;
    let target = Target { entry, code: function.code, context: function.context };
    let cells = std::ptr::NonNull::<u128>::dangling().as_ptr().cast();
    // SAFETY: the target is this store's; a start function has neither parameters nor results; the caller has
    // the store mutably.
    unsafe { func::enter(store.as_ptr(), &target, cells) }
}

/// The distance from one offset to another.
fn delta(from: usize, to: usize) -> i64 {
    to.cast_signed() as i64 - from.cast_signed() as i64
}
