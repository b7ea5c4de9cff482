//! How compiled code and the host call one another.
//!
//! # Compiled functions
//!
//! Compiled functions follow Cranelift's `Tail` convention with the module's parameters and results only; an `i32` is
//! passed and returned zero-extended to 64 bits, and the callee and the caller rely on it: it may be a memory's index.
//! The context pointer is in the pinned register (x86-64 `r15`, aarch64 `x21`); a compiled function leaves there
//! what it found.
//! A *foreign* call (an import, an indirect call, `call_ref`) sets the callee's context and restores its own after.
//! Frame pointers are kept always.
//!
//! # From the host
//!
//! For each function type of an escaping function the object has an *entry*: system C convention
//! `fn(context, code, values)`, where `values` is an array of [`VALUE_BYTES`]-byte cells, as many as the larger of
//! parameters and results: parameters in, results out, each in the low bytes of its cell; results of 32 bits are
//! zero-extended to 64.
//! The entry sets the pinned register, which it does not save: the VM's assembly does.
//!
//! # To the host
//!
//! For each imported function the object has one or two *host stubs* which compiled code can call like any compiled
//! function with the importer's context: they check that the guest stack has the room which the import's descriptor
//! declares (else trap with `StackOverflow`), call the host function, and raise if its status is not zero.
//!
//! * *array*: system C convention `fn(environment, context, values) -> u64 status`, `values` as above.
//! * *native* (if [`crate::types::FuncType::is_native`]): `fn(environment, context, parameters…) -> HostReturn`,
//!   each parameter in its own type (references are 32-bit integers), the result in [`HostReturn::value`]:
//!   integers and references zero-extended, floats as bits.

/// Bytes of a cell in an array of values.
pub const VALUE_BYTES: u32 = 16;

/// Stack room in bytes that stubs of builtins check for.
pub const BUILTIN_ROOM: u32 = 32 * 1024;

/// Stack room in bytes that a host function has unless it declares another.
pub const HOST_ROOM: u32 = 128 * 1024;

/// What a native host function or a builtin returns, in two general registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct HostReturn {
    /// 0, or not 0 when a trap was recorded and must be raised.
    pub status: u64,
    /// The result, if there is one.
    pub value: u64,
}
