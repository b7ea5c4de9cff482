//! A case on wasmi: an interpreter has none of a code generator's mistakes.

use anyhow::Result;
use faasm_abi::trap::TrapCode as Code;
use wasmi::{
    Config, Engine, Error, Extern, F32, F64, Instance, Linker, Module, Nullable, Ref, Store,
    TrapCode, V128, Val, ValType,
};

use crate::case::{Call, Case, SUPPORT};
use crate::outcome::{Outcome, Ran, State, Stop, Value, memory, same};

/// Instructions that a case may execute, about.
const FUEL: u64 = 100_000_000;

/// What all cases share.
pub(crate) struct Interpreter {
    engine: Engine,
    support: Module,
}

impl Interpreter {
    pub(crate) fn new() -> Result<Self> {
        let mut config = Config::default();
        config
            .wasm_custom_page_sizes(true)
            .wasm_extended_const(true)
            .wasm_memory64(true)
            .wasm_multi_memory(true)
            .wasm_simd(true)
            .wasm_tail_call(true)
            .wasm_wide_arithmetic(true)
            .set_max_recursion_depth(10_000)
            .consume_fuel(true);
        let engine = Engine::new(&config);
        let support = Module::new(&engine, wat::parse_str(SUPPORT)?)?;
        Ok(Self { engine, support })
    }

    pub(crate) fn run(&self, case: &Case, calls: &[Call]) -> Result<Ran, Stop> {
        let module = Module::new(&self.engine, &case.wasm)
            .map_err(|error| Stop::Refused(error.to_string()))?;
        let mut store = Store::new(&self.engine, ());
        store.set_fuel(FUEL).map_err(strange)?;
        let mut linker = Linker::new(&self.engine);
        if module.imports().len() > 0 {
            let support =
                linker.instantiate_and_start(&mut store, &self.support).map_err(strange)?;
            let exports: Vec<_> =
                support.exports(&store).map(|e| (e.name().to_owned(), e.into_extern())).collect();
            for (name, item) in exports {
                linker
                    .define("support", &name, item)
                    .map_err(|error| Stop::Strange(error.to_string()))?;
            }
        }
        let mut ran = Ran::default();
        let instance = match linker.instantiate_and_start(&mut store, &module) {
            Ok(instance) => instance,
            Err(error) => {
                ran.outcomes.push(ended(&error)?);
                return Ok(ran);
            }
        };
        ran.outcomes.push(Outcome::Returned(Vec::new()));
        for call in calls {
            ran.outcomes.push(invoke(&mut store, instance, call)?);
        }
        ran.state = state(&store, instance);
        Ok(ran)
    }
}

fn strange(error: Error) -> Stop {
    Stop::Strange(error.to_string())
}

fn invoke(store: &mut Store<()>, instance: Instance, call: &Call) -> Result<Outcome, Stop> {
    let Some(func) = instance.get_func(&*store, &call.export) else {
        return Err(Stop::Strange(format!("no export {:?}", call.export)));
    };
    let ty = func.ty(&*store);
    let args: Vec<Val> =
        ty.params().iter().zip(&call.args).map(|(ty, (_, value))| to_val(*ty, *value)).collect();
    let mut results = vec![Val::I32(0); call.n_results];
    match func.call(&mut *store, &args, &mut results) {
        Ok(()) => Ok(Outcome::Returned(results.iter().map(seen).collect())),
        Err(error) => ended(&error),
    }
}

fn ended(error: &Error) -> Result<Outcome, Stop> {
    let Some(trap) = error.as_trap_code() else { return Err(Stop::Resources(error.to_string())) };
    let code = match trap {
        TrapCode::StackOverflow => return Err(Stop::Stack),
        TrapCode::OutOfFuel => return Err(Stop::Late),
        TrapCode::UnreachableCodeReached => Code::Unreachable,
        TrapCode::MemoryOutOfBounds => Code::MemoryOutOfBounds,
        TrapCode::TableOutOfBounds => Code::TableOutOfBounds,
        TrapCode::IndirectCallToNull => Code::UninitializedElement,
        TrapCode::BadSignature => Code::IndirectCallTypeMismatch,
        TrapCode::IntegerOverflow => Code::IntegerOverflow,
        TrapCode::IntegerDivisionByZero => Code::IntegerDivideByZero,
        TrapCode::BadConversionToInteger => Code::InvalidConversion,
        other => return Err(Stop::Resources(format!("{other:?}"))),
    };
    Ok(Outcome::Trapped(same(code)))
}

/// An argument; a null is one of its parameter's kind.
fn to_val(ty: ValType, value: Value) -> Val {
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(F32::from_bits(bits)),
        Value::F64(bits) => Val::F64(F64::from_bits(bits)),
        Value::V128(bits) => Val::V128(V128::from(bits)),
        Value::Null | Value::Reference if ty == ValType::ExternRef => {
            Val::ExternRef(Nullable::Null)
        }
        Value::Null | Value::Reference => Val::FuncRef(Nullable::Null),
    }
}

fn seen(value: &Val) -> Value {
    let reference = |null: bool| if null { Value::Null } else { Value::Reference };
    match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(value) => Value::F32(value.to_bits()),
        Val::F64(value) => Value::F64(value.to_bits()),
        Val::V128(value) => Value::V128(value.as_u128()),
        Val::FuncRef(func) => reference(func.is_null()),
        Val::ExternRef(external) => reference(external.is_null()),
    }
}

fn state(store: &Store<()>, instance: Instance) -> Vec<(String, State)> {
    let mut all: Vec<(String, State)> = instance
        .exports(store)
        .filter_map(|export| {
            let name = export.name().to_owned();
            let state = match export.into_extern() {
                Extern::Global(global) => State::Global(seen(&global.get(store))),
                Extern::Memory(of) => memory(of.data(store)),
                Extern::Table(table) => {
                    let elements = (0..table.size(store)).map_while(|at| table.get(store, at));
                    State::Table { elements: elements.map(|element| !is_null(&element)).collect() }
                }
                Extern::Func(_) => return None,
            };
            Some((name, state))
        })
        .collect();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}

fn is_null(element: &Ref) -> bool {
    match element {
        Ref::Func(func) => func.is_null(),
        Ref::Extern(external) => external.is_null(),
    }
}
