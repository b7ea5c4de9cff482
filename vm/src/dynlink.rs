//! Dynamic linking: libraries that a running guest loads into its own store (WebAssembly/tool-conventions, *Dynamic
//! Linking*).
//!
//! A *program* is an ordinary module with a memory and a table that can grow, both its own; it is the first instance of
//! its store. A *library* is a module with a section `dylink.0`, which imports all of that: memory 0, table 0 and the
//! stack pointer are the program's, its data and its functions get places in them.
//!
//! # Protocol
//!
//! 1. The embedder finds the modules: the library that is asked for and all that it needs, which are not loaded yet
//!    ([`missing`]). Nothing of the store has changed until then.
//! 2. Each library's data and table elements get their room behind the memory's and the table's ends, and it is
//!    instantiated, after those that it needs. A function is looked for in the program, then in the libraries whose
//!    symbols are everybody's, then in those that are loaded together, then among the host's.
//! 3. When all are there the cells of `GOT.mem` and `GOT.func` get their addresses, then each library applies its data
//!    relocations.
//! 4. The libraries are the store's from then on. Their constructors run, in the same order.
//!
//! A function of a library that comes later, in a circle of libraries, or of one that is bound lazily, is looked for when
//! it is called ([`late`]).
//!
//! # Invariants
//!
//! * Everything is in the store's history ([`crate::store::creation`]), so captures and snapshots have it.
//! * What was put into a store that was born, or captured, is that store's alone: it has contents of its own then, and
//!   its slot serves nobody else.
//! * A function has one table index, whoever asks for it, so function pointers are equal if their functions are.
//! * Libraries stay until the store goes.

mod group;
mod late;
mod load;
mod scope;

use faasm_abi::dylink::Dylink;
use faasm_abi::types::{HeapType, TableType};

use crate::externs::AccessError;
use crate::instance::Instance;
use crate::linker::Linker;
use crate::mappings::OutOfMappings;
use crate::module::Module;
use crate::store::contents::{Contents, TableRecord};
use crate::store::core::StoreCore;
use crate::store::creation::Creation;
use crate::store::{AsStore, StoreError};
use crate::trap::Trap;

use group::Group;
pub(crate) use late::late;
use load::Loader;
use scope::Definition;

/// The most libraries of a store.
const MOST: usize = 1024;
/// The most instances of a store with libraries.
const MOST_INSTANCES: usize = 2 * MOST;
/// Parts of the C library, which is the program's own: a library that needs one of them finds it there, as it does with
/// musl's linker.
const C_LIBRARY: [&str; 6] =
    ["libc.so", "libm.so", "libdl.so", "libpthread.so", "librt.so", "libutil.so"];
/// The import by which a program says that it loads libraries.
const OPENER: (&str, &str) = ("env", "dlopen");

/// A library of a store, in the order in which they were loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Library(u32);

impl Library {
    /// Its position among the store's libraries.
    #[must_use]
    pub fn index(self) -> u32 {
        self.0
    }

    /// The library with this position, if the store has so many.
    #[must_use]
    pub fn at(store: &impl AsStore, index: u32) -> Option<Self> {
        let libraries = &store.core_ptr().core().contents.libraries;
        ((index as usize) < libraries.len()).then_some(Self(index))
    }
}

/// A module that can be loaded, and under which name.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// A path, or a bare name.
    pub name: String,
    /// The module.
    pub module: Module,
}

/// How a library is loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// Its symbols are there for libraries that are loaded later.
    pub global: bool,
    /// Functions that nothing defines are looked for when they are called.
    pub lazy: bool,
}

/// Where a symbol is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// In the program, then in the libraries whose symbols are everybody's.
    Everything,
    /// In a library, then in those that it needs.
    Library(Library),
}

/// Why a library cannot be loaded, or a symbol not be had.
#[derive(Debug, thiserror::Error)]
pub enum DynlinkError {
    /// The store's first instance cannot load libraries.
    #[error("the program cannot load libraries: {what}")]
    Program {
        /// What it lacks, and what to do about it.
        what: &'static str,
    },
    /// The module is none.
    #[error(
        "{library} is not a library: it has no `dylink.0` section, or a damaged one (link it with -shared)"
    )]
    NotALibrary {
        /// Its name.
        library: String,
    },
    /// A needed library was not found.
    #[error("{library} needs {needed}, which is not there")]
    Needed {
        /// Which needs it.
        library: String,
        /// Which is needed.
        needed: String,
    },
    /// Nothing defines a symbol.
    #[error("{library} needs the symbol {symbol}, which nothing defines")]
    Undefined {
        /// Which needs it.
        library: String,
        /// With the module name, unless that is `env`.
        symbol: String,
    },
    /// What a library imports is of another type.
    #[error("{library} imports {symbol} as something else than it is")]
    Type {
        /// Which imports it.
        library: String,
        /// With the module name, unless that is `env`.
        symbol: String,
    },
    /// What linking calls of a library takes or returns something.
    #[error("{library} exports {symbol} with another type than () -> ()")]
    Export {
        /// Which exports it.
        library: String,
        /// Its name.
        symbol: String,
    },
    /// A symbol has an address in each thread.
    #[error("the symbol {symbol} is thread-local, which is not supported in libraries")]
    ThreadLocal {
        /// Its name.
        symbol: String,
    },
    /// A library asks for more than can be had.
    #[error("{library} asks for {what}")]
    Limit {
        /// Which.
        library: String,
        /// For what.
        what: &'static str,
    },
    /// The table has no room for one more function.
    #[error("the table of functions cannot grow")]
    Table,
    /// The data or elements of a library do not fit what it says of them.
    #[error("the segments of {library} do not fit the room that it asks for")]
    Segment {
        /// Which.
        library: String,
    },
    /// More libraries than a store can have.
    #[error("more than {MOST} libraries, or too many attempts")]
    Many,
    /// The store has no room.
    #[error("no room for {library}")]
    Store {
        /// For what.
        library: String,
        /// What is used up.
        #[source]
        source: StoreError,
    },
    /// Slots and modules have all mappings that they may have.
    #[error(transparent)]
    Mappings(#[from] OutOfMappings),
    /// A library's code ended the call: the trap is the guest's.
    #[error(transparent)]
    Trap(#[from] Trap),
}

/// The memory and the table that libraries share with the program.
#[derive(Clone, Copy, Debug)]
struct Program {
    instance: u32,
    memory: u32,
    table: u32,
}

impl Program {
    /// The store's first instance, if it is one.
    fn of(core: &StoreCore) -> Result<Self, DynlinkError> {
        let refuse = |what| Err(DynlinkError::Program { what });
        let contents = &core.contents;
        if !contents.plan.many {
            return refuse("it does not import env.dlopen, so its store has no room for any");
        }
        let Some(record) = contents.instances.first() else { return refuse("there is none") };
        let Some(&memory) = record.memories.first() else { return refuse("it has no memory") };
        let ty = contents.memories[memory as usize].ty;
        if ty.shared || ty.memory64 || ty.page_size_log2 != 16 {
            return refuse("its memory is shared with threads, or not of 32 bits");
        }
        let Some(&table) = record.tables.first() else {
            return refuse("it has no table: link it with -Wl,--export-table -Wl,--growable-table");
        };
        let TableType { element, table64, .. } = contents.tables[table as usize].ty;
        if table64 || element.heap != HeapType::Func || !element.nullable {
            return refuse("its first table is not one of functions");
        }
        Ok(Self { instance: 0, memory, table })
    }
}

/// Whether a store for this module is to have room for libraries.
pub(crate) fn loads_libraries(module: &Module) -> bool {
    module.info().imports.iter().any(|import| (&*import.module, &*import.name) == OPENER)
}

/// The library of this name: as it was loaded, or by its last component if the name has one only.
#[must_use]
pub fn find(store: &impl AsStore, name: &str) -> Option<Library> {
    position(&store.core_ptr().core().contents, name).map(Library)
}

fn position(contents: &Contents, wanted: &str) -> Option<u32> {
    let found = contents.libraries.iter().position(|library| is_called(&library.name, wanted));
    found.map(crate::place::number)
}

/// Whether a library that was loaded as `name` is meant by `wanted`.
#[must_use]
pub fn is_called(name: &str, wanted: &str) -> bool {
    name == wanted || (!wanted.contains('/') && name.rsplit('/').next() == Some(wanted))
}

/// The names of the libraries that these modules need and that are neither loaded nor among them.
#[must_use]
pub fn missing(store: &impl AsStore, candidates: &[Candidate]) -> Vec<String> {
    let contents = &store.core_ptr().core().contents;
    let needed = candidates.iter().flat_map(|candidate| needed(&candidate.module));
    let mut missing: Vec<String> = needed
        .filter(|name| position(contents, name).is_none())
        .filter(|name| !candidates.iter().any(|candidate| is_called(&candidate.name, name)))
        .cloned()
        .collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}

/// The libraries that a module needs, beside the program's own.
fn needed(module: &Module) -> impl Iterator<Item = &String> {
    let needed = module.info().dylink.iter().flat_map(|Dylink { needed, .. }| needed);
    needed.filter(|name| !C_LIBRARY.contains(&name.as_str()))
}

/// Loads the library that is called `root`, of which the module and those that it needs are among `candidates`; one that
/// is loaded already is answered as it is. Its constructors run before this returns.
///
/// # Errors
///
/// [`DynlinkError`]. The memory and table may have grown then, but the store has no new library, except when a
/// constructor trapped.
pub fn open<S: AsStore>(
    store: &mut S,
    linker: &Linker<S::Data>,
    candidates: &[Candidate],
    root: &str,
    binding: Binding,
) -> Result<Library, DynlinkError> {
    let core = store.core_ptr().core_mut();
    if let Some(known) = position(&core.contents, root) {
        if binding.global {
            promote(core, known)?;
        }
        return Ok(Library(known));
    }
    let program = Program::of(core)?;
    let group = Group::of(&core.contents, candidates, root)?;
    // Also those that failed count: their parts are there.
    if core.contents.instances.len() + group.members.len() > MOST_INSTANCES {
        return Err(DynlinkError::Many);
    }
    core.own_contents();
    // Contexts, cells and descriptors may each begin a new piece.
    core.mappings.more(4 + 2 * group.members.len())?;
    let known: Vec<_> = core.contents.instances.iter().map(|one| one.module.clone()).collect();
    let scope = scope::of(&core.contents, &known, program, &group);
    Loader::new(store, linker, program, binding, scope).load(&group)
}

/// Makes a library's symbols everybody's, and those of the libraries that it needs.
fn promote(core: &mut StoreCore, library: u32) -> Result<(), DynlinkError> {
    for member in scope::closure(&core.contents, library) {
        if core.contents.libraries[member as usize].global {
            continue;
        }
        core.own_contents();
        let name = core.contents.libraries[member as usize].name.clone();
        let contents =
            core.contents_mut().map_err(|source| DynlinkError::Store { library: name, source })?;
        contents.libraries[member as usize].global = true;
        contents.creations.push(Creation::Promotion(member));
    }
    Ok(())
}

/// The address of a symbol: of data in memory 0, of a function in table 0. `None` if there is no such symbol.
///
/// # Errors
///
/// [`DynlinkError::ThreadLocal`], [`DynlinkError::Table`], [`DynlinkError::Program`].
pub fn symbol(
    store: &mut impl AsStore,
    from: From,
    name: &str,
) -> Result<Option<u32>, DynlinkError> {
    let core = store.core_ptr().core_mut();
    let program = Program::of(core)?;
    match lookup(core, program, from, name) {
        Some(Definition::Func(reference)) => slot_of(core, program, reference).map(Some),
        Some(Definition::Address(address)) => Ok(Some(address)),
        Some(Definition::ThreadLocal) => Err(DynlinkError::ThreadLocal { symbol: name.to_owned() }),
        Some(Definition::Item(_) | Definition::Later) | None => Ok(None),
    }
}

fn lookup(core: &StoreCore, program: Program, from: From, name: &str) -> Option<Definition> {
    let contents = &core.contents;
    let libraries = match from {
        From::Everything => scope::global(contents),
        From::Library(library) => scope::closure(contents, library.0),
    };
    let first = (from == From::Everything).then_some((program.instance, None));
    let others = libraries.into_iter().filter_map(|library| {
        let record = contents.libraries.get(library as usize)?;
        Some((record.instance, Some(record.memory_base)))
    });
    first.into_iter().chain(others).find_map(|(instance, base)| {
        let module = &contents.instances.get(instance as usize)?.module;
        let export = module.info().exports.iter().find(|export| export.name == name)?;
        scope::definition(core, module, instance, base, export)
    })
}

/// The index of a function in table 0, which it gets if it has none.
fn slot_of(core: &mut StoreCore, program: Program, function: u32) -> Result<u32, DynlinkError> {
    let table = core.contents.tables[program.table as usize].clone();
    let known = (0..core.table_len(&table)).find(|&at| core.element(&table, at) == function);
    match known {
        Some(at) => u32::try_from(at).map_err(|_| DynlinkError::Table),
        None => append(core, program, &table, function),
    }
}

/// Puts a function behind the table's end.
fn append(
    core: &mut StoreCore,
    program: Program,
    table: &TableRecord,
    function: u32,
) -> Result<u32, DynlinkError> {
    let full = |_: AccessError| DynlinkError::Table;
    let at = core.grow_table(program.table, 0, 1).map_err(full)?;
    core.put_element(table, at, function);
    u32::try_from(at).map_err(|_| DynlinkError::Table)
}

/// The name of what an import asks for, as errors say it.
fn symbol_name(module: &str, name: &str) -> String {
    if module == "env" { name.to_owned() } else { format!("{module}.{name}") }
}

/// The instance that is the store's program.
#[must_use]
pub fn program(store: &impl AsStore) -> Option<Instance> {
    let core = store.core_ptr().core();
    (!core.contents.instances.is_empty()).then_some(Instance { store: core.id, index: 0 })
}
