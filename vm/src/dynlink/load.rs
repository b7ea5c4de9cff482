//! Steps 2 to 4 of the protocol: room, imports, instances, addresses, constructors.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use faasm_abi::dylink::WEAK;
use faasm_abi::module::{Import, ImportKind};
use faasm_abi::types::{GlobalType, ValType};

use super::group::{Group, Member, Need};
use super::scope::{Definition, Scope};
use super::{Binding, DynlinkError, Library, Program, append, late, symbol_name};
use crate::externs::{Extern, Global, Memory, Table, put_global};
use crate::func::Func;
use crate::instance::Instance;
use crate::instantiate::{self, Linked, Origin, Resolved};
use crate::linker::{self, Linker};
use crate::place;
use crate::store::contents::{GlobalRecord, LibraryRecord};
use crate::store::core::StoreCore;
use crate::store::creation::Creation;
use crate::store::{AsStore, StoreError};

/// The module name of imports of a program's or library's.
const ENV: &str = "env";
/// The module name of cells with addresses of data.
const GOT_DATA: &str = "GOT.mem";
/// The module name of cells with table indices of functions.
const GOT_FUNCTIONS: &str = "GOT.func";
/// The export that applies data relocations.
const RELOCATE: &str = "__wasm_apply_data_relocs";
/// The exports that run constructors; the first that there is.
const CONSTRUCT: [&str; 2] = ["_initialize", "__wasm_call_ctors"];

const WORD: GlobalType = GlobalType { value: ValType::I32, mutable: false };
const CELL: GlobalType = GlobalType { value: ValType::I32, mutable: true };

/// See the file's page.
pub(super) struct Loader<'a, S: AsStore> {
    store: &'a mut S,
    linker: &'a Linker<S::Data>,
    program: Program,
    binding: Binding,
    scope: Scope<'a>,
    /// Cells that wait for their addresses.
    cells: Vec<Cell<'a>>,
    /// Where memory that has grown is not used yet.
    rest: std::ops::Range<u64>,
    /// The table index of each function that has one, once it is needed.
    slots: Option<HashMap<u32, u32>>,
}

/// A global that gets an address.
struct Cell<'a> {
    library: &'a str,
    global: GlobalRecord,
    import: &'a Import,
    weak: bool,
}

/// Where a library's data and elements begin.
#[derive(Clone, Copy)]
struct Bases {
    memory: u32,
    table: u32,
}

impl<'a, S: AsStore> Loader<'a, S> {
    pub(super) fn new(
        store: &'a mut S,
        linker: &'a Linker<S::Data>,
        program: Program,
        binding: Binding,
        scope: Scope<'a>,
    ) -> Self {
        let (cells, rest, slots) = (Vec::new(), 0..0, None);
        Self { store, linker, program, binding, scope, cells, rest, slots }
    }

    pub(super) fn load(mut self, group: &Group<'a>) -> Result<Library, DynlinkError> {
        let mut placed = vec![(0, 0); group.members.len()];
        for &at in &group.order {
            let member = &group.members[at];
            let bases = self.reserve(member)?;
            let instance = self.instantiate(member, bases)?;
            self.scope.group[at].placed(instance, bases.memory);
            placed[at] = (instance, bases.memory);
        }
        self.fill_cells()?;
        for &at in &group.order {
            self.check_calls(&group.members[at], placed[at].0)?;
        }
        for &at in &group.order {
            self.call(placed[at].0, &[RELOCATE])?;
        }
        let root = self.record(group, &placed)?;
        for &at in &group.order {
            self.call(placed[at].0, &CONSTRUCT)?;
        }
        Ok(root)
    }

    fn core(&mut self) -> &'a mut StoreCore {
        self.store.core_ptr().core_mut()
    }

    /// Room for a library's data and elements.
    fn reserve(&mut self, member: &Member<'_>) -> Result<Bases, DynlinkError> {
        let refuse = |what| DynlinkError::Limit { library: member.name.to_owned(), what };
        let dylink = member.dylink;
        let memory = self.reserve_memory(dylink.memory_size, dylink.memory_align_log2);
        let memory = memory.ok_or_else(|| refuse("more memory than there is"))?;
        let table = self.reserve_table(dylink.table_size, dylink.table_align_log2);
        let table = table.ok_or_else(|| {
            refuse("more elements of the table than it can have (link the program with -Wl,--growable-table)")
        })?;
        Ok(Bases { memory, table })
    }

    fn reserve_memory(&mut self, size: u32, align_log2: u32) -> Option<u32> {
        const PAGE: u64 = 1 << 16;
        let (program, core) = (self.program, self.core());
        let len = core.memory_len(&core.contents.memories[program.memory as usize]);
        // What others have taken meanwhile lies between.
        let free = if self.rest.end == len { self.rest.start } else { len };
        let start = free.checked_next_multiple_of(1 << align_log2)?;
        let end = start.checked_add(size.into())?;
        let pages = end.saturating_sub(len).div_ceil(PAGE);
        if size == 0 {
            return Some(u32::try_from(start).unwrap_or(0));
        }
        if pages > 0 {
            core.grow_memory(program.memory, pages).ok()?;
        }
        self.rest = end..len + pages * PAGE;
        u32::try_from(start).ok()
    }

    fn reserve_table(&mut self, size: u32, align_log2: u32) -> Option<u32> {
        let (program, core) = (self.program, self.core());
        let len = core.table_len(&core.contents.tables[program.table as usize]);
        let start = len.checked_next_multiple_of(1 << align_log2)?;
        if size == 0 {
            return Some(u32::try_from(start).unwrap_or(0));
        }
        let end = start.checked_add(size.into())?;
        core.grow_table(program.table, 0, end - len).ok()?;
        u32::try_from(start).ok()
    }

    fn instantiate(&mut self, member: &Member<'a>, bases: Bases) -> Result<u32, DynlinkError> {
        let room = |source| DynlinkError::Store { library: member.name.to_owned(), source };
        let info = member.module.info();
        let contents = self.core().contents_mut().map_err(room)?;
        let types = contents.types.intern_module(info);
        place::put_supertypes(self.core()).map_err(room)?;
        let weak = member.dylink.imports.iter().filter(|symbol| symbol.flags & WEAK != 0);
        let weak: HashSet<_> = weak.map(|symbol| (&*symbol.module, &*symbol.name)).collect();
        let mut imports = Vec::with_capacity(info.imports.len());
        for import in &info.imports {
            // A cell's symbol may be under the cell's module name, or under the symbol's own.
            let names = match &*import.module {
                GOT_DATA | GOT_FUNCTIONS => [&*import.module, ENV],
                module => [module, module],
            };
            let weak = names.iter().any(|module| weak.contains(&(*module, &*import.name)));
            let link = Link { member: member.name, types: &types, weak, import };
            imports.push(self.resolve(&link, bases)?);
        }
        let linked = Linked { module: member.module, imports, types, origin: Origin::Module };
        let index = instantiate::build(self.core(), linked).map_err(room)?;
        // New code means nothing that was known of the table.
        self.slots = None;
        let segment = |_| DynlinkError::Segment { library: member.name.to_owned() };
        instantiate::fill(self.core(), index).map_err(segment)?;
        instantiate::run_start(self.store.core_ptr(), index)?;
        Ok(index)
    }

    /// What an import is.
    fn resolve(&mut self, link: &Link<'a, '_>, bases: Bases) -> Result<Resolved, DynlinkError> {
        let import = link.import;
        let store = self.core().id;
        let program = self.program;
        match (&*import.module, &*import.name, import.kind) {
            (ENV, "memory", ImportKind::Memory(_)) => {
                self.fit(link, &Extern::Memory(Memory { store, index: program.memory }))
            }
            (ENV, "__indirect_function_table", ImportKind::Table(_)) => {
                self.fit(link, &Extern::Table(Table { store, index: program.table }))
            }
            (ENV, "__memory_base", ImportKind::Global(_)) => self.word(link, bases.memory),
            (ENV, "__table_base", ImportKind::Global(_)) => self.word(link, bases.table),
            (GOT_DATA | GOT_FUNCTIONS, _, ImportKind::Global(ty)) if ty == CELL => self.cell(link),
            (ENV, ..) => self.in_scope(link),
            _ => self.of_host(link),
        }
    }

    /// A global of the library's own with a value that stays.
    fn word(&mut self, link: &Link<'_, '_>, value: u32) -> Result<Resolved, DynlinkError> {
        let core = self.core();
        let index = place::own_global(core, WORD, value.into()).map_err(|e| link.room(e))?;
        let store = core.id;
        self.fit(link, &Extern::Global(Global { store, index }))
    }

    /// A cell that gets its address when all libraries are there.
    fn cell(&mut self, link: &Link<'a, '_>) -> Result<Resolved, DynlinkError> {
        let core = self.core();
        let index = place::own_global(core, CELL, 0).map_err(|error| link.room(error))?;
        let global = core.contents.globals[index as usize].clone();
        let &Link { member: library, import, weak, .. } = link;
        self.cells.push(Cell { library, global, import, weak });
        Ok(Resolved::Global(index))
    }

    /// What a name means to the libraries that are loaded.
    fn in_scope(&mut self, link: &Link<'a, '_>) -> Result<Resolved, DynlinkError> {
        let core = self.core();
        match self.scope.get(core, &link.import.name) {
            Some(Definition::Func(index)) => {
                self.fit(link, &Extern::Func(Func { store: core.id, index }))
            }
            Some(Definition::Item(item)) => self.fit(link, &item),
            Some(Definition::Later) => self.late(link),
            // The address of data is none of the things that `env` has; an own global of that type may be one.
            Some(Definition::Address(_) | Definition::ThreadLocal) => Err(link.wrong_type()),
            None => match link.import.kind {
                ImportKind::Function(_) => self.of_host(link),
                ImportKind::Tag(ty) => self.tag(link, ty),
                _ => Err(link.undefined()),
            },
        }
    }

    /// A function of the host's, or one that is looked for when it is called.
    fn of_host(&mut self, link: &Link<'a, '_>) -> Result<Resolved, DynlinkError> {
        let core = self.core();
        let known = &mut core.contents_mut().map_err(|error| link.room(error))?.types;
        match self.linker.host_function(known, link.types, link.import) {
            Ok(host) => Ok(Resolved::Host(host)),
            Err(missing) if missing.incompatible => Err(link.wrong_type()),
            Err(_) if link.weak || self.binding.lazy => self.late(link),
            Err(_) => Err(link.undefined()),
        }
    }

    fn late(&mut self, link: &Link<'_, '_>) -> Result<Resolved, DynlinkError> {
        let ImportKind::Function(ty) = link.import.kind else { return Err(link.undefined()) };
        let types = &self.core().contents.types;
        let ty = types.func(link.types[ty as usize]);
        let function = late::<S::Data>(ty, &link.import.name);
        function.map(|host| Resolved::Late(Arc::new(host))).ok_or_else(|| link.undefined())
    }

    /// The tag that other libraries have under this name, or a new one.
    fn tag(&mut self, link: &Link<'_, '_>, ty: u32) -> Result<Resolved, DynlinkError> {
        let core = self.core();
        let number = link.types[ty as usize];
        let contents = &core.contents;
        let others = contents.libraries.iter().map(|library| library.instance);
        let in_group = self.scope.group.iter().filter_map(|symbols| symbols.instance());
        let known = others.chain(in_group).find_map(|instance| {
            let record = contents.instances.get(instance as usize)?;
            let imports = &record.module.info().imports;
            let tags = imports.iter().filter(|import| matches!(import.kind, ImportKind::Tag(_)));
            let same = |(import, tag): (&Import, &u32)| {
                (import.module == ENV && import.name == link.import.name).then_some(*tag)
            };
            tags.zip(&record.tags).find_map(same)
        });
        match known {
            Some(tag) if contents.tags[tag as usize].ty == number => Ok(Resolved::Tag(tag)),
            Some(_) => Err(link.wrong_type()),
            None => place::put_tag(core, number).map(Resolved::Tag).map_err(|e| link.room(e)),
        }
    }

    /// An item of the store's, if it has the type that is asked for.
    fn fit(&mut self, link: &Link<'_, '_>, item: &Extern) -> Result<Resolved, DynlinkError> {
        linker::resolve_item(self.core(), link.types, link.import.kind, item)
            .ok_or_else(|| link.wrong_type())
    }

    fn fill_cells(&mut self) -> Result<(), DynlinkError> {
        for cell in std::mem::take(&mut self.cells) {
            let address = self.address(&cell)?;
            put_global(self.core(), &cell.global, address.into());
        }
        Ok(())
    }

    fn address(&mut self, cell: &Cell<'_>) -> Result<u32, DynlinkError> {
        let Import { module, name, .. } = cell.import;
        let (library, symbol) = (cell.library.to_owned(), symbol_name(module, name));
        let core = self.core();
        let found = self.scope.get(core, name);
        match (&**module, found) {
            (GOT_DATA, Some(Definition::Address(address))) => Ok(address),
            (GOT_FUNCTIONS, Some(Definition::Func(function))) => self.slot(function),
            (_, None) if cell.weak => Ok(0),
            (_, None) => Err(DynlinkError::Undefined { library, symbol }),
            (_, Some(Definition::ThreadLocal)) => Err(DynlinkError::ThreadLocal { symbol }),
            (_, Some(_)) => Err(DynlinkError::Type { library, symbol }),
        }
    }

    /// The index of a function in the table; see [`super::slot_of`], which looks through the table for each.
    fn slot(&mut self, function: u32) -> Result<u32, DynlinkError> {
        let (program, core) = (self.program, self.core());
        let table = core.contents.tables[program.table as usize].clone();
        let slots = self.slots.get_or_insert_with(|| {
            let len = u32::try_from(core.table_len(&table)).unwrap_or(u32::MAX);
            // Of several the first.
            (0..len).rev().map(|at| (core.element(&table, at.into()), at)).collect()
        });
        if let Some(&at) = slots.get(&function) {
            return Ok(at);
        }
        let at = append(core, program, &table, function)?;
        slots.insert(function, at);
        Ok(at)
    }

    /// Step 4, but for the constructors; the root.
    fn record(
        &mut self,
        group: &Group<'_>,
        placed: &[(u32, u32)],
    ) -> Result<Library, DynlinkError> {
        let global = self.binding.global;
        let contents = self.core().contents_mut();
        let root = group.members[0].name.to_owned();
        let contents = contents.map_err(|source| DynlinkError::Store { library: root, source })?;
        let first = contents.libraries.len();
        let number = |at: usize| place::number(first + at);
        for (member, &(instance, memory_base)) in group.members.iter().zip(placed) {
            let needed = member.needs.iter().map(|need| match *need {
                Need::Loaded(library) => library,
                Need::Member(at) => number(at),
            });
            let needed = needed.collect();
            let name = member.name.to_owned();
            let record = LibraryRecord { name, instance, memory_base, global, needed };
            contents.libraries.push(record.clone());
            contents.creations.push(Creation::Library(record));
        }
        if global {
            for &library in &group.loaded {
                super::promote(self.core(), library)?;
            }
        }
        Ok(Library(number(0)))
    }

    /// What is called of a library takes and returns nothing.
    fn check_calls(&mut self, member: &Member<'_>, instance: u32) -> Result<(), DynlinkError> {
        let instance = Instance { store: self.core().id, index: instance };
        for name in [RELOCATE].iter().chain(&CONSTRUCT) {
            let func = instance.func(self.store, name);
            let ty = func.as_ref().map(|func| func.ty(self.store));
            if ty.is_some_and(|ty| !ty.params.is_empty() || !ty.results.is_empty()) {
                let (library, symbol) = (member.name.to_owned(), (*name).to_owned());
                return Err(DynlinkError::Export { library, symbol });
            }
        }
        Ok(())
    }

    /// Calls the first of these exports that an instance has.
    fn call(&mut self, instance: u32, names: &[&str]) -> Result<(), DynlinkError> {
        let instance = Instance { store: self.core().id, index: instance };
        let found = names.iter().find_map(|name| instance.func(self.store, name));
        if let Some(func) = found {
            func.call(self.store, &[])?;
        }
        Ok(())
    }
}

/// An import that is being resolved.
struct Link<'a, 'b> {
    member: &'a str,
    types: &'b [u32],
    weak: bool,
    import: &'a Import,
}

impl Link<'_, '_> {
    fn symbol(&self) -> String {
        symbol_name(&self.import.module, &self.import.name)
    }

    fn undefined(&self) -> DynlinkError {
        DynlinkError::Undefined { library: self.member.to_owned(), symbol: self.symbol() }
    }

    fn wrong_type(&self) -> DynlinkError {
        DynlinkError::Type { library: self.member.to_owned(), symbol: self.symbol() }
    }

    fn room(&self, source: StoreError) -> DynlinkError {
        DynlinkError::Store { library: self.member.to_owned(), source }
    }
}
