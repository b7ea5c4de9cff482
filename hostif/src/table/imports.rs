//! The check of a module's imports against the table, before anything is compiled.

use faasm_vm::{FuncType, Import, ImportKind, ModuleInfo, ValType};

use super::{FAASM, signatures};

/// What a module with threads imports, in toolchains' convention: each call has one of its own.
pub(super) const MEMORY: (&str, &str) = (FAASM, "memory");

/// An import that the host does not have so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// There is nothing of this name.
    #[error("unknown import {module}.{name}")]
    Unknown {
        /// Module name.
        module: String,
        /// Field name.
        name: String,
    },
    /// It is a function, or a function of another type.
    #[error("import {module}.{name} has another type: the host has {expected}, not {found}")]
    Type {
        /// Module name.
        module: String,
        /// Field name.
        name: String,
        /// The host's.
        expected: String,
        /// The module's.
        found: String,
    },
}

impl ImportError {
    /// Module and field name of the import.
    #[must_use]
    pub fn import(&self) -> (&str, &str) {
        match self {
            Self::Unknown { module, name } | Self::Type { module, name, .. } => (module, name),
        }
    }
}

/// Checks all imports of a module against the table. All that are wrong are named, in the module's order.
///
/// # Errors
///
/// Every [`ImportError`] there is.
pub fn check_imports(module: &ModuleInfo) -> Result<(), Vec<ImportError>> {
    let is_memory = |import: &Import| {
        let named = (import.module.as_str(), import.name.as_str()) == MEMORY;
        named && matches!(import.kind, ImportKind::Memory(ty) if ty.shared)
    };
    let checked = module.imports.iter().filter(|import| !is_memory(import)).map(|import| {
        let found = match import.kind {
            ImportKind::Function(index) => module.func_type(index),
            _ => None,
        };
        check_import(&import.module, &import.name, found)
    });
    let wrong: Vec<ImportError> = checked.filter_map(Result::err).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Checks one import; `found` is its type if it is a function.
fn check_import(module: &str, name: &str, found: Option<&FuncType>) -> Result<(), ImportError> {
    let Some(function) =
        signatures().find(|function| (function.module, function.name) == (module, name))
    else {
        return Err(ImportError::Unknown { module: module.to_owned(), name: name.to_owned() });
    };
    let expected = function.ty();
    if found == Some(&expected) {
        return Ok(());
    }
    Err(ImportError::Type {
        module: module.to_owned(),
        name: name.to_owned(),
        expected: type_text(&expected),
        found: found.map_or_else(|| "something that is no function".to_owned(), type_text),
    })
}

fn type_text(ty: &FuncType) -> String {
    format!("({}) -> ({})", list(&ty.params), list(&ty.results))
}

fn list(types: &[ValType]) -> String {
    let names: Vec<String> = types.iter().map(|ty| type_name(*ty)).collect();
    names.join(", ")
}

pub(super) fn type_name(ty: ValType) -> String {
    format!("{ty:?}").to_lowercase()
}
