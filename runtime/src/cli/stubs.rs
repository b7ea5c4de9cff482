//! `--stub`: imports that the host interface does not have, answered with a number, on purpose.

use std::str::FromStr;

use faasm_hostif::{HostState, ImportError, check_imports};
use faasm_vm::{FuncType, ImportKind, Linker, Module, Val, ValType};

use super::failure::Failure;
use crate::forge::{ForgeError, MissingImports};

/// An import, and what each of its calls answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stub {
    module: String,
    name: String,
    answer: i32,
}

/// Why a text is no stub.
#[derive(Debug, thiserror::Error)]
#[error("write it as MODULE.NAME, or MODULE.NAME=NUMBER for another answer than 0")]
pub(super) struct StubError;

impl FromStr for Stub {
    type Err = StubError;

    fn from_str(text: &str) -> Result<Self, StubError> {
        let (import, answer) = text.split_once('=').unwrap_or((text, "0"));
        let (module, name) = import.split_once('.').ok_or(StubError)?;
        if module.is_empty() || name.is_empty() {
            return Err(StubError);
        }
        let answer = answer.parse().map_err(|_| StubError)?;
        Ok(Self { module: module.to_owned(), name: name.to_owned(), answer })
    }
}

impl Stub {
    fn is(&self, module: &str, name: &str) -> bool {
        (self.module.as_str(), self.name.as_str()) == (module, name)
    }

    /// Defines the stub for each import of `module` that it names.
    fn define(&self, linker: &mut Linker<HostState>, module: &Module) -> Result<(), Failure> {
        let info = module.info();
        let import = info.imports.iter().find(|import| self.is(&import.module, &import.name));
        let ty = import.and_then(|import| match import.kind {
            ImportKind::Function(index) => info.func_type(index),
            _ => None,
        });
        let Some(ty) = ty.cloned() else {
            let Self { module, name, .. } = self;
            let what = format!("the module imports no function {module}.{name} to stub");
            return Err(Failure::usage(what));
        };
        let results = self.results(&ty)?;
        let stub = linker.func_new(&self.module, &self.name, ty, move |_, _, out| {
            out.clone_from_slice(&results);
            Ok(())
        });
        stub.map(drop).map_err(|error| {
            Failure::usage(error.to_string())
                .hint("Stub only what the host interface does not have.")
        })
    }

    fn results(&self, ty: &FuncType) -> Result<Vec<Val>, Failure> {
        let value = |ty: &ValType| match ty {
            ValType::I32 => Ok(Val::I32(self.answer)),
            ValType::I64 => Ok(Val::I64(self.answer.into())),
            ValType::F32 => Ok(Val::F32((self.answer as f32).to_bits())),
            ValType::F64 => Ok(Val::F64(f64::from(self.answer).to_bits())),
            other => {
                let Self { module, name, .. } = self;
                Err(Failure::usage(format!(
                    "{module}.{name} answers a {other:?}, which is no number"
                )))
            }
        };
        ty.results.iter().map(value).collect()
    }
}

/// Defines the stubs, and checks that nothing else is missing.
pub(super) fn define(
    stubs: &[Stub],
    linker: &mut Linker<HostState>,
    module: &Module,
) -> Result<(), Failure> {
    for stub in stubs {
        stub.define(linker, module)?;
    }
    let Err(mut missing) = check_imports(module.info()) else { return Ok(()) };
    missing.retain(|error| {
        let (module, name) = error.import();
        let known = matches!(error, ImportError::Type { .. });
        known || !stubs.iter().any(|stub| stub.is(module, name))
    });
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::problem(&ForgeError::from(MissingImports(missing))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stub_names_an_import_and_an_answer() {
        let stub = |module: &str, name: &str, answer| Stub {
            module: module.to_owned(),
            name: name.to_owned(),
            answer,
        };
        assert_eq!("host.call".parse::<Stub>().unwrap(), stub("host", "call", 0));
        assert_eq!("a.b.c=-1".parse::<Stub>().unwrap(), stub("a", "b.c", -1));
        for bad in
            ["", "host", ".call", "host.", "host.call=", "host.call=x", "host.call=9999999999"]
        {
            assert!(bad.parse::<Stub>().is_err(), "{bad}");
        }
    }
}
