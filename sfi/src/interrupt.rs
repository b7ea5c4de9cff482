//! A request, from any thread, that a guest's call end.

use std::sync::Arc;
use std::time::Instant;

use crate::watchdog::Watchdog;

/// A handle to the interrupt of one store; clones are the same one.
#[derive(Clone, Debug)]
pub struct Interrupt {
    cell: Arc<Cell>,
}

#[derive(Debug)]
struct Cell {}

impl Interrupt {
    /// A new one, whose deadlines and repeated signals `watchdog` sees to.
    #[must_use]
    pub fn new(watchdog: &Watchdog) -> Self {
        let _ = watchdog;
        todo!()
    }

    /// Asks that the present call end: sticky until the next outermost call begins. Any thread may ask.
    pub fn request(&self) {
        let _ = &self.cell;
        todo!()
    }

    /// Whether it was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        todo!()
    }

    /// From when on the watchdog asks; stays until changed, also over calls. Costs two stores.
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        let _ = deadline;
        todo!()
    }
}
