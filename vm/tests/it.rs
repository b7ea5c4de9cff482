//! The VM from outside: modules written as text, compiled by the project's own compiler, and run.

#[path = "it/atomics.rs"]
mod atomics;
#[path = "it/bounds.rs"]
mod bounds;
#[path = "it/calls.rs"]
mod calls;
#[path = "it/capture.rs"]
mod capture;
#[path = "it/crash.rs"]
mod crash;
#[path = "it/debug.rs"]
mod debug;
#[path = "it/dynlink.rs"]
mod dynlink;
#[path = "it/exceptions.rs"]
mod exceptions;
#[path = "it/exceptions_hosts.rs"]
mod exceptions_hosts;
#[path = "it/gc.rs"]
mod gc;
#[path = "it/golden.rs"]
mod golden;
#[path = "it/growth.rs"]
mod growth;
#[path = "it/guest_memory.rs"]
mod guest_memory;
#[path = "it/hosts.rs"]
mod hosts;
#[path = "it/idle.rs"]
mod idle;
#[path = "it/images.rs"]
mod images;
#[path = "it/interrupts.rs"]
mod interrupts;
#[path = "it/kernels.rs"]
mod kernels;
#[path = "it/linking.rs"]
mod linking;
#[path = "it/loading.rs"]
mod loading;
#[path = "it/memories.rs"]
mod memories;
#[path = "it/recursion.rs"]
mod recursion;
#[path = "it/resets.rs"]
mod resets;
#[path = "it/snapshot.rs"]
mod snapshot;
#[path = "it/support.rs"]
mod support;
#[path = "it/suspension.rs"]
mod suspension;
#[path = "it/threads.rs"]
mod threads;
#[path = "it/trap_sites.rs"]
mod trap_sites;
#[path = "it/traps.rs"]
mod traps;
