//! What is instantiated in a store: the part of it that does not change while guests run, and that all stores born
//! from one capture share.
//!
//! Everything here is counted in offsets from the slot's first byte; what changes (sizes, elements, values) is in the
//! slot itself, so that the image holds it.

use std::any::TypeId;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use faasm_abi::types::{GlobalType, MemoryType, TableType};
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::host::HostFunc;
use crate::module::Module;
use crate::store::creation::{Creation, Room};
use crate::store::plan::SlotPlan;
use crate::store::types::Types;

/// See the file's page.
#[derive(Clone)]
pub(crate) struct Contents {
    pub(crate) id: u64,
    pub(crate) engine: Engine,
    /// Of the embedder's data: what host functions expect.
    pub(crate) data_type: TypeId,
    /// Nothing may be added any more.
    pub(crate) sealed: bool,
    /// What the plan was made of.
    pub(crate) room: Room,
    /// What was put in, in order; the rest of this value follows from it.
    pub(crate) creations: Vec<Creation>,
    /// The modules of the room and of the instances, each object's once.
    pub(crate) modules: Vec<Module>,
    pub(crate) plan: SlotPlan,
    pub(crate) types: Types,
    /// By function reference; 0 is null's.
    pub(crate) funcs: Vec<FuncRecord>,
    pub(crate) instances: Vec<InstanceRecord>,
    pub(crate) memories: Vec<MemoryRecord>,
    pub(crate) tables: Vec<TableRecord>,
    pub(crate) globals: Vec<GlobalRecord>,
    pub(crate) tags: Vec<TagRecord>,
    pub(crate) libraries: Vec<LibraryRecord>,
    /// How many types have their row in the table of supertypes.
    pub(crate) n_rows: usize,
    /// Whether the planned heap is usable.
    pub(crate) gc_open: bool,
    /// Accessible ranges of the slot beside the stack, memories and tables that are not in a context.
    pub(crate) committed: Vec<Range<usize>>,
    /// What is left of the page for entries and values that belong to no instance.
    pub(crate) cells: Range<usize>,
}

/// What a function reference refers to.
#[derive(Clone)]
pub(crate) struct FuncRecord {
    /// Canonical type.
    pub(crate) ty: u32,
    /// Address of code that any compiled function can call with `context`.
    pub(crate) code: usize,
    /// Offset of that context.
    pub(crate) context: usize,
    /// Address of the entry for its type.
    pub(crate) entry: Option<usize>,
    /// The host function behind it, if it is one.
    pub(crate) host: Option<Arc<HostFunc>>,
}

/// One instance.
#[derive(Clone)]
pub(crate) struct InstanceRecord {
    pub(crate) module: Module,
    /// The context pointer.
    pub(crate) context: usize,
    /// Reference of the first escaping function.
    pub(crate) first_funcref: u32,
    /// What each imported function is.
    pub(crate) imported_functions: Vec<FuncRecord>,
    /// The store's number of each type.
    pub(crate) types: Box<[u32]>,
    /// Each memory, table, global and tag by its index in the store.
    pub(crate) memories: Vec<u32>,
    pub(crate) tables: Vec<u32>,
    pub(crate) globals: Vec<u32>,
    pub(crate) tags: Vec<u32>,
    /// For each element segment whose elements were made once, the table of the store that keeps them.
    pub(crate) element_values: Vec<Option<u32>>,
}

/// One memory.
#[derive(Clone, Debug)]
pub(crate) struct MemoryRecord {
    pub(crate) ty: MemoryType,
    /// Its first byte.
    pub(crate) base: usize,
    /// The most bytes that it can have.
    pub(crate) reserved: usize,
    /// Its owner's entry (base and length); of a shared memory, its head.
    pub(crate) definition: usize,
}

/// One table.
#[derive(Clone, Debug)]
pub(crate) struct TableRecord {
    pub(crate) ty: TableType,
    /// Element 0.
    pub(crate) base: usize,
    /// The most elements that it can have.
    pub(crate) capacity: u64,
    /// Its owner's entry (base and length).
    pub(crate) definition: usize,
    /// Whether the elements are in a context: accessible from the start, all of them.
    pub(crate) inline: bool,
}

/// One global.
#[derive(Clone, Debug)]
pub(crate) struct GlobalRecord {
    pub(crate) ty: GlobalType,
    /// Its value.
    pub(crate) value: usize,
}

/// One tag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TagRecord {
    /// Its function type, whose parameters are what an exception carries.
    pub(crate) ty: u32,
}

/// One library that was loaded by the store's program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LibraryRecord {
    /// As it was found.
    pub(crate) name: String,
    /// Its index among the instances.
    pub(crate) instance: u32,
    /// Where its data begin in memory 0.
    pub(crate) memory_base: u32,
    /// Whether its symbols are everybody's.
    pub(crate) global: bool,
    /// The libraries that it needs, by their positions.
    pub(crate) needed: Vec<u32>,
}

impl Contents {
    /// Nothing but room.
    pub(crate) fn new(
        engine: &Engine,
        (room, plan): (Room, SlotPlan),
        modules: Vec<Module>,
        data_type: TypeId,
    ) -> Self {
        let null = FuncRecord {
            ty: faasm_abi::layout::funcref::NO_TYPE,
            code: 0,
            context: 0,
            entry: None,
            host: None,
        };
        Self {
            id: engine.next_store(),
            engine: engine.clone(),
            data_type,
            sealed: false,
            room,
            creations: Vec::new(),
            modules,
            plan,
            types: Types::default(),
            funcs: vec![null],
            instances: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            tags: Vec::new(),
            libraries: Vec::new(),
            n_rows: 0,
            gc_open: false,
            committed: Vec::new(),
            cells: 0..0,
        }
    }

    /// What function `reference` refers to; `None` for null and for numbers that no function has.
    pub(crate) fn func(&self, reference: u32) -> Option<&FuncRecord> {
        if reference == 0 { None } else { self.funcs.get(reference as usize) }
    }

    /// The position of `module` among the store's modules, a new one if it has none yet.
    pub(crate) fn module_position(&mut self, module: &Module) -> u32 {
        let same = |known: &Module| known.digest() == module.digest();
        let position = self.modules.iter().position(same).unwrap_or_else(|| {
            self.modules.push(module.clone());
            self.modules.len() - 1
        });
        crate::place::number(position)
    }

    /// The module whose code `pc` is in.
    pub(crate) fn module_at(&self, pc: usize) -> Option<&Module> {
        self.instances
            .iter()
            .map(|instance| &instance.module)
            .find(|module| module.inner.span.contains(pc))
    }
}

impl InstanceRecord {
    /// What function `index` of this instance is, in a way that can be called; its entry may be missing.
    pub(crate) fn function(&self, contents: &Contents, index: u32) -> Option<FuncRecord> {
        let module = &self.module.inner;
        if let Some(position) = module.info.escaping_position(index) {
            return contents.func(self.first_funcref + position).cloned();
        }
        if let Some(import) = self.imported_functions.get(index as usize) {
            return Some(import.clone());
        }
        let ty = *module.info.functions.get(index as usize)?;
        Some(FuncRecord {
            ty: self.types[ty as usize],
            code: module.function_code(index)?,
            context: self.context,
            entry: module.entry(ty),
            host: None,
        })
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents")
            .field("id", &self.id)
            .field("instances", &self.instances.len())
            .finish_non_exhaustive()
    }
}
