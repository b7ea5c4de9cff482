//! One thread that interrupts calls whose deadline has passed, and repeats until they end.

use std::io;

/// The thread; it ends when this is dropped. It sleeps until the earliest deadline it knows.
#[derive(Debug)]
pub struct Watchdog {}

impl Watchdog {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system has no thread left.
    pub fn start() -> io::Result<Self> {
        todo!()
    }
}
