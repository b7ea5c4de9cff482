//! Two-tier state: values in memory that all functions of a tenant on this host share, over a global tier.
//!
//! The local tier keeps each value in a shared region, which guests read and write through pointers or through copying
//! calls. The global tier, behind the port [`GlobalTier`], keeps what has been pushed. This room owns the algorithm
//! between the two: what has been pulled, what is dirty, what a push sends and what a pull overwrites.
//!
//! # Semantics
//!
//! | operation | what it does |
//! |---|---|
//! | [`Value::read`], [`Value::ensure`], [`Value::map`] | lazy: fetch what has not been pulled yet, of the bytes asked for |
//! | [`Value::pull`] | always fetches the whole value; local size and bytes become the global ones, dirty ones too |
//! | [`Value::set`], [`Value::write`] | local only; mark what they write as dirty |
//! | [`Value::flag_dirty`] | the same mark, for those who write through a pointer |
//! | [`Value::push`] | only when dirty; sends all that is known here of the value; clears the marks |
//! | [`Value::push_partial`] | sends the dirty bytes; then fetches again what others pushed in between |
//! | [`Value::push_masked`] | the same with the bytes that are not zero in a mask, another value, which is zeroed |
//! | [`Value::map`], [`Value::map_unwatched`] | pages for a guest's memory; what is written through the former is found at a push |
//! | [`Namespace::append`] and its kin | a list beside the value, in the global tier alone |
//! | [`Namespace::delete`] | global, then local |
//!
//! All of these are `eventual`. What a call does goes through its [`View`], which adds what the rule for the key wants
//! ([`Consistency`]) and what the call's global locks mean for its writes.
//!
//! Copying calls are atomic against one another, per value. Access through pointers is not locked, by design.
//! Locks that guests ask for ([`Namespace::lock`]) hold off only others who ask for them.
//!
//! # Not here
//!
//! WebAssembly, Redis, tenants (a caller is handed a [`Namespace`] and cannot spell another), and async: what may wait
//! returns a [`Pending`](faasm_sfi::pending::Pending).

#![forbid(unsafe_code)]

mod arbiter;
mod bits;
mod budget;
mod consistency;
mod dirty;
mod error;
mod gate;
mod global;
mod global_lock;
mod key;
mod local;
mod lock;
mod memory;
mod merge;
mod stamps;
mod timer;
mod tracking;
mod twin;
mod value;
mod view;

pub use arbiter::{Arbiter, Pin};
pub use budget::Usage;
pub use consistency::{
    Consistency, MergeKind, NoConsistency, PointerWrites, Rule, Rules, TwoRules,
};
pub use error::{Blame, Retry, StateError};
pub use global::{
    Condition, Copied, Entry, Fetched, Gathered, GlobalError, GlobalOp, GlobalTier, Merged,
    Outgoing, Patch, Sink, Source, Stat, Token, Version, Wait, Written,
};
pub use key::{Address, Key};
pub use local::{Limits, LocalTier, Namespace};
pub use lock::{CallId, LockError, Mode};
pub use memory::MemoryTier;
pub use merge::{Combine, Merge, MergeError, Number, members};
pub use stamps::Stamps;
pub use timer::Timer;
pub use value::{Mapping, Op, Pushed, Value};
pub use view::{Access, Extent, View};
