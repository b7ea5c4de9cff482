//! The host interface from inside a guest: modules compiled by the project's own compiler, and run.

#[path = "it/capture.rs"]
mod capture;
#[path = "it/chaining.rs"]
mod chaining;
#[path = "it/data.rs"]
mod data;
#[path = "it/dynlink.rs"]
mod dynlink;
#[path = "it/hostile.rs"]
mod hostile;
#[path = "it/memory.rs"]
mod memory;
#[path = "it/net.rs"]
mod net;
#[path = "it/programs.rs"]
mod programs;
#[path = "it/room.rs"]
mod room;
#[path = "it/state.rs"]
mod state;
#[path = "it/store.rs"]
mod store;
#[path = "it/support.rs"]
mod support;
#[path = "it/threads.rs"]
mod threads;
#[path = "it/tiers.rs"]
mod tiers;
#[path = "it/wasi.rs"]
mod wasi;
