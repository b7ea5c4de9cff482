//! The written pages of a slot that are known, and whether there can be others.

use std::cell::Cell;
use std::ops::Range;
use std::thread::ThreadId;

/// The written pages of one slot as they were last found, by whom, and after how many of its faults.
///
/// # Invariants
///
/// 1. If `alone` holds, only the thread `by` has touched the slot since `pages` were found, and before they were found it
///    had had at most `faults` faults.
/// 2. If `resting` holds, nobody has touched the slot since `pages` were all.
#[derive(Debug, Default)]
pub struct Known {
    /// Addresses, ascending within each image.
    pages: Vec<Range<usize>>,
    by: Option<ThreadId>,
    faults: u64,
    alone: Cell<bool>,
    resting: Cell<bool>,
}

impl Known {
    /// Must be called by a thread before it writes to the slot, or lets a guest run in it.
    #[inline]
    pub fn touch(&self) {
        self.resting.set(false);
        if self.by != Some(this_thread()) {
            self.alone.set(false);
        }
    }

    /// Makes the pages known to this thread, if they still are all and another thread has found them: counting its faults
    /// from here on costs less than a search at the end.
    pub fn adopt(&mut self) {
        if self.resting.get() && self.by != Some(this_thread()) {
            self.count_from(faults_of_this_thread());
        }
    }

    /// Forgets the pages: a search must come next.
    pub fn forget(&mut self) {
        self.pages.clear();
        self.alone.set(false);
        self.resting.set(false);
    }

    /// Whether the pages known are all. If not, they are forgotten, to be found again by this thread.
    pub(super) fn is_complete(&mut self) -> bool {
        self.touch();
        let faults = faults_of_this_thread();
        if self.alone.get() && faults == Some(self.faults) {
            return true;
        }
        self.pages.clear();
        self.count_from(faults);
        false
    }

    fn count_from(&mut self, faults: Option<u64>) {
        self.by = Some(this_thread());
        self.alone.set(faults.is_some());
        self.faults = faults.unwrap_or(0);
    }

    pub(super) fn add(&mut self, pages: Range<usize>) {
        self.pages.push(pages);
    }

    /// The pages are all, and nobody uses the slot.
    pub(super) fn rest(&self) {
        self.resting.set(true);
    }

    /// Those of the pages that lie in `range`.
    pub(super) fn inside<'a>(
        &'a self,
        range: &'a Range<usize>,
    ) -> impl Iterator<Item = Range<usize>> + 'a {
        self.pages.iter().filter(|pages| range.contains(&pages.start)).cloned()
    }

    /// All of them, as addresses.
    pub(crate) fn pages(&self) -> &[Range<usize>] {
        &self.pages
    }
}

/// This thread, by a number that no other thread of the process ever has.
#[inline]
fn this_thread() -> ThreadId {
    thread_local! {
        static THREAD: Cell<Option<ThreadId>> = const { Cell::new(None) };
    }
    THREAD.with(|cell| cell.get().unwrap_or_else(|| first(cell)))
}

#[cold]
fn first(cell: &Cell<Option<ThreadId>>) -> ThreadId {
    let id = std::thread::current().id();
    cell.set(Some(id));
    id
}

/// All page faults that the kernel has counted for this thread, or `None` if it does not tell.
pub(super) fn faults_of_this_thread() -> Option<u64> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: `usage` is writable and of the kernel's type.
    let done = unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
    if done != 0 {
        return None;
    }
    // SAFETY: the call has filled it in.
    let usage = unsafe { usage.assume_init() };
    Some(usage.ru_minflt.cast_unsigned().wrapping_add(usage.ru_majflt.cast_unsigned()))
}
