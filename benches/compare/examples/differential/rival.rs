//! A case on wasmtime.

use std::time::Duration;

use anyhow::{Context as _, Result};
use faasm_abi::trap::TrapCode;
use wasmtime::{
    Collector, Config, Engine, Error, Extern, Instance, Linker, Module, Ref, Store,
    ThrownException, Trap, Val,
};

use crate::case::{Call, Case, SUPPORT};
use crate::outcome::{Outcome, Ran, State, Stop, Value, memory, same};

/// How often the engine's clock ticks, and at which tick a case is ended.
const TICK: Duration = Duration::from_millis(100);
const TICKS: u64 = 100;

/// What all cases share.
pub(crate) struct Rival {
    engine: Engine,
    support: Module,
}

impl Rival {
    pub(crate) fn new() -> Result<Self> {
        let mut config = Config::new();
        config
            .wasm_custom_page_sizes(true)
            .wasm_exceptions(true)
            .wasm_function_references(true)
            .wasm_gc(true)
            .wasm_memory64(true)
            .wasm_multi_memory(true)
            .wasm_relaxed_simd(true)
            .relaxed_simd_deterministic(true)
            .wasm_tail_call(true)
            .wasm_threads(true)
            .shared_memory(true)
            .wasm_wide_arithmetic(true)
            .collector(Collector::DeferredReferenceCounting)
            .parallel_compilation(false)
            .epoch_interruption(true);
        let engine = Engine::new(&config)?;
        let support = Module::new(&engine, wat::parse_str(SUPPORT)?)?;
        let clock = engine.weak();
        // Its own thread, as a guest that does not end must be stopped from outside.
        std::thread::spawn(move || {
            let (_keep, never) = std::sync::mpsc::channel::<()>();
            while let Some(engine) = clock.upgrade() {
                engine.increment_epoch();
                drop(engine);
                let _ = never.recv_timeout(TICK);
            }
        });
        Ok(Self { engine, support })
    }

    pub(crate) fn run(&self, case: &Case, calls: &[Call]) -> Result<Ran, Stop> {
        let module = Module::new(&self.engine, &case.wasm)
            .map_err(|error| Stop::Refused(format!("{error:#}")))?;
        let mut store = Store::new(&self.engine, ());
        store.set_epoch_deadline(TICKS);
        let mut linker = Linker::new(&self.engine);
        if module.imports().len() > 0 {
            let support = linker.instantiate(&mut store, &self.support).map_err(strange)?;
            linker.instance(&mut store, "support", support).map_err(strange)?;
        }
        let mut ran = Ran::default();
        let instance = match linker.instantiate(&mut store, &module) {
            Ok(instance) => instance,
            Err(error) => {
                ran.outcomes.push(ended(&error)?);
                return Ok(ran);
            }
        };
        ran.outcomes.push(Outcome::Returned(Vec::new()));
        for call in calls {
            ran.outcomes.push(invoke(&mut store, &instance, call)?);
        }
        ran.state = state(&mut store, &instance);
        Ok(ran)
    }
}

fn strange(error: Error) -> Stop {
    Stop::Strange(format!("{error:#}"))
}

fn invoke(store: &mut Store<()>, instance: &Instance, call: &Call) -> Result<Outcome, Stop> {
    let func = instance
        .get_func(&mut *store, &call.export)
        .context("no such export")
        .map_err(|error| Stop::Strange(error.to_string()))?;
    let params: Vec<_> = func.ty(&*store).params().collect();
    let args: Vec<Val> =
        params.iter().zip(&call.args).map(|(ty, (_, value))| to_val(ty, *value)).collect();
    let mut results = vec![Val::I32(0); call.n_results];
    match func.call(&mut *store, &args, &mut results) {
        Ok(()) => Ok(Outcome::Returned(results.iter().map(seen).collect())),
        Err(error) => ended(&error),
    }
}

fn ended(error: &Error) -> Result<Outcome, Stop> {
    if error.is::<ThrownException>() {
        return Ok(Outcome::Threw);
    }
    let Some(trap) = error.downcast_ref::<Trap>() else {
        return Err(Stop::Resources(format!("{error:#}")));
    };
    let code = match trap {
        Trap::StackOverflow => return Err(Stop::Stack),
        Trap::Interrupt => return Err(Stop::Late),
        Trap::AllocationTooLarge => return Err(Stop::Resources(trap.to_string())),
        Trap::UnreachableCodeReached => TrapCode::Unreachable,
        Trap::MemoryOutOfBounds => TrapCode::MemoryOutOfBounds,
        Trap::TableOutOfBounds => TrapCode::TableOutOfBounds,
        Trap::IndirectCallToNull => TrapCode::UninitializedElement,
        Trap::BadSignature => TrapCode::IndirectCallTypeMismatch,
        Trap::IntegerOverflow => TrapCode::IntegerOverflow,
        Trap::IntegerDivisionByZero => TrapCode::IntegerDivideByZero,
        Trap::BadConversionToInteger => TrapCode::InvalidConversion,
        Trap::HeapMisaligned => TrapCode::UnalignedAtomic,
        Trap::AtomicWaitNonSharedMemory => TrapCode::ExpectedSharedMemory,
        Trap::NullReference => TrapCode::NullReference,
        Trap::ArrayOutOfBounds => TrapCode::ArrayOutOfBounds,
        Trap::CastFailure => TrapCode::CastFailure,
        other => return Err(Stop::Strange(other.to_string())),
    };
    Ok(Outcome::Trapped(same(code)))
}

/// An argument; a null is one of its parameter's kind.
fn to_val(ty: &wasmtime::ValType, value: Value) -> Val {
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(bits) => Val::V128(bits.into()),
        Value::Null | Value::Reference => {
            let null = ty.as_ref().map(|ty| Val::null_ref(ty.heap_type()));
            null.unwrap_or(Val::FuncRef(None))
        }
    }
}

fn seen(value: &Val) -> Value {
    let reference = |null: bool| if null { Value::Null } else { Value::Reference };
    match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(bits) => Value::F32(*bits),
        Val::F64(bits) => Value::F64(*bits),
        Val::V128(bits) => Value::V128(bits.as_u128()),
        Val::FuncRef(func) => reference(func.is_none()),
        Val::ExternRef(external) => reference(external.is_none()),
        Val::AnyRef(any) => reference(any.is_none()),
        Val::ExnRef(exception) => reference(exception.is_none()),
        Val::ContRef(continuation) => reference(continuation.is_none()),
    }
}

fn state(store: &mut Store<()>, instance: &Instance) -> Vec<(String, State)> {
    let exports: Vec<(String, Extern)> = instance
        .exports(&mut *store)
        .map(|export| (export.name().to_owned(), export.into_extern()))
        .collect();
    let mut all: Vec<(String, State)> = exports
        .into_iter()
        .filter_map(|(name, item)| {
            let state = match item {
                Extern::Global(global) => State::Global(seen(&global.get(&mut *store))),
                Extern::Memory(of) => memory(of.data(&*store)),
                Extern::Table(table) => {
                    let size = table.size(&*store);
                    let elements = (0..size).map_while(|at| table.get(&mut *store, at));
                    State::Table { elements: elements.map(|element| !is_null(&element)).collect() }
                }
                // The bytes of a shared memory can be read only with `unsafe`; modules load what they stored.
                Extern::SharedMemory(_) | Extern::Func(_) | Extern::Tag(_) => return None,
            };
            Some((name, state))
        })
        .collect();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}

fn is_null(element: &Ref) -> bool {
    element.is_null()
}
