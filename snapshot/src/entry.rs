//! Which functions of a module are its initialisation and its entry, by the conventions of toolchains.
//!
//! # Conventions
//!
//! | export | type | what it is |
//! |---|---|---|
//! | `_start` | `() -> ()` | the entry of a command; it runs constructors itself (WASI application ABI) |
//! | `_initialize` | `() -> ()` | the constructors of a reactor (WASI application ABI) |
//! | `__wasm_call_ctors` | `() -> ()` | the constructors of a module without crt |
//! | `_faasm_zygote` | `() -> i32` or `() -> ()` | what runs once before the capture; anything but 0 is a failure |
//! | `wizer-initialize`, `wizer.initialize` | `() -> ()` | the same, by the names of wizer |
//! | `after_restore` | `() -> i32` or `() -> ()` | what a newborn runs before its entry; anything but 0 is a failure |
//! | `faasm_main`, `main`, `__main_void` | `() -> i32` or `() -> ()` | the entry of a reactor; the result is the return code |

use faasm_vm::{ExportItem, Func, FuncType, Instance, Module, Store, Trap, TrapKind, Val, ValType};

/// The entries that are looked for, in this order.
const ENTRIES: [&str; 4] = ["_start", "faasm_main", "main", "__main_void"];

/// What runs before the capture, after the constructors; the first that is there.
const ZYGOTES: [&str; 3] = ["_faasm_zygote", "wizer-initialize", "wizer.initialize"];

/// What runs in every newborn.
const AFTER_RESTORE: &str = "after_restore";

/// An entry of a function; valid in every store that is born from the Proto.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    func: Func,
}

/// Why there is no such entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The module exports none of the names that are entries.
    #[error("the module exports no entry: one of {} of type () -> () or () -> i32", ENTRIES.join(", "))]
    Missing,
    /// The export or table element is no function that takes nothing and returns nothing or an `i32`.
    #[error("{0} is not a function of type () -> i32")]
    Type(String),
}

impl Entry {
    /// An entry made of `func`, if its type is `() -> i32` or `() -> ()`.
    pub(crate) fn new<T: 'static>(
        store: &Store<T>,
        func: Func,
        name: &str,
    ) -> Result<Self, EntryError> {
        if is_entry(func.ty(store)) {
            Ok(Self { func })
        } else {
            Err(EntryError::Type(name.to_owned()))
        }
    }

    /// The function to call, without arguments.
    #[must_use]
    pub fn func(&self) -> Func {
        self.func
    }

    /// The return code of a call of an entry that ended so: its result, the exit code of a guest that exited, or 0.
    ///
    /// # Errors
    ///
    /// The trap, if it is another one than an exit.
    pub fn return_code(result: Result<Vec<Val>, Trap>) -> Result<i32, Trap> {
        match result {
            Ok(values) => Ok(match values.first() {
                Some(Val::I32(code)) => *code,
                _ => 0,
            }),
            Err(trap) => match trap.kind() {
                TrapKind::Exit(code) => Ok(*code),
                TrapKind::Code(_) | TrapKind::Host(_) | TrapKind::Exception(_) => Err(trap),
            },
        }
    }
}

/// The names of the initialisers of `module`, in the order in which they run. `init` is in the place of the zygote.
pub(crate) fn initialisers<'a>(module: &Module, init: Option<&'a str>) -> Vec<&'a str> {
    let is_command = exports(module, "_start");
    let constructors =
        ["_initialize", "__wasm_call_ctors"].into_iter().find(|name| exports(module, name));
    let zygote = init.or_else(|| ZYGOTES.into_iter().find(|name| exports(module, name)));
    // A command's constructors are its own business: `_start` runs them, and a zygote that needs them does.
    constructors.filter(|_| !is_command).into_iter().chain(zygote).collect()
}

/// What the module runs in every newborn.
pub(crate) fn after_restore<T: 'static>(
    store: &Store<T>,
    instance: Instance,
) -> Result<Option<Entry>, EntryError> {
    let func = instance.func(store, AFTER_RESTORE);
    func.map(|func| Entry::new(store, func, &format!("`{AFTER_RESTORE}`"))).transpose()
}

/// The module's own entry.
pub(crate) fn main_entry<T: 'static>(
    store: &Store<T>,
    instance: Instance,
) -> Result<Entry, EntryError> {
    let found: Vec<_> = ENTRIES
        .into_iter()
        .filter_map(|name| {
            Some(Entry::new(store, instance.func(store, name)?, &format!("`{name}`")))
        })
        .collect();
    // C has a `main` with arguments beside the entry that calls it.
    let first = found.iter().position(Result::is_ok).unwrap_or(0);
    found.into_iter().nth(first).unwrap_or(Err(EntryError::Missing))
}

/// The names of the entries that `module` exports, the function's own first.
pub(crate) fn entries(module: &Module) -> Vec<&'static str> {
    ENTRIES.into_iter().filter(|name| exports(module, name)).collect()
}

fn exports(module: &Module, name: &str) -> bool {
    let mut exports = module.info().exports.iter();
    exports.any(|export| export.name == name && matches!(export.item, ExportItem::Function(_)))
}

fn is_entry(ty: &FuncType) -> bool {
    ty.params.is_empty() && matches!(ty.results[..], [] | [ValType::I32])
}
