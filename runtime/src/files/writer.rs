//! The one thread that writes for guests: flushing the disk takes longer than an executor should wait.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};

type Work = Box<dyn FnOnce() + Send>;

/// See the module's page. The thread begins with the first work and ends with this.
#[derive(Debug, Default)]
pub(super) struct Writer {
    thread: Mutex<Option<Sender<Work>>>,
}

impl Writer {
    /// Has the work done after all that was given before. It is dropped undone if the system gives no thread.
    pub(super) fn run(&self, work: Work) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = thread.take().or_else(start) else { return };
        if sender.send(work).is_ok() {
            *thread = Some(sender);
        }
    }
}

fn start() -> Option<Sender<Work>> {
    let (sender, work) = channel::<Work>();
    let run = move || work.into_iter().for_each(|work| work());
    std::thread::Builder::new().name("faasm-files".to_owned()).spawn(run).ok().map(|_| sender)
}
