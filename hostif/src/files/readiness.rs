//! Waiting for what the system opened for a guest: this process's standard input, named pipes, devices.
//!
//! Only a guest of a command has any, so each wait takes a thread for its time. A server's guests have files, which are
//! always ready.

use std::io;
use std::os::fd::OwnedFd;

use faasm_sfi::pending::{Pending, pending};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};

/// What is waited for, and for what.
pub(crate) type Source = (OwnedFd, PollFlags);

/// Ends the thread of a wait when it is dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    bell: OwnedFd,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // It takes eight bytes until somebody reads it, and nobody does.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }
}

/// Bytes that can be read at once.
pub(crate) fn available((fd, _): &Source) -> u64 {
    rustix::io::ioctl_fionread(fd).unwrap_or(0)
}

/// Is done when something has happened to one of them. To be kept until then: [`Waiting`].
pub(crate) fn any(sources: &[&Source]) -> io::Result<(Pending<()>, Waiting)> {
    let bell = eventfd(0, EventfdFlags::CLOEXEC)?;
    let waiting = Waiting { bell: bell.try_clone()? };
    let sources: Vec<Source> = sources
        .iter()
        .map(|(fd, flags)| Ok((fd.try_clone()?, *flags)))
        .collect::<io::Result<_>>()?;
    let (completer, ready) = pending();
    let wait = move || {
        let sources = sources.iter().map(|(fd, flags)| PollFd::new(fd, *flags));
        let mut polled: Vec<_> = sources.chain([PollFd::new(&bell, PollFlags::IN)]).collect();
        // A failure is found by whoever looks next.
        while poll(&mut polled, None) == Err(rustix::io::Errno::INTR) {}
        completer.complete(());
    };
    std::thread::Builder::new().name("faasm-readiness".to_owned()).spawn(wait)?;
    Ok((ready, waiting))
}
