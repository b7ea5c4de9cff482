//! Functions of Faasm in Rust: input and output, chained calls, and state that is shared between calls.
//!
//! ```no_run
//! faasm::main!(greet);
//!
//! fn greet() -> faasm::Result<String> {
//!     let name = String::from_utf8(faasm::input())?;
//!     Ok(format!("Hello, {name}!"))
//! }
//! ```
//!
//! # Invariants
//!
//! * No reference points into state: other Faaslets write there. [`View`] reads and writes it a value at a time.
//! * Only `raw` calls the host.

mod call;
mod chain;
pub mod ddo;
mod error;
mod init;
mod lock;
mod raw;
pub mod state;
mod view;

pub use call::{Answer, end, input, output};
pub use chain::{Call, Output, chain, chain_entry};
pub use error::{Error, Result};
pub use init::initialise;
pub use lock::{GlobalLock, ReadLock, WriteLock};
pub use state::State;
pub use view::{Plain, View};
