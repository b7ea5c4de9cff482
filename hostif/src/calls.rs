//! The port through which a guest calls other functions.

use std::error::Error;

use faasm_sfi::pending::Pending;
pub use faasm_state::CallId;
use faasm_state::Stamps;

/// What a chained call runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Another function of the caller's tenant, by name.
    Name(String),
    /// A function of the caller's own module, by its index in table 0, in a Faaslet born from the same Proto.
    Pointer(u32),
}

/// What a chained call gave.
#[derive(Clone, Debug, Default)]
pub struct ChainedOutcome {
    /// What its function returned; not 0 where it failed.
    pub return_value: i32,
    /// Its output.
    pub output: Vec<u8>,
    /// What it and those that it awaited have pushed.
    pub stamps: Stamps,
}

/// Why a call cannot be chained.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The tenant has no function of this name.
    #[error("there is no function {name:?}")]
    UnknownFunction {
        /// The name.
        name: String,
    },
    /// The caller may not begin more calls.
    #[error("too many calls are under way")]
    TooMany,
    /// The platform could not begin it.
    #[error("the call could not be begun")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

/// Calls of other functions of one tenant: whoever holds this can name no other tenant's.
pub trait Calls: Send + Sync {
    /// Begins a call on behalf of `parent` and returns its id. It sees what `stamps` says was pushed.
    ///
    /// Ids below 2^32 are shown to guests as they are, and a guest can wait only for calls that it began itself.
    ///
    /// # Errors
    ///
    /// [`ChainError`].
    fn chain(
        &self,
        parent: CallId,
        target: Target,
        input: Vec<u8>,
        stamps: Stamps,
    ) -> Result<CallId, ChainError>;

    /// The outcome of a call, when it is there. It may be asked for again. Abandoned, it is a failed call.
    fn outcome(&self, id: CallId) -> Pending<ChainedOutcome>;
}
