//! What a run shows, in words that all engines share.

use faasm_abi::trap::TrapCode;

/// A value that can be seen from outside; references show only whether they are null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128(u128),
    Null,
    Reference,
}

/// How a call, or the instantiation, ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Returned(Vec<Value>),
    Trapped(TrapCode),
    /// An exception that nothing caught.
    Threw,
}

/// Something exported, after all calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Global(Value),
    Memory {
        bytes: usize,
        hash: blake3::Hash,
    },
    /// Which elements are not null.
    Table {
        elements: Vec<bool>,
    },
}

/// All that a run shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ran {
    /// The instantiation, then each call.
    pub(crate) outcomes: Vec<Outcome>,
    /// By export, in the order of names.
    pub(crate) state: Vec<(String, State)>,
}

/// Why a run says nothing about an engine's meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The stack was used up: how deep that is, is the engine's own affair.
    Stack,
    /// Memory or another resource was used up.
    Resources(String),
    /// It took too long.
    Late,
    /// The engine does not take the module.
    Refused(String),
    /// A rival's own panic.
    Panicked,
    /// It ended in a way that has no words here.
    Strange(String),
}

/// Traps that engines tell apart differently, as one.
pub(crate) const fn same(code: TrapCode) -> TrapCode {
    match code {
        TrapCode::UndefinedElement => TrapCode::TableOutOfBounds,
        TrapCode::NullFunction
        | TrapCode::NullStructure
        | TrapCode::NullArray
        | TrapCode::NullI31
        | TrapCode::NullException => TrapCode::NullReference,
        code => code,
    }
}

/// What a memory shows.
pub(crate) fn memory(bytes: &[u8]) -> State {
    State::Memory { bytes: bytes.len(), hash: blake3::hash(bytes) }
}
