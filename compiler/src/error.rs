//! How validation and compilation fail.

use faasm_abi::layout::ContextTooLarge;

use crate::limits::LimitExceeded;

/// A module that we do not accept.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// It is malformed or does not validate.
    #[error("the module is not valid WebAssembly")]
    Invalid(#[source] wasmparser::Error),
    /// It needs a part of WebAssembly that is not supported yet.
    #[error("the module uses {feature}, which is not supported yet")]
    Unsupported {
        /// The part, in the words of its proposal.
        feature: String,
        /// Where it is used.
        #[source]
        source: wasmparser::Error,
    },
    /// It validates, but its description cannot express what it uses.
    #[error("the module uses {0}, which is not supported yet")]
    Unknown(String),
    /// It asks for more than a limit allows.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// A limit of ours is smaller than the specification's.
    #[error("the module has more than 4 GiB of {0}")]
    TooLarge(&'static str),
}

/// A valid module that cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The target is unknown, or the code generator has no support for it.
    #[error("cannot generate code for {target}: {reason}")]
    Target {
        /// The target asked for.
        target: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An instance's context would be too large.
    #[error("the module's instances cannot be laid out")]
    Context(#[source] ContextTooLarge),
    /// An operator that the translation does not know.
    #[error("the operator {0} is not supported yet")]
    Operator(String),
    /// A function body that cannot be read; validation should have refused it.
    #[error("a function cannot be read")]
    Body(#[source] wasmparser::Error),
    /// The code generator refused a function.
    #[error("the code generator failed on {function}: {reason}")]
    Codegen {
        /// Which function or stub.
        function: String,
        /// What it said.
        reason: String,
    },
    /// The code generator panicked on a function, which is a bug of its or ours; nothing else is harmed.
    #[error(
        "the code generator panicked on {function}: {message}; please report it with the module"
    )]
    Panicked {
        /// Which function or stub.
        function: String,
        /// What it said.
        message: String,
    },
    /// The module asks for more than a limit allows.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// The machine code is larger than an object can hold.
    #[error("the machine code is too large: 2 GiB is the limit")]
    TextTooLarge,
    /// The worker threads could not be started.
    #[error("cannot start {0} threads to compile with")]
    Threads(usize),
    /// The object file cannot be written.
    #[error("cannot write the object file: {0}")]
    Object(String),
}
