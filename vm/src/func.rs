//! Functions, as handles, and calls into guests.

use std::marker::PhantomData;

use faasm_abi::types::FuncType;

use crate::run::Run;
use crate::store::{AsStore, Store};
use crate::trap::Trap;
use crate::value::{Val, Values};

/// A function of a store; a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Func {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

/// A function whose type was checked once, for fast calls.
#[derive(Clone, Copy, Debug)]
pub struct TypedFunc<P, R> {
    func: Func,
    types: PhantomData<fn(P) -> R>,
}

/// The function has another type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the function has type {found:?}")]
pub struct TypedFuncError {
    /// Its type.
    pub found: FuncType,
}

impl Func {
    /// Its type.
    #[must_use]
    pub fn ty<'a>(&self, store: &'a impl AsStore) -> &'a FuncType {
        let _ = (store, self.store, self.index);
        unimplemented!()
    }

    /// Calls it.
    ///
    /// # Errors
    ///
    /// The [`Trap`] that ended the call; also when the arguments do not fit its type.
    pub fn call(&self, store: &mut impl AsStore, args: &[Val]) -> Result<Vec<Val>, Trap> {
        let _ = (store, args);
        unimplemented!()
    }

    /// Checks its type once.
    ///
    /// # Errors
    ///
    /// [`TypedFuncError`] when the type is another.
    pub fn typed<P: Values, R: Values>(
        &self,
        store: &impl AsStore,
    ) -> Result<TypedFunc<P, R>, TypedFuncError> {
        let _ = store;
        Ok(TypedFunc { func: *self, types: PhantomData })
    }

    /// Calls it in such a way that host functions can wait without holding the thread.
    #[must_use]
    pub fn start<T: 'static>(self, store: Store<T>, args: &[Val]) -> Run<T> {
        let _ = (store, args);
        unimplemented!()
    }
}

impl<P: Values, R: Values> TypedFunc<P, R> {
    /// The function.
    #[must_use]
    pub fn func(&self) -> Func {
        self.func
    }

    /// Calls it.
    ///
    /// # Errors
    ///
    /// The [`Trap`] that ended the call.
    pub fn call(&self, store: &mut impl AsStore, params: P) -> Result<R, Trap> {
        let _ = (store, params);
        unimplemented!()
    }
}
