//! Host functions: Rust closures that compiled code calls without a detour.
//!
//! # Protocol
//!
//! 1. The stub in compiled code has checked that the guest stack has the declared room, and calls the thunk, on that
//!    stack, with the closure's address, the importer's context and the arguments.
//! 2. The thunk runs the closure with panics caught. A trap is recorded in the store and the status is 1: the stub
//!    then calls `raise`, when nothing with a destructor is left.
//! 3. On the way back the thunk reads the interrupt: who was interrupted while the host ran does not go on.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use faasm_abi::host::HostReturn;
use faasm_abi::trap::TrapCode;
use faasm_abi::types::{FuncType, ValType};

use crate::caller::Caller;
use crate::exception;
use crate::store::AsStore as _;
use crate::store::core::StoreCore;
use crate::trap::Trap;
use crate::value::{self, Scalar, Val};

/// A host function, ready to be imported.
pub(crate) struct HostFunc {
    pub(crate) ty: FuncType,
    /// Whether the thunk takes its arguments in registers.
    pub(crate) native: bool,
    /// Address of the thunk.
    pub(crate) thunk: usize,
    /// Keeps what the thunk's first argument points to.
    environment: Box<dyn Any + Send + Sync>,
    /// Bytes of stack that it may use.
    pub(crate) room: u32,
}

/// The closure was not well: it panicked.
#[derive(Debug, thiserror::Error)]
#[error("a host function panicked: {message}")]
struct Panicked {
    message: String,
}

/// What a host function may return: nothing or a scalar, or a `Result` of those.
pub trait HostResult: sealed::Sealed {
    /// The WebAssembly results.
    const TYPES: &'static [ValType];
    /// The result's bits, or the trap.
    #[doc(hidden)]
    fn into_bits(self) -> Result<u64, Trap>;
}

impl HostResult for () {
    const TYPES: &'static [ValType] = &[];
    fn into_bits(self) -> Result<u64, Trap> {
        Ok(0)
    }
}

impl<S: Scalar> HostResult for S {
    const TYPES: &'static [ValType] = &[S::TYPE];
    fn into_bits(self) -> Result<u64, Trap> {
        Ok(self.to_bits())
    }
}

impl<R: HostResult> HostResult for Result<R, Trap> {
    const TYPES: &'static [ValType] = R::TYPES;
    fn into_bits(self) -> Result<u64, Trap> {
        self?.into_bits()
    }
}

/// A closure `Fn(Caller<'_, T>, A1, …, An) -> R` with up to twelve [`Scalar`] arguments and a [`HostResult`].
pub trait IntoHostFunc<T: 'static, P>: Send + Sync + 'static {
    /// The WebAssembly parameters.
    const PARAMS: &'static [ValType];
    /// The WebAssembly results.
    const RESULTS: &'static [ValType];
    /// Address of the function that compiled code calls with a pointer to the closure.
    #[doc(hidden)]
    fn thunk() -> usize;
}

macro_rules! host_functions {
    ($(($($name:ident),*);)*) => {
        $(
            impl<T, Fun, Res, $($name),*> IntoHostFunc<T, (Res, $($name,)*)> for Fun
            where
                T: 'static,
                Fun: Fn(Caller<'_, T>, $($name),*) -> Res + Send + Sync + 'static,
                Res: HostResult + 'static,
                $($name: Scalar),*
            {
                const PARAMS: &'static [ValType] = &[$($name::TYPE),*];
                const RESULTS: &'static [ValType] = Res::TYPES;
                fn thunk() -> usize {
                    #[allow(non_snake_case, clippy::too_many_arguments, reason = "named as their types")]
                    extern "C" fn native<T, Fun, Res, $($name),*>(
                        environment: *const Fun,
                        context: *mut u8,
                        $($name: $name),*
                    ) -> HostReturn
                    where
                        T: 'static,
                        Fun: Fn(Caller<'_, T>, $($name),*) -> Res,
                        Res: HostResult,
                    {
                        finish(catch_unwind(AssertUnwindSafe(|| {
                            // SAFETY: the import's environment is this closure, kept by the store's contents
                            // (`HostFunc::native`, the only user of `thunk`), and the context is its importer's, in
                            // a store whose data is a `T` (`Linker<T>`, `Contents::data_type`).
                            let (function, caller) = unsafe { (&*environment, Caller::new(context)) };
                            function(caller, $($name),*).into_bits()
                        })))
                    }
                    native::<T, Fun, Res, $($name),*> as *const () as usize
                }
            }
        )*
    };
}

host_functions! {
    ();
    (A1);
    (A1, A2);
    (A1, A2, A3);
    (A1, A2, A3, A4);
    (A1, A2, A3, A4, A5);
    (A1, A2, A3, A4, A5, A6);
    (A1, A2, A3, A4, A5, A6, A7);
    (A1, A2, A3, A4, A5, A6, A7, A8);
    (A1, A2, A3, A4, A5, A6, A7, A8, A9);
    (A1, A2, A3, A4, A5, A6, A7, A8, A9, A10);
    (A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11);
    (A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12);
}

/// A host function whose arguments and results are values in slices.
type ArrayFn<T> = dyn Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<(), Trap> + Send + Sync;

struct ArrayEnvironment<T: 'static> {
    ty: FuncType,
    function: Box<ArrayFn<T>>,
}

impl HostFunc {
    /// A closure that takes its arguments in registers.
    pub(crate) fn native<T: 'static, P, F: IntoHostFunc<T, P>>(function: F, room: u32) -> Self {
        let ty = FuncType { params: F::PARAMS.into(), results: F::RESULTS.into() };
        Self { ty, native: true, thunk: F::thunk(), environment: Box::new(function), room }
    }

    /// A closure that takes its arguments in an array.
    pub(crate) fn array<T: 'static>(ty: FuncType, function: Box<ArrayFn<T>>) -> Self {
        let environment = ArrayEnvironment { ty: ty.clone(), function };
        Self {
            ty,
            native: false,
            thunk: array_thunk::<T> as *const () as usize,
            environment: Box::new(environment),
            room: faasm_abi::host::HOST_ROOM,
        }
    }

    /// What the thunk takes as its first argument.
    pub(crate) fn environment(&self) -> usize {
        std::ptr::from_ref(&*self.environment).cast::<()>() as usize
    }
}

impl fmt::Debug for HostFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostFunc").field("ty", &self.ty).finish_non_exhaustive()
    }
}

/// What the array stub calls.
extern "C" fn array_thunk<T: 'static>(
    environment: *const ArrayEnvironment<T>,
    context: *mut u8,
    values: *mut u128,
) -> u64 {
    // SAFETY: compiled code is the caller, and the borrow ends here.
    let held = unsafe { StoreCore::current() }.roots.get_mut().len();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: as in the native thunks (`HostFunc::array`).
        let (environment, caller) = unsafe { (&*environment, Caller::<T>::new(context)) };
        // SAFETY: compiled code passes as many cells as the larger of parameters and results, its own stack's.
        unsafe { call_array(environment, caller, values) }
    }));
    let status = finish(outcome).status;
    // SAFETY: as above.
    unsafe { StoreCore::current() }.roots.get_mut().truncate(held);
    status
}

/// # Safety
///
/// `cells` has room for the larger of the function's parameters and results, and is nobody else's.
unsafe fn call_array<T: 'static>(
    environment: &ArrayEnvironment<T>,
    caller: Caller<'_, T>,
    cells: *mut u128,
) -> Result<u64, Trap> {
    let ArrayEnvironment { ty, function } = environment;
    let core = caller.core_ptr();
    let params: Vec<Val> = (0..ty.params.len())
        // SAFETY: by the caller's promise; cells need not be aligned for Rust's `u128`.
        .map(|at| (ty.params[at], unsafe { cells.add(at).read_unaligned() }))
        .map(|(ty, bits)| core.core().val(ty, bits))
        .collect();
    let mut results: Vec<Val> = ty.results.iter().map(|&ty| core.core().val(ty, 0)).collect();
    function(caller, &params, &mut results)?;
    for (at, (&ty, &result)) in ty.results.iter().zip(&results).enumerate() {
        let bits = value::to_bits(core.core(), ty, result)
            .ok_or_else(|| Trap::host("a host function returned a value of another type"))?;
        // SAFETY: by the caller's promise.
        unsafe { cells.add(at).write_unaligned(bits) };
    }
    Ok(0)
}

/// Turns what a closure did into what the stub expects, and reads the interrupt.
#[inline(always)]
fn finish(outcome: std::thread::Result<Result<u64, Trap>>) -> HostReturn {
    let value = match outcome {
        Ok(Ok(value)) => value,
        Ok(Err(trap)) => return record(trap),
        Err(payload) => return panicked(payload),
    };
    if faasm_sfi::activation::is_interrupted() {
        return record(Trap::code(TrapCode::Interrupted));
    }
    HostReturn { status: 0, value }
}

#[cold]
fn panicked(payload: Box<dyn Any + Send>) -> HostReturn {
    record(Trap::host(Panicked { message: message_of(&*payload) }))
}

/// Records a trap for the raise that follows.
#[cold]
pub(crate) fn record(trap: Trap) -> HostReturn {
    // SAFETY: thunks and builtins are called by compiled code, and have let go of the core.
    let core = unsafe { StoreCore::current() };
    core.thrown = exception::thrown_by(core, &trap);
    core.trap = Some(trap);
    HostReturn { status: 1, value: 0 }
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

mod sealed {
    use super::{Scalar, Trap};

    /// Only this file's types are results.
    pub trait Sealed {}
    impl Sealed for () {}
    impl<S: Scalar> Sealed for S {}
    impl<R: Sealed> Sealed for Result<R, Trap> {}
}
