//! Runs one script: its directives, in order, on one store.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context as _, Result, bail, ensure};
use faasm_compiler::{Cpu, OptLevel};
use faasm_vm::Val;
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::{QuoteWat, Wast, WastDirective, WastExecute, WastInvoke, WastRet, Wat};

use crate::session::{Failure, Session};
use crate::threads::Threads;
use crate::values;

/// What became of a script's directives.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many did what they should.
    pub passed: usize,
    /// The others.
    pub failures: Vec<DirectiveFailure>,
    /// How often the store went through a file into another slot.
    pub moves: usize,
}

/// A directive that failed.
#[derive(Clone, Debug)]
pub struct DirectiveFailure {
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// What was wrong.
    pub reason: String,
}

/// How a script is run.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// The compiler's effort.
    pub opt: OptLevel,
    /// The processor features that code may use.
    pub cpu: Cpu,
    /// Whether the store, whenever something was instantiated in it, goes through a snapshot file into another slot
    /// before anything else happens. Then also what the script expects behind its last instantiation is asked once
    /// more, of a slot that was reset.
    pub restored: bool,
}

/// Runs the directives of `text`; every one counts, also behind one that failed.
///
/// # Errors
///
/// When the text is not a script, or the VM cannot be set up.
pub fn run(text: &str, mode: Mode) -> Result<Tally> {
    let buffer = buffer(text)?;
    let mut directives = parser::parse::<Wast<'_>>(&buffer)?.directives;
    std::thread::scope(|scope| {
        let session = Session::new(mode.opt, mode.cpu)?;
        let mut run = Run::new(text, session, Threads::new(scope, mode));
        run.moves = mode.restored;
        run.script(&mut directives)?;
        Ok(run.into_tally())
    })
}

/// The tokens of a script.
pub(crate) fn buffer(text: &str) -> Result<ParseBuffer<'_>> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    Ok(ParseBuffer::new_with_lexer(lexer)?)
}

/// Directives that run, in order, on one thread.
pub(crate) struct Run<'scope, 'env> {
    text: &'env str,
    session: Session,
    threads: Threads<'scope, 'env>,
    /// Whether the store moves when something was instantiated: until a thread has its shared memories.
    moves: bool,
    tally: Tally,
}

impl<'scope, 'env> Run<'scope, 'env> {
    pub(crate) fn new(text: &'env str, session: Session, threads: Threads<'scope, 'env>) -> Self {
        Self { text, session, threads, moves: false, tally: Tally::default() }
    }

    pub(crate) fn into_tally(self) -> Tally {
        self.tally
    }

    fn script(&mut self, directives: &mut [WastDirective<'env>]) -> Result<()> {
        let instantiated = directives.iter().rposition(instantiates).map_or(0, |at| at + 1);
        let (setup, rest) = directives.split_at_mut(instantiated);
        self.all(setup);
        let captured = self.moves && self.session.capture()?;
        let passed = self.all(rest);
        if captured && self.moves {
            self.ask_again(rest, &passed)?;
        }
        Ok(())
    }

    /// Runs all of them, and tells which passed.
    pub(crate) fn all(&mut self, directives: &mut [WastDirective<'env>]) -> Vec<bool> {
        let mut passed = Vec::with_capacity(directives.len());
        for directive in directives {
            let result = self.one(directive);
            passed.push(result.is_ok());
            match result {
                Ok(()) => self.tally.passed += 1,
                Err(error) => self.fail(directive, &error),
            }
        }
        passed
    }

    fn one(&mut self, directive: &mut WastDirective<'env>) -> Result<()> {
        match directive {
            WastDirective::Thread(thread) => {
                self.moves = false;
                self.threads.start(self.text, &self.session, thread)
            }
            WastDirective::Wait { thread, .. } => self.threads.wait(thread.name()),
            _ => self.in_store(directive),
        }
    }

    fn in_store(&mut self, directive: &mut WastDirective<'_>) -> Result<()> {
        run_caught(&mut self.session, directive)?;
        if self.moves && instantiates(directive) {
            self.session.move_store().context("the store cannot go through a file")?;
            self.tally.moves += 1;
        }
        Ok(())
    }

    /// Makes the calls of these directives in a store born from the capture, and again after that was reset. What has
    /// passed must pass again.
    fn ask_again(&mut self, directives: &mut [WastDirective<'_>], passed: &[bool]) -> Result<()> {
        self.session.begin_life()?;
        for directive in directives.iter_mut().filter(|directive| calls(directive)) {
            // This life is there to leave something to undo.
            drop(run_caught(&mut self.session, directive));
        }
        self.session.begin_life()?;
        for (directive, &passed) in directives.iter_mut().zip(passed) {
            if !calls(directive) {
                continue;
            }
            if let Err(error) = run_caught(&mut self.session, directive)
                && passed
            {
                self.tally.passed -= 1;
                self.fail(directive, &error.context("after a reset"));
            }
        }
        Ok(())
    }

    fn fail(&mut self, directive: &WastDirective<'_>, error: &anyhow::Error) {
        let line = directive.span().linecol_in(self.text).0 + 1;
        self.tally.failures.push(DirectiveFailure { line, reason: format!("{error:#}") });
    }
}

/// Whether a directive instantiates something in the store.
fn instantiates(directive: &WastDirective<'_>) -> bool {
    matches!(
        directive,
        WastDirective::Module(_)
            | WastDirective::ModuleInstance { .. }
            | WastDirective::AssertUnlinkable { .. }
            | WastDirective::AssertTrap { exec: WastExecute::Wat(_), .. }
            | WastDirective::AssertReturn { exec: WastExecute::Wat(_), .. }
    )
}

/// Whether a directive calls a function.
fn calls(directive: &WastDirective<'_>) -> bool {
    matches!(
        directive,
        WastDirective::Invoke(_)
            | WastDirective::AssertTrap { .. }
            | WastDirective::AssertReturn { .. }
            | WastDirective::AssertExhaustion { .. }
            | WastDirective::AssertException { .. }
    )
}

/// A panic of ours fails the directive, not the run.
fn run_caught(session: &mut Session, directive: &mut WastDirective<'_>) -> Result<()> {
    match catch_unwind(AssertUnwindSafe(|| run_directive(session, directive))) {
        Ok(result) => result,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            bail!("panic: {}", text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("?"))
        }
    }
}

fn run_directive(session: &mut Session, directive: &mut WastDirective<'_>) -> Result<()> {
    match directive {
        WastDirective::Module(module) => define_and_instantiate(session, module),
        WastDirective::ModuleDefinition(module) => define(session, module).map(drop),
        WastDirective::ModuleInstance { instance, module, .. } => {
            let module = session.definition(module.map(|id| id.name()))?;
            Ok(session.instantiate(instance.map(|id| id.name()), &module)?)
        }
        WastDirective::AssertMalformed { module, .. }
        | WastDirective::AssertInvalid { module, .. } => refused(module),
        WastDirective::AssertMalformedCustom { module, .. }
        | WastDirective::AssertInvalidCustom { module, .. } => refused_custom(module),
        WastDirective::Register { name, module, .. } => {
            session.register(name, module.map(|id| id.name()))
        }
        WastDirective::Invoke(call) => Ok(invoke(session, call).map(drop)?),
        WastDirective::AssertTrap { exec, message, .. } => traps(execute(session, exec), message),
        WastDirective::AssertReturn { exec, results, .. } => {
            let outcome = execute(session, exec);
            returns(session, outcome, results)
        }
        WastDirective::AssertExhaustion { call, message, .. } => {
            traps(invoke(session, call), message)
        }
        WastDirective::AssertUnlinkable { module, .. } => unlinkable(session, module),
        WastDirective::AssertException { exec, .. } => match execute(session, exec) {
            Err(Failure::Exception) => Ok(()),
            Err(other) => bail!("expected an exception, got: {other}"),
            Ok(values) => bail!("expected an exception, got {values:?}"),
        },
        WastDirective::AssertSuspension { .. } => bail!("stack switching is not supported"),
        WastDirective::Thread(_) | WastDirective::Wait { .. } => {
            bail!("threads are the run's")
        }
    }
}

fn define<'a>(
    session: &mut Session,
    module: &mut QuoteWat<'a>,
) -> Result<(Option<&'a str>, faasm_vm::Module)> {
    let name = module.name().map(|id| id.name());
    let compiled = session.compile(&module.encode()?)?;
    session.define(name, &compiled);
    Ok((name, compiled))
}

fn define_and_instantiate(session: &mut Session, module: &mut QuoteWat<'_>) -> Result<()> {
    // If this fails, later directives must not find an older instance instead.
    session.forget_last();
    let (name, module) = define(session, module)?;
    Ok(session.instantiate(name, &module)?)
}

fn refused(module: &mut QuoteWat<'_>) -> Result<()> {
    match module.encode() {
        Err(_) => Ok(()),
        Ok(wasm) => Session::refuses(&wasm),
    }
}

/// Refuses only what is in a custom section: as text, or behind a module that is valid.
fn refused_custom(module: &mut QuoteWat<'_>) -> Result<()> {
    match module.encode() {
        Err(_) => Ok(()),
        Ok(wasm) => Session::refuses_custom(&wasm),
    }
}

fn unlinkable(session: &mut Session, module: &mut Wat<'_>) -> Result<()> {
    let compiled = session.compile(&module.encode()?)?;
    match session.instantiate(None, &compiled) {
        Err(Failure::Unlinkable(_)) => Ok(()),
        Err(other) => bail!("expected a link error, got: {other}"),
        Ok(()) => bail!("expected a link error, but the module was instantiated"),
    }
}

fn execute(session: &mut Session, exec: &mut WastExecute<'_>) -> Result<Vec<Val>, Failure> {
    match exec {
        WastExecute::Invoke(call) => invoke(session, call),
        WastExecute::Get { module, global, .. } => {
            Ok(vec![session.global(module.map(|id| id.name()), global)?])
        }
        WastExecute::Wat(module) => {
            let wasm = module.encode().context("cannot encode the module")?;
            let compiled = session.compile(&wasm)?;
            session.instantiate(None, &compiled)?;
            Ok(Vec::new())
        }
    }
}

fn invoke(session: &mut Session, call: &WastInvoke<'_>) -> Result<Vec<Val>, Failure> {
    let args = call.args.iter().map(values::argument).collect::<Result<Vec<_>>>()?;
    session.invoke(call.module.map(|id| id.name()), call.name, &args)
}

fn returns(
    session: &Session,
    outcome: Result<Vec<Val>, Failure>,
    expected: &[WastRet<'_>],
) -> Result<()> {
    let values = outcome?;
    let kind = |reference: &_| session.kind(reference);
    ensure!(values::all_match(&values, expected, &kind), "expected {expected:?}, got {values:?}");
    Ok(())
}

/// Traps are compared by the beginnings of their messages: the suite's texts carry details that ours lack, and the
/// other way round.
fn traps(outcome: Result<Vec<Val>, Failure>, expected: &str) -> Result<()> {
    match outcome {
        Err(Failure::Trap(message))
            if message.starts_with(expected) || expected.starts_with(&message) =>
        {
            Ok(())
        }
        Err(other) => bail!("expected the trap \"{expected}\", got: {other}"),
        Ok(values) => bail!("expected the trap \"{expected}\", got {values:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(text: &str, restored: bool) -> Tally {
        let mode = Mode { opt: OptLevel::Speed, cpu: Cpu::Native, restored };
        run(text, mode).expect("the script can be run")
    }

    fn failures(text: &str) -> Vec<usize> {
        tally(text, true).failures.into_iter().map(|failure| failure.line).collect()
    }

    #[test]
    fn what_a_script_expects_and_does_not_get_fails() {
        let script = r#"(module (func (export "one") (result i32) i32.const 1) (func (export "stop") unreachable))
            (assert_return (invoke "one") (i32.const 1))
            (assert_return (invoke "one") (i32.const 2))
            (assert_trap (invoke "one") "unreachable")
            (assert_trap (invoke "stop") "unreachable")
            (assert_trap (invoke "stop") "integer overflow")
            (assert_invalid (module (func)) "type mismatch")
            (assert_malformed (module quote "(func)") "unexpected token")
            (assert_exception (invoke "one"))
            (assert_exception (invoke "stop"))
            (invoke "none")
            (assert_exhaustion (invoke "one") "call stack exhausted")
            (assert_return (invoke "stop"))"#;
        assert_eq!(failures(script), [3, 4, 6, 7, 8, 9, 10, 11, 12, 13]);
    }

    #[test]
    fn modules_that_link_are_not_unlinkable_and_failed_ones_leave_no_instance() {
        let script = r#"(assert_unlinkable (module) "unknown import")
            (module (func (export "f")))
            (module (import "spectest" "nothing" (func)))
            (invoke "f")"#;
        assert_eq!(failures(script), [1, 3, 4]);
    }

    #[test]
    fn what_came_before_a_move_is_there_behind_it() {
        let script = r#"(module $a (global $g (mut i32) (i32.const 0)) (table (export "t") 2 externref)
              (func (export "set") (param externref) (table.set (i32.const 1) (local.get 0)))
              (func (export "get") (result externref) (table.get (i32.const 1)))
              (func (export "count") (result i32)
                (global.set $g (i32.add (global.get $g) (i32.const 1))) (global.get $g)))
            (register "a" $a)
            (assert_return (invoke "count") (i32.const 1))
            (invoke "set" (ref.extern 5))
            (module $b (import "a" "count" (func $count (result i32)))
              (func (export "twice") (result i32) (i32.add (call $count) (call $count))))
            (assert_return (invoke "twice") (i32.const 5))
            (assert_return (invoke $a "count") (i32.const 4))
            (assert_return (invoke $a "get") (ref.extern 5))
            (assert_trap (module (data (i32.const 0) "x") (memory 0)) "out of bounds memory access")
            (module (import "a" "t" (table 2 externref)))
            (assert_return (invoke $b "twice") (i32.const 11))"#;
        assert_eq!(failures(script), [0; 0]);
        assert_eq!((tally(script, true).moves, tally(script, false).moves), (4, 0));
    }

    #[test]
    fn a_reset_store_has_forgotten_its_first_life() {
        let script = r#"(module (global $g (mut i32) (i32.const 0))
              (func (export "count") (result i32)
                (global.set $g (i32.add (global.get $g) (i32.const 1))) (global.get $g)))
            (assert_return (invoke "count") (i32.const 1))
            (assert_return (invoke "count") (i32.const 2))"#;
        assert_eq!(failures(script), [0; 0]);
    }
}
