//! A case on our own compiler and VM.

use anyhow::Result;
use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{
    Captured, Engine, EngineConfig, Extern, Instance, InstantiateError, Linker, Module, ModuleInfo,
    SealKey, Store, StoreLimits, Strategy, Trap, TrapCode, TrapKind, Val,
};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use crate::case::{Call, Case, Life, SUPPORT};
use crate::outcome::{Outcome, Ran, State, Stop, Value, memory, same};

/// How long a case may run.
const TIME: Duration = Duration::from_secs(10);

/// What all cases share.
pub(crate) struct Ours {
    engine: Engine,
    support: Module,
}

fn key() -> SealKey {
    SealKey::derive(b"differential")
}

/// A case that was compiled.
pub(crate) struct Compiled {
    module: Module,
}

impl Compiled {
    pub(crate) fn info(&self) -> &ModuleInfo {
        self.module.info()
    }
}

impl Ours {
    pub(crate) fn new() -> Result<Self> {
        Self::with(Strategy::default())
    }

    /// An engine that resets in this way.
    pub(crate) fn with(strategy: Strategy) -> Result<Self> {
        let mut config = EngineConfig::new(key());
        config.arena_bytes = 256 << 30;
        config.reset = strategy;
        let engine = Engine::new(config)?;
        let wasm = wat::parse_str(SUPPORT)?;
        let object = compile(&validate(&wasm)?, &CompileOptions::default())?;
        let support = Module::load(&engine, &key().seal(object))?;
        Ok(Self { engine, support })
    }

    /// Compiles and loads the case.
    pub(crate) fn compile(&self, case: &Case) -> Result<Compiled, Stop> {
        self.load(&Self::object(case)?)
    }

    /// Compiles the case; anything but success is a finding, as only what we accept is asked for.
    pub(crate) fn object(case: &Case) -> Result<Vec<u8>, Stop> {
        let options = CompileOptions {
            opt: case.opt,
            threads: NonZeroUsize::new(1),
            ..CompileOptions::default()
        };
        let validated = validate(&case.wasm).map_err(refused)?;
        Ok(key().seal(compile(&validated, &options).map_err(refused)?))
    }

    /// Loads what [`Self::object`] has compiled.
    pub(crate) fn load(&self, object: &[u8]) -> Result<Compiled, Stop> {
        Ok(Compiled { module: Module::load(&self.engine, object).map_err(refused)? })
    }

    /// Runs the case.
    pub(crate) fn run(
        &self,
        case: &Case,
        compiled: &Compiled,
        calls: &[Call],
    ) -> Result<Ran, Stop> {
        let mut ran = Ran::default();
        let (store, instance) = match self.instantiate(compiled)? {
            Ok(instantiated) => instantiated,
            Err(trapped) => {
                ran.outcomes.push(trapped);
                return Ok(ran);
            }
        };
        ran.outcomes.push(Outcome::Returned(Vec::new()));
        let mut store = reborn(store, case.life, instance, calls)?;
        for call in calls {
            ran.outcomes.push(invoke(&mut store, instance, call)?);
        }
        ran.state = state(&store, instance, compiled.info());
        Ok(ran)
    }

    /// Instantiates and captures; nothing if it traps, or holds what no capture can.
    pub(crate) fn bench(&self, compiled: &Compiled) -> Result<Option<ResetBench>, Stop> {
        let Ok((mut store, instance)) = self.instantiate(compiled)? else { return Ok(None) };
        let Ok(captured) = store.capture() else { return Ok(None) };
        drop(store);
        let fresh = birth(&captured)?;
        let pages = fresh.accessible_pages();
        fresh.recycle();
        self.engine.settle();
        Ok(Some(ResetBench { captured, instance, pages }))
    }

    /// The instance in its store, or the trap that it ended with.
    fn instantiate(
        &self,
        compiled: &Compiled,
    ) -> Result<Result<(Store<()>, Instance), Outcome>, Stop> {
        let module = &compiled.module;
        let mut store = self.store(module)?;
        store.set_deadline(Some(Instant::now() + TIME));
        let mut linker = Linker::new(&self.engine);
        if !module.info().imports.is_empty() {
            let support = linker.instantiate(&mut store, &self.support).map_err(failed)?;
            linker.instance(&store, "support", support);
        }
        match linker.instantiate(&mut store, module) {
            Ok(instance) => Ok(Ok((store, instance))),
            Err(InstantiateError::Trap(trap)) => Ok(Err(trapped(&trap)?)),
            Err(error) => Err(failed(error)),
        }
    }

    /// A module with imports shares its store with what it imports, any other has a store that fits it.
    fn store(&self, module: &Module) -> Result<Store<()>, Stop> {
        let limits = StoreLimits::default();
        let store = if module.info().imports.is_empty() {
            Store::for_module(&self.engine, module, limits, ())
        } else {
            Store::new(&self.engine, limits, ())
        };
        store.map_err(|error| Stop::Resources(error.to_string()))
    }
}

/// A captured store, and what a fresh birth's pages hold.
pub(crate) struct ResetBench {
    captured: Captured,
    instance: Instance,
    pages: Vec<(usize, Vec<u8>)>,
}

impl ResetBench {
    /// Makes the calls in a born store, and compares every byte of its slot after its reset.
    pub(crate) fn life(&mut self, calls: &[Call]) -> Result<(), Stop> {
        let mut used = birth(&self.captured)?;
        used.set_deadline(Some(Instant::now() + TIME));
        for call in calls {
            // However it ends, the next life must not see it.
            if invoke(&mut used, self.instance, call).is_err() {
                break;
            }
        }
        let (engine, slot) = (used.engine(), used.slot_address());
        used.recycle();
        engine.settle();
        let next = birth(&self.captured)?;
        if next.slot_address() != slot {
            return Err(Stop::Strange("the slot could not be reset".to_owned()));
        }
        let differing = differing(&self.pages, &next.accessible_pages());
        next.recycle();
        // It may have gone to the reclaimer again, with the pages that were only looked at.
        engine.settle();
        if differing.is_empty() {
            return Ok(());
        }
        Err(Stop::Strange(format!("pages that differ after a reset: {differing:x?}")))
    }
}

fn birth(captured: &Captured) -> Result<Store<()>, Stop> {
    captured.birth(()).map_err(|error| Stop::Resources(error.to_string()))
}

fn refused(error: impl std::fmt::Display) -> Stop {
    Stop::Refused(error.to_string())
}

/// The places of pages that are not in both lists with the same bytes.
fn differing(fresh: &[(usize, Vec<u8>)], reset: &[(usize, Vec<u8>)]) -> Vec<usize> {
    let mut places: Vec<usize> =
        fresh.iter().zip(reset).filter(|(a, b)| a != b).map(|(a, _)| a.0).collect();
    if fresh.len() != reset.len() {
        places.push(usize::MAX);
    }
    places
}

/// The store in which the calls are made; the handles of the first are good in all.
fn reborn(
    mut store: Store<()>,
    life: Life,
    instance: Instance,
    calls: &[Call],
) -> Result<Store<()>, Stop> {
    if life == Life::Fresh {
        return Ok(store);
    }
    let Ok(captured) = store.capture() else { return Ok(store) };
    let engine = store.engine();
    drop(store);
    let deadline = Some(Instant::now() + TIME);
    let mut born = birth(&captured)?;
    born.set_deadline(deadline);
    if life == Life::Born {
        return Ok(born);
    }
    for call in calls {
        invoke(&mut born, instance, call)?;
    }
    born.recycle();
    engine.settle();
    let mut again = birth(&captured)?;
    again.set_deadline(deadline);
    Ok(again)
}

fn invoke(store: &mut Store<()>, instance: Instance, call: &Call) -> Result<Outcome, Stop> {
    let func = instance.func(store, &call.export);
    let func = func.ok_or_else(|| Stop::Strange(format!("no export {:?}", call.export)))?;
    let args: Vec<Val> = call.args.iter().map(|&(ty, value)| to_val(ty, value)).collect();
    match func.call(store, &args) {
        Ok(values) => Ok(Outcome::Returned(values.iter().map(seen).collect())),
        Err(trap) => trapped(&trap),
    }
}

fn trapped(trap: &Trap) -> Result<Outcome, Stop> {
    match trap.kind() {
        TrapKind::Code(TrapCode::StackOverflow) => Err(Stop::Stack),
        TrapKind::Code(TrapCode::Interrupted) => Err(Stop::Late),
        TrapKind::Code(code @ TrapCode::GcHeapExhausted) => Err(Stop::Resources(code.to_string())),
        TrapKind::Code(code) => Ok(Outcome::Trapped(same(*code))),
        TrapKind::Exception(_) => Ok(Outcome::Threw),
        other => Err(Stop::Strange(format!("{other:?}"))),
    }
}

fn failed(error: InstantiateError) -> Stop {
    match error {
        InstantiateError::Store(error) => Stop::Resources(error.to_string()),
        error => Stop::Strange(error.to_string()),
    }
}

/// An argument; a null is one of its parameter's kind.
fn to_val(ty: faasm_vm::ValType, value: Value) -> Val {
    use faasm_vm::{HeapType, ValType};
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(bits) => Val::V128(bits),
        Value::Null | Value::Reference => match ty {
            ValType::Ref(ty) => match ty.heap {
                HeapType::Func | HeapType::NoFunc => Val::FuncRef(None),
                HeapType::Extern | HeapType::NoExtern => Val::ExternRef(None),
                HeapType::Exn | HeapType::NoExn => Val::ExnRef(None),
                _ => Val::AnyRef(None),
            },
            _ => Val::FuncRef(None),
        },
    }
}

fn seen(value: &Val) -> Value {
    let reference = |null: bool| if null { Value::Null } else { Value::Reference };
    match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(bits) => Value::F32(*bits),
        Val::F64(bits) => Value::F64(*bits),
        Val::V128(bits) => Value::V128(*bits),
        Val::FuncRef(func) => reference(func.is_none()),
        Val::ExternRef(external) => reference(external.is_none()),
        Val::AnyRef(any) => reference(any.is_none()),
        Val::ExnRef(exception) => reference(exception.is_none()),
    }
}

fn state(store: &Store<()>, instance: Instance, info: &ModuleInfo) -> Vec<(String, State)> {
    let mut all: Vec<(String, State)> = info
        .exports
        .iter()
        .filter_map(|export| {
            let state = match instance.export(store, &export.name)? {
                Extern::Global(global) => State::Global(seen(&global.get(store))),
                Extern::Memory(of) => {
                    let view = of.view(store);
                    memory(&view.read(0, u32::try_from(view.len()).ok()?).ok()?)
                }
                Extern::Table(table) => {
                    let element = |at| Some(seen(&table.get(store, at).ok()?) != Value::Null);
                    State::Table { elements: (0..table.size(store)).map_while(element).collect() }
                }
                Extern::Func(_) | Extern::Tag(_) => return None,
            };
            Some((export.name.clone(), state))
        })
        .collect();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}
