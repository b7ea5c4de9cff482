//! Compiles a script's modules for another machine; nothing runs.

use anyhow::Result;
use faasm_compiler::{CompileOptions, Target, compile, validate};
use wast::parser;
use wast::{Wast, WastDirective, WastExecute};

use crate::script::{DirectiveFailure, Tally, buffer};

/// Compiles for `triple` what the directives of `text` instantiate, as far as it validates.
///
/// # Errors
///
/// When the text is not a script, or holds a module that cannot be encoded.
pub fn compile_modules(text: &str, triple: &str) -> Result<Tally> {
    let buffer = buffer(text)?;
    let options =
        CompileOptions { target: Target::Triple(triple.to_owned()), ..CompileOptions::default() };
    let mut tally = Tally::default();
    for mut directive in parser::parse::<Wast<'_>>(&buffer)?.directives {
        let Some(wasm) = module(&mut directive)? else { continue };
        // What is refused fails its directive where scripts are run.
        let Ok(validated) = validate(&wasm) else { continue };
        match compile(&validated, &options) {
            Ok(_) => tally.passed += 1,
            Err(error) => tally.failures.push(DirectiveFailure {
                line: directive.span().linecol_in(text).0 + 1,
                reason: error.to_string(),
            }),
        }
    }
    Ok(tally)
}

/// The module that a directive instantiates, if any.
fn module(directive: &mut WastDirective<'_>) -> Result<Option<Vec<u8>>> {
    Ok(match directive {
        WastDirective::Module(module) | WastDirective::ModuleDefinition(module) => {
            Some(module.encode()?)
        }
        WastDirective::AssertUnlinkable { module, .. }
        | WastDirective::AssertTrap { exec: WastExecute::Wat(module), .. } => {
            Some(module.encode()?)
        }
        _ => None,
    })
}
