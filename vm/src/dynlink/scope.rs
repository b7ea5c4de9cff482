//! Where symbols are looked for.

use std::collections::{HashMap, HashSet, VecDeque};

use faasm_abi::dylink::{ABSOLUTE, Dylink, THREAD_LOCAL};
use faasm_abi::module::{Export, ExportItem};
use faasm_abi::types::{GlobalType, ValType};

use super::group::Group;
use super::{Library, Program};
use crate::externs::{Extern, global_bits};
use crate::instance::item;
use crate::module::Module;
use crate::store::contents::Contents;
use crate::store::core::StoreCore;

/// What a symbol is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Definition {
    /// A function, by its reference.
    Func(u32),
    /// Data, by their address in memory 0.
    Address(u32),
    /// Data that each thread has for itself.
    ThreadLocal,
    /// Anything else.
    Item(Extern),
    /// An export of a library that is not instantiated yet.
    Later,
}

/// The symbols of a module.
#[derive(Debug)]
pub(super) struct Symbols<'a> {
    module: &'a Module,
    exports: HashMap<&'a str, &'a Export>,
    /// `None` until it is instantiated.
    instance: Option<u32>,
    /// `None` if addresses count from 0: the program's.
    base: Option<u32>,
}

impl<'a> Symbols<'a> {
    pub(super) fn of(module: &'a Module, instance: Option<u32>, base: Option<u32>) -> Self {
        let exports = module.info().exports.iter();
        let exports = exports.map(|export| (&*export.name, export)).collect();
        Self { module, exports, instance, base }
    }

    /// The module was instantiated.
    pub(super) fn placed(&mut self, instance: u32, base: u32) {
        (self.instance, self.base) = (Some(instance), Some(base));
    }

    pub(super) fn instance(&self) -> Option<u32> {
        self.instance
    }

    pub(super) fn get(&self, core: &StoreCore, name: &str) -> Option<Definition> {
        let export = self.exports.get(name)?;
        match self.instance {
            Some(instance) => definition(core, self.module, instance, self.base, export),
            None => Some(Definition::Later),
        }
    }
}

/// What the scope of a group is, in the order in which it is looked through: the program, the libraries whose symbols
/// are everybody's, the group's own (the last), the loaded ones that it needs.
pub(super) struct Scope<'a> {
    pub(super) before: Vec<Symbols<'a>>,
    pub(super) group: Vec<Symbols<'a>>,
    after: Vec<Symbols<'a>>,
}

impl Scope<'_> {
    pub(super) fn get(&self, core: &StoreCore, name: &str) -> Option<Definition> {
        let all = self.before.iter().chain(&self.group).chain(&self.after);
        all.into_iter().find_map(|symbols| symbols.get(core, name))
    }
}

/// The scope of a group; `known` are the modules of the store's instances.
pub(super) fn of<'a>(
    contents: &Contents,
    known: &'a [Module],
    program: Program,
    group: &Group<'a>,
) -> Scope<'a> {
    let symbols = |&library: &u32| {
        let record = contents.libraries.get(library as usize)?;
        let module = known.get(record.instance as usize)?;
        Some(Symbols::of(module, Some(record.instance), Some(record.memory_base)))
    };
    let everybodys = global(contents);
    let program = known
        .get(program.instance as usize)
        .map(|module| Symbols::of(module, Some(program.instance), None));
    let before = program.into_iter().chain(everybodys.iter().filter_map(symbols)).collect();
    let members = group.members.iter();
    let mut after: Vec<u32> = Vec::new();
    for library in group.loaded.iter().flat_map(|&library| closure(contents, library)) {
        if !everybodys.contains(&library) && !after.contains(&library) {
            after.push(library);
        }
    }
    Scope {
        before,
        group: members.map(|member| Symbols::of(member.module, None, None)).collect(),
        after: after.iter().filter_map(symbols).collect(),
    }
}

/// The libraries whose symbols are everybody's, in the order in which they were loaded.
pub(super) fn global(contents: &Contents) -> Vec<u32> {
    let libraries = (0..).zip(&contents.libraries);
    libraries.filter(|(_, record)| record.global).map(|(index, _)| index).collect()
}

/// A library and those that it needs, breadth first.
pub(super) fn closure(contents: &Contents, library: u32) -> Vec<u32> {
    let (mut found, mut seen) = (Vec::new(), HashSet::from([library]));
    let mut queue = VecDeque::from([library]);
    while let Some(at) = queue.pop_front() {
        let Some(record) = contents.libraries.get(at as usize) else { continue };
        found.push(at);
        queue.extend(record.needed.iter().copied().filter(|&need| seen.insert(need)));
    }
    found
}

/// The library that an instance is, if it is one.
pub(super) fn library_of(contents: &Contents, instance: u32) -> Option<Library> {
    let found = contents.libraries.iter().position(|record| record.instance == instance)?;
    Some(Library(crate::place::number(found)))
}

/// What an export of an instance is; addresses count from `base`.
pub(super) fn definition(
    core: &StoreCore,
    module: &Module,
    instance: u32,
    base: Option<u32>,
    export: &Export,
) -> Option<Definition> {
    const DATA: GlobalType = GlobalType { value: ValType::I32, mutable: false };
    let record = core.contents.instances.get(instance as usize)?;
    let found = item(core, record, export.item)?;
    Some(match (found, export.item) {
        (Extern::Func(func), _) => Definition::Func(func.index),
        (Extern::Global(global), ExportItem::Global(index))
            if module.info().globals.get(index as usize) == Some(&DATA) =>
        {
            let flags = flags(module, &export.name);
            if flags & THREAD_LOCAL != 0 {
                return Some(Definition::ThreadLocal);
            }
            let base = base.filter(|_| flags & ABSOLUTE == 0).unwrap_or(0);
            let value = u32::try_from(global_bits(core, global.index) & 0xffff_ffff).unwrap_or(0);
            Definition::Address(base.wrapping_add(value))
        }
        (other, _) => Definition::Item(other),
    })
}

/// What `dylink.0` says of an export.
fn flags(module: &Module, name: &str) -> u32 {
    let exports = module.info().dylink.as_ref().map_or(&[][..], |Dylink { exports, .. }| exports);
    exports.iter().find(|symbol| symbol.name == name).map_or(0, |symbol| symbol.flags)
}
