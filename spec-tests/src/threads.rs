//! The directives `(thread …)` and `(wait …)`: a thread is a session of its own, so a store of its own, on an operating
//! system's thread of its own; of its parent it has the shared memories of one instance.

use std::collections::HashMap;
use std::thread::{Scope, ScopedJoinHandle};

use anyhow::{Context as _, Result, anyhow, bail};
use faasm_vm::{MemoryType, SharedMemory};
use wast::WastThread;

use crate::script::{self, Mode, Tally};
use crate::session::Session;

/// The threads of a script, or of a thread of one, by name.
pub(crate) struct Threads<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    mode: Mode,
    running: HashMap<String, ScopedJoinHandle<'scope, Result<Tally>>>,
}

/// An export of the parent's instance that a thread has, too.
struct Export {
    name: String,
    ty: MemoryType,
    memory: SharedMemory,
}

impl<'scope, 'env> Threads<'scope, 'env> {
    /// None yet; those that come end in `scope`.
    pub(crate) fn new(scope: &'scope Scope<'scope, 'env>, mode: Mode) -> Self {
        Self { scope, mode, running: HashMap::new() }
    }

    /// Starts a thread, which runs its directives.
    pub(crate) fn start(
        &mut self,
        text: &'env str,
        parent: &Session,
        thread: &mut WastThread<'env>,
    ) -> Result<()> {
        let shared = thread.shared_module.map(|module| module.name());
        let exports = match shared {
            Some(module) => shared_exports(parent, module)?,
            None => Vec::new(),
        };
        let mut directives = std::mem::take(&mut thread.directives);
        let (scope, mode) = (self.scope, self.mode);
        let running = std::thread::Builder::new().spawn_scoped(scope, move || {
            let mut session = Session::new(mode.opt, mode.cpu)?;
            if let Some(name) = shared {
                share(&mut session, name, exports)?;
            }
            let mut run = script::Run::new(text, session, Self::new(scope, mode));
            run.all(&mut directives);
            Ok(run.into_tally())
        })?;
        match self.running.insert(thread.name.name().to_owned(), running) {
            Some(_) => bail!("the thread {:?} was not waited for", thread.name.name()),
            None => Ok(()),
        }
    }

    /// Waits for the end of a thread, of which every directive must have passed.
    pub(crate) fn wait(&mut self, name: &str) -> Result<()> {
        let running = self.running.remove(name);
        let running = running.with_context(|| format!("there is no thread {name:?}"))?;
        let tally = running.join().map_err(|_| anyhow!("the thread panicked"))??;
        match tally.failures.first() {
            Some(failure) => bail!("in the thread, line {}: {}", failure.line, failure.reason),
            None => Ok(()),
        }
    }
}

fn shared_exports(parent: &Session, instance: &str) -> Result<Vec<Export>> {
    let exports = parent.shared_memories(instance)?;
    let export = |(name, memory): (String, SharedMemory)| Export { name, ty: memory.ty(), memory };
    Ok(exports.into_iter().map(export).collect())
}

/// Makes an instance of this name that exports the parent's memories: by a module that imports and exports them.
fn share(session: &mut Session, name: &str, exports: Vec<Export>) -> Result<()> {
    const FROM: &str = "the parent";
    let mut module = String::from("(module");
    for (index, export) in exports.into_iter().enumerate() {
        let (limits, width) = (export.ty.limits, if export.ty.memory64 { "i64" } else { "" });
        let max = limits.max.context("a shared memory has a maximum")?;
        let field = &export.name;
        module += &format!(
            " (import {FROM:?} {field:?} (memory {width} {} {max} shared)) (export {field:?} (memory {index}))",
            limits.min
        );
        session.define_shared_memory(FROM, field, export.memory);
    }
    let compiled = session.compile(&wat::parse_str(module + ")")?)?;
    session.instantiate(Some(name), &compiled)?;
    session.forget_last();
    Ok(())
}

#[cfg(test)]
mod tests {
    use faasm_compiler::{Cpu, OptLevel};

    use super::*;

    #[test]
    fn what_fails_in_a_thread_fails_where_it_is_waited_for() {
        let script = r#"(module $m (memory (export "shared") 1 1 shared) (data (i32.const 0) "\07"))
            (thread $t (shared (module $m))
              (register "m" $m)
              (module
                (memory (import "m" "shared") 1 1 shared)
                (func (export "load") (result i32) (i32.load (i32.const 0))))
              (assert_return (invoke "load") (i32.const 7))
              (assert_return (invoke "load") (i32.const 8)))
            (wait $t)
            (wait $t)
            (thread $u (assert_return (invoke $m "load") (i32.const 7)))
            (wait $u)"#;
        let mode = Mode { opt: OptLevel::Speed, cpu: Cpu::Native, restored: false };
        let failures = script::run(script, mode).expect("the script can be run").failures;
        let lines: Vec<_> = failures.iter().map(|failure| failure.line).collect();
        assert_eq!(lines, [9, 10, 12]);
        assert!(failures[0].reason.contains("line 8"), "{}", failures[0].reason);
    }
}
