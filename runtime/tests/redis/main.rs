//! The Redis adapter on real servers, which these tests start on free ports: `redis-server` must be installed, and
//! `valkey-server` must be there or have been fetched (`valkey.sh`). `cargo xtask test` sees to both.

#![forbid(unsafe_code)]

mod bulk;
mod doctor;
mod faults;
mod proxy;
mod servers;
mod topologies;
mod topology;

use faasm_state_conformance::conformance;

use crate::servers::{Server, subject};

// Each check on a server of its own.
conformance!(|| {
    let server = Server::start(&[]);
    let subject = subject(&server.url(""));
    // It is killed when the test's process ends.
    servers::keep(server);
    subject
});
