//! A case on our own compiler and VM.

use anyhow::Result;
use faasm_compiler::{CompileOptions, compile, validate};
use faasm_vm::{
    Engine, EngineConfig, Extern, Instance, InstantiateError, Linker, Module, ModuleInfo, SealKey,
    Store, StoreLimits, Trap, TrapCode, TrapKind, Val,
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
    key: SealKey,
    support: Module,
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
        let key = SealKey::derive(b"differential");
        let mut config = EngineConfig::new(key.clone());
        config.arena_bytes = 256 << 30;
        let engine = Engine::new(config)?;
        let wasm = wat::parse_str(SUPPORT)?;
        let object = compile(&validate(&wasm)?, &CompileOptions::default())?;
        let support = Module::load(&engine, &key.seal(object))?;
        Ok(Self { engine, key, support })
    }

    /// Compiles the case; anything but success is a finding, as only what we accept is asked for.
    pub(crate) fn compile(&self, case: &Case) -> Result<Compiled, Stop> {
        let refused = |error: &dyn std::fmt::Display| Stop::Refused(error.to_string());
        let options = CompileOptions {
            opt: case.opt,
            threads: NonZeroUsize::new(1),
            ..CompileOptions::default()
        };
        let validated = validate(&case.wasm).map_err(|error| refused(&error))?;
        let object = compile(&validated, &options).map_err(|error| refused(&error))?;
        let module = Module::load(&self.engine, &self.key.seal(object));
        Ok(Compiled { module: module.map_err(|error| refused(&error))? })
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

    /// Runs the calls in a born store, resets it, and says which pages of the next birth are not as in a fresh one.
    pub(crate) fn reset(&self, compiled: &Compiled, calls: &[Call]) -> Result<Vec<usize>, Stop> {
        let Ok((mut store, instance)) = self.instantiate(compiled)? else { return Ok(Vec::new()) };
        let refused = |error: &dyn std::fmt::Display| Stop::Resources(error.to_string());
        let captured = store.capture().map_err(|error| refused(&error))?;
        let birth = || captured.birth(()).map_err(|error| refused(&error));
        let (fresh, mut used) = (birth()?, birth()?);
        used.set_deadline(Some(Instant::now() + TIME));
        for call in calls {
            // However it ends, the next life must not see it.
            if invoke(&mut used, instance, call).is_err() {
                break;
            }
        }
        used.recycle();
        Ok(differing(&fresh.accessible_pages(), &birth()?.accessible_pages()))
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
    drop(store);
    let birth = || captured.birth(()).map_err(|error| Stop::Resources(error.to_string()));
    let deadline = Some(Instant::now() + TIME);
    let mut born = birth()?;
    born.set_deadline(deadline);
    if life == Life::Born {
        return Ok(born);
    }
    for call in calls {
        invoke(&mut born, instance, call)?;
    }
    born.recycle();
    let mut again = birth()?;
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
