//! The VM from outside: modules written as text, compiled by the project's own compiler, and run.

#[path = "it/atomics.rs"]
mod atomics;
#[path = "it/bounds.rs"]
mod bounds;
#[path = "it/calls.rs"]
mod calls;
#[path = "it/capture.rs"]
mod capture;
#[path = "it/debug.rs"]
mod debug;
#[path = "it/exceptions.rs"]
mod exceptions;
#[path = "it/exceptions_hosts.rs"]
mod exceptions_hosts;
#[path = "it/gc.rs"]
mod gc;
#[path = "it/golden.rs"]
mod golden;
#[path = "it/guest_memory.rs"]
mod guest_memory;
#[path = "it/hosts.rs"]
mod hosts;
#[path = "it/kernels.rs"]
mod kernels;
#[path = "it/linking.rs"]
mod linking;
#[path = "it/loading.rs"]
mod loading;
#[path = "it/memories.rs"]
mod memories;
#[path = "it/support.rs"]
mod support;
#[path = "it/suspension.rs"]
mod suspension;
#[path = "it/threads.rs"]
mod threads;
#[path = "it/traps.rs"]
mod traps;
