//! The walls around guests: memory, code, stacks, faults and interrupts.
//!
//! * [`slot`]: one reservation of address space, in which a guest lives; [`image`]: sealed pages from which slots are
//!   born; [`dirty`]: which pages a guest wrote, and their restoration; [`shared`]: memory that several guests share;
//!   [`racing`]: copies of what others may write meanwhile.
//! * [`file`]: files in memory; [`socket`]: what the safe libraries leave out of sockets; [`code`]: executable pages and the places in them that may fault; [`walls`]: what is a
//!   guest's own.
//! * [`activation`]: a stay of a thread inside guest code: entry, raising, suspension; [`fault`]: the signal handler;
//!   [`interrupt`] and [`watchdog`]: ending a guest that does not end by itself.
//! * [`pending`]: a value that will be there later; [`wait`]: waiting for it from inside a guest; [`parking`]: guests
//!   that wait for one another.
//! * [`profile`]: what debuggers and profilers are told of code.
//!
//! # Not here
//!
//! WebAssembly: this crate moves bytes and pages.

pub mod activation;
pub mod code;
pub mod dirty;
pub mod fault;
pub mod file;
pub mod image;
pub mod interrupt;
mod pages;
pub mod parking;
pub mod pending;
pub mod profile;
pub mod racing;
pub mod shared;
pub mod slot;
pub mod socket;
pub mod wait;
pub mod walls;
pub mod watchdog;

#[cfg(test)]
mod guest;

/// Bytes of a page of the host.
pub const HOST_PAGE: usize = 4096;
