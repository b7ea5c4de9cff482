//! Host functions: Rust closures that compiled code calls without a detour.

use faasm_abi::types::ValType;

use crate::trap::Trap;
use crate::value::Scalar;

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
            impl<T, F, R, $($name),*> IntoHostFunc<T, (R, $($name,)*)> for F
            where
                T: 'static,
                F: Fn(crate::Caller<'_, T>, $($name),*) -> R + Send + Sync + 'static,
                R: HostResult + 'static,
                $($name: Scalar),*
            {
                const PARAMS: &'static [ValType] = &[$($name::TYPE),*];
                const RESULTS: &'static [ValType] = R::TYPES;
                fn thunk() -> usize {
                    unimplemented!()
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

mod sealed {
    use super::{Scalar, Trap};

    /// Only this file's types are results.
    pub trait Sealed {}
    impl Sealed for () {}
    impl<S: Scalar> Sealed for S {}
    impl<R: Sealed> Sealed for Result<R, Trap> {}
}
