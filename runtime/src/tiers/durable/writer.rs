//! The one thread that writes: it gathers operations, does them in one transaction, and answers after its commit.
//!
//! # Protocol
//!
//! 1. An operation is a [`Job`] in the queue. The thread does all that are there, then those that have come meanwhile,
//!    until none has or the batch is large; then it commits, with the disk's acknowledgement; then it answers. While the
//!    disk works, the next batch gathers: that is all the waiting there is.
//! 2. Every job has a deadline, and the timer answers it if the thread has not: in the queue it has not happened, and is
//!    taken out; in a batch nobody knows. An answer is given once, by who takes the completer first.
//! 3. A job that waits for others (taking from an empty list) is parked at its address without a deadline, and is done
//!    again after something was added there, if somebody still wants it.
//! 4. When the store fails, the file is opened again, and the number of its last commit says whether the batch happened.
//!    If it cannot be opened, a batch that was being committed is unknown, and later ones are unavailable until it can.
//! 5. What a job has taken out of the tier is taken with its answer, or is put back: when nobody wants the answer, when the
//!    timer has given another, or when it is dropped unread. What is put back goes before all jobs of the queue, what was
//!    taken last first; it has no deadline, and when the store fails it is tried again, until the tier is closed.
//! 6. The thread ends when the queue is closed and empty.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use faasm_sfi::pending::Completer;
use faasm_state::{Address, GlobalError, GlobalOp, Timer};
use redb::StorageError;

use super::batch::{Batch, Effects, Fault};
use super::error::DurableError;
use super::store::{Failure, Store};
use super::watchers::Watchers;

/// A batch is committed when its operations have this many bytes.
const BATCH_BYTES: usize = 32 << 20;
/// When what the store could not put back is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// How many bytes may wait in the queue.
const QUEUE_BYTES: usize = 512 << 20;

/// What an operation has come to.
pub(super) enum Progress {
    /// It is answered after the commit.
    Done,
    /// It waits for something to be added at this address.
    Parked(Address),
}

/// An operation in the queue.
trait Job: Send {
    fn apply(&mut self, batch: &mut Batch<'_>) -> Result<Progress, StorageError>;
    /// Gives its result, or this error.
    fn answer(&mut self, failed: Option<GlobalError>);
    fn is_wanted(&self) -> bool;
    fn handle(&self) -> Arc<dyn Fail>;
    fn bytes(&self) -> usize;
}

/// What can be told that it took too long.
trait Fail: Send + Sync {
    fn fail(&self, error: GlobalError);
}

/// An answer that is given once.
struct Answer<T>(Mutex<Option<Completer<Result<T, GlobalError>>>>);

/// What is done with a result that nobody takes.
pub(super) type Unwanted<T> = Box<dyn FnOnce(T) + Send>;
/// Says that, when the answer is given.
type Keep<T> = Box<dyn FnOnce() -> Unwanted<T> + Send>;

impl<T: Send + 'static> Answer<T> {
    fn give(&self, result: Result<T, GlobalError>, unwanted: Option<Unwanted<T>>) {
        let completer = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (completer, unwanted) {
            (Some(completer), None) => completer.complete(result),
            (Some(completer), Some(unwanted)) => {
                completer.complete_or(result, move |result| result.map_or((), unwanted));
            }
            // It has another answer already.
            (None, Some(unwanted)) => result.map_or((), unwanted),
            (None, None) => {}
        }
    }

    fn is_wanted(&self) -> bool {
        let completer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        completer.as_ref().is_some_and(Completer::is_wanted)
    }
}

impl<T: Send + 'static> Fail for Answer<T> {
    fn fail(&self, error: GlobalError) {
        self.give(Err(error), None);
    }
}

/// `None` from the work: it must wait.
struct Work<T, F> {
    at: Address,
    bytes: usize,
    work: F,
    result: Option<Result<T, GlobalError>>,
    answer: Arc<Answer<T>>,
    keep: Option<Keep<T>>,
}

impl<T, F> Job for Work<T, F>
where
    T: Send + 'static,
    F: FnMut(&mut Batch<'_>, &Address) -> Result<Option<T>, Fault> + Send,
{
    fn apply(&mut self, batch: &mut Batch<'_>) -> Result<Progress, StorageError> {
        self.result = match (self.work)(batch, &self.at) {
            Ok(None) => return Ok(Progress::Parked(self.at.clone())),
            Ok(Some(result)) => Some(Ok(result)),
            Err(Fault::Refused(error)) => Some(Err(error)),
            Err(Fault::Storage(error)) => return Err(error),
        };
        Ok(Progress::Done)
    }

    fn answer(&mut self, failed: Option<GlobalError>) {
        // A refusal holds whatever became of the batch.
        match (self.result.take(), failed) {
            (Some(Err(error)), _) | (_, Some(error)) => self.answer.give(Err(error), None),
            (Some(result), None) => {
                let unwanted = self.keep.take().map(|keep| keep());
                self.answer.give(result, unwanted);
            }
            (None, None) => {}
        }
    }

    fn is_wanted(&self) -> bool {
        self.answer.is_wanted()
    }

    fn handle(&self) -> Arc<dyn Fail> {
        Arc::clone(&self.answer) as Arc<dyn Fail>
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The queue of a tier's writer, and what the thread needs.
pub(super) struct Writer {
    store: Arc<Store>,
    watchers: Arc<Watchers>,
    deadline: Duration,
    queue: Mutex<Queue>,
    /// Notified when a job comes or the queue is closed.
    wake: Condvar,
    timer: Timer,
}

#[derive(Default)]
struct Queue {
    /// By deadline.
    jobs: VecDeque<(Instant, Box<dyn Job>)>,
    bytes: usize,
    /// What is to be put back before they are done, the last one first.
    returned: Vec<Box<dyn Job>>,
    /// Of the batch: its jobs, while they are not answered.
    flying: Vec<(Instant, Arc<dyn Fail>)>,
    /// Whether the timer will look at the deadlines.
    watched: bool,
    closed: bool,
    /// The thread does no more.
    ended: bool,
}

/// Elements that nobody has taken the answer with.
pub(super) struct Returned {
    pub(super) at: Address,
    pub(super) elements: Arc<Vec<Vec<u8>>>,
}

impl Returned {
    fn job(self, writer: &Weak<Writer>) -> Box<dyn Job> {
        let elements = Arc::clone(&self.elements);
        let bytes = elements.iter().map(Vec::len).sum();
        let work =
            move |batch: &mut Batch<'_>, at: &Address| batch.give_back(at, &elements).map(Some);
        let (job, operation) = job(&self.at, bytes, work, None);
        let writer = Weak::clone(writer);
        drop(operation.map(move |done| match done {
            Ok(()) => {}
            Err(error @ GlobalError::Unavailable(_)) => {
                Writer::give_back_later(&writer, self, &error);
            }
            Err(error) => self.lost(&error),
        }));
        job
    }

    fn lost(&self, error: &GlobalError) {
        let (at, elements) = (&self.at, self.elements.len());
        let source = error.source();
        tracing::warn!(%error, source, %at, elements, "taken for a call that had ended, and lost");
    }
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.returned.is_empty()
    }
}

impl Writer {
    pub(super) fn new(store: Arc<Store>, watchers: Arc<Watchers>, deadline: Duration) -> Arc<Self> {
        Arc::new(Self {
            store,
            watchers,
            deadline,
            queue: Mutex::default(),
            wake: Condvar::new(),
            timer: Timer::default(),
        })
    }

    /// Has `work` done at `at`, which takes about so many bytes.
    pub(super) fn submit<T: Send + 'static>(
        self: &Arc<Self>,
        at: &Address,
        bytes: usize,
        work: impl FnMut(&mut Batch<'_>, &Address) -> Result<Option<T>, Fault> + Send + 'static,
    ) -> GlobalOp<T> {
        let (job, operation) = job(at, bytes, work, None);
        self.begin(job);
        operation
    }

    /// The same, for what must not be lost: a result that nobody takes goes to what `keep` says when the answer is given.
    pub(super) fn submit_kept<T: Send + 'static>(
        self: &Arc<Self>,
        at: &Address,
        work: impl FnMut(&mut Batch<'_>, &Address) -> Result<Option<T>, Fault> + Send + 'static,
        keep: impl FnOnce() -> Unwanted<T> + Send + 'static,
    ) -> GlobalOp<T> {
        let (job, operation) = job(at, 0, work, Some(Box::new(keep)));
        self.begin(job);
        operation
    }

    fn begin(self: &Arc<Self>, job: Box<dyn Job>) {
        if let Some((mut job, error)) = self.enqueue(job) {
            job.answer(Some(unavailable(error)));
        }
    }

    /// Puts elements back to the front of a list that were taken out of it for nobody. It is done while the thread is
    /// there, also when the queue is closed.
    pub(super) fn give_back(writer: &Weak<Self>, returned: Returned) {
        let there = writer.upgrade();
        let mut queue = there.as_ref().map(|writer| writer.queue());
        match queue.as_mut().filter(|queue| !queue.ended) {
            Some(queue) => queue.returned.push(returned.job(writer)),
            None => returned.lost(&unavailable(DurableError::Ended)),
        }
        drop(queue);
        there.inspect(|writer| writer.wake.notify_one());
    }

    /// The store could not do it now.
    fn give_back_later(writer: &Weak<Self>, returned: Returned, error: &GlobalError) {
        let open = writer.upgrade().filter(|writer| !writer.queue().closed);
        let Some(open) = open else { return returned.lost(error) };
        let writer = Weak::clone(writer);
        let again = Box::new(move || Self::give_back(&writer, returned));
        open.timer.at(Instant::now() + AGAIN, again);
    }

    fn enqueue(self: &Arc<Self>, job: Box<dyn Job>) -> Option<(Box<dyn Job>, DurableError)> {
        let mut queue = self.queue();
        if queue.closed {
            return Some((job, DurableError::Ended));
        }
        let waiting = queue.bytes;
        if waiting > 0 && waiting.saturating_add(job.bytes()) > QUEUE_BYTES {
            return Some((job, DurableError::Busy { waiting }));
        }
        let ends = Instant::now() + self.deadline;
        queue.bytes += job.bytes();
        queue.jobs.push_back((ends, job));
        let watch = !mem::replace(&mut queue.watched, true);
        drop(queue);
        self.wake.notify_one();
        if watch {
            self.watch(ends);
        }
        None
    }

    /// Looks at the deadlines at `time`.
    fn watch(self: &Arc<Self>, time: Instant) {
        let writer = Arc::downgrade(self);
        self.timer.at(time, Box::new(move || Self::look(&writer)));
    }

    /// Answers what is late.
    fn look(writer: &Weak<Self>) {
        let Some(writer) = writer.upgrade() else { return };
        let now = Instant::now();
        let mut queue = writer.queue();
        let late = queue.jobs.partition_point(|(ends, _)| *ends <= now);
        let mut queued: Vec<_> = queue.jobs.drain(..late).map(|(_, job)| job).collect();
        queue.bytes -= queued.iter().map(|job| job.bytes()).sum::<usize>();
        let flying: Vec<_> = queue.flying.extract_if(.., |(ends, _)| *ends <= now).collect();
        let next = queue.jobs.front().map(|(ends, _)| *ends);
        let next = queue.flying.iter().map(|(ends, _)| *ends).chain(next).min();
        queue.watched = next.is_some();
        drop(queue);
        if let Some(next) = next {
            writer.watch(next);
        }
        for job in &mut queued {
            job.answer(Some(unavailable(DurableError::Late(writer.deadline))));
        }
        for (_, job) in flying {
            job.fail(unknown(DurableError::Late(writer.deadline)));
        }
    }

    /// Takes no more jobs; the thread ends when those that are there are done.
    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.wake.notify_one();
    }

    /// What the thread does.
    pub(super) fn run(self: &Arc<Self>) {
        let mut parked = Parked::default();
        while let Some(first) = self.next(Waiting::ForOne) {
            self.commit(first, &mut parked);
            self.queue().flying.clear();
        }
    }

    /// All jobs that are there, up to a batch's size, and at least one if it is waited for; they are in flight then.
    /// `None` if the queue is closed and empty.
    fn next(&self, waiting: Waiting) -> Option<Vec<Box<dyn Job>>> {
        let mut queue = self.queue();
        while waiting == Waiting::ForOne && queue.is_empty() && !queue.closed {
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        // Nobody waits for what is put back: it is not in flight.
        let mut jobs: Vec<_> = mem::take(&mut queue.returned).into_iter().rev().collect();
        let mut bytes = 0;
        while bytes < BATCH_BYTES
            && let Some((ends, job)) = queue.jobs.pop_front()
        {
            bytes += job.bytes();
            queue.flying.push((ends, job.handle()));
            jobs.push(job);
        }
        queue.bytes -= bytes;
        queue.ended = waiting == Waiting::ForOne && jobs.is_empty();
        (!jobs.is_empty()).then_some(jobs)
    }

    /// Does one batch: these jobs, and those that come meanwhile.
    fn commit(&self, mut jobs: Vec<Box<dyn Job>>, parked: &mut Parked) {
        let mut done = Vec::new();
        let attempt = AssertUnwindSafe(|| self.attempt(&mut jobs, parked, &mut done));
        let written = catch_unwind(attempt).unwrap_or_else(|_| Err(self.store.panicked()));
        // Those that it did not come to.
        done.append(&mut jobs);
        let (happened, effects, error) = match written {
            Ok(effects) => (Some(true), effects, None),
            Err(failure) => {
                tracing::error!(error = %failure.error, source = ?failure.error.source(), "state was not written");
                let happened = self.store.reopen(failure.commit);
                (happened, failure.effects, Some(failure.error))
            }
        };
        if happened == Some(true) {
            self.watchers.tell(&effects.changed);
        }
        // With its pins: who waits for a lock may have it now.
        drop(effects);
        for mut job in done {
            job.answer(match (happened, &error) {
                (Some(true), _) | (_, None) => None,
                (Some(false), Some(error)) => Some(unavailable(Arc::clone(error))),
                (None, Some(error)) => Some(unknown(Arc::clone(error))),
            });
        }
    }

    /// Does and commits them. What is to be answered is in `done`, whatever happens.
    fn attempt(
        &self,
        jobs: &mut Vec<Box<dyn Job>>,
        parked: &mut Parked,
        done: &mut Vec<Box<dyn Job>>,
    ) -> Result<Effects, Failure> {
        self.store.write(|batch| {
            let mut bytes = 0;
            loop {
                bytes += jobs.iter().map(|job| job.bytes()).sum::<usize>();
                self.apply(batch, mem::take(jobs), parked, done)?;
                let woken = parked.wake(&mem::take(&mut batch.effects.appended));
                if !woken.is_empty() {
                    self.fly(&woken);
                    *jobs = woken;
                } else if bytes < BATCH_BYTES
                    && let Some(more) = self.next(Waiting::Not)
                {
                    *jobs = more;
                } else {
                    return Ok(());
                }
            }
        })
    }

    fn apply(
        &self,
        batch: &mut Batch<'_>,
        jobs: Vec<Box<dyn Job>>,
        parked: &mut Parked,
        done: &mut Vec<Box<dyn Job>>,
    ) -> Result<(), StorageError> {
        let mut outcome = Ok(());
        for mut job in jobs {
            match outcome.is_ok().then(|| job.apply(batch)) {
                Some(Ok(Progress::Parked(at))) => {
                    let handle = job.handle();
                    self.queue().flying.retain(|(_, flying)| !Arc::ptr_eq(flying, &handle));
                    parked.add(at, job);
                    continue;
                }
                Some(Err(error)) => outcome = Err(error),
                Some(Ok(Progress::Done)) | None => {}
            }
            done.push(job);
        }
        outcome
    }

    /// Parked jobs that are done now have a deadline again.
    fn fly(&self, jobs: &[Box<dyn Job>]) {
        let ends = Instant::now() + self.deadline;
        self.queue().flying.extend(jobs.iter().map(|job| (ends, job.handle())));
    }

    /// Whole at every unlock.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether to wait for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Not,
    ForOne,
}

/// Jobs that wait for something to be added at an address.
#[derive(Default)]
struct Parked {
    jobs: HashMap<Address, VecDeque<Box<dyn Job>>>,
    /// From so many addresses on it is looked for those that nobody wants any more.
    sweep: usize,
}

impl Parked {
    fn add(&mut self, at: Address, job: Box<dyn Job>) {
        if self.jobs.len() > self.sweep {
            self.jobs.retain(|_, jobs| {
                jobs.retain(|job| job.is_wanted());
                !jobs.is_empty()
            });
            self.sweep = (2 * self.jobs.len()).max(64);
        }
        let jobs = self.jobs.entry(at).or_default();
        jobs.retain(|job| job.is_wanted());
        jobs.push_back(job);
    }

    /// Those that wait at these addresses and are still wanted.
    fn wake(&mut self, appended: &[Address]) -> Vec<Box<dyn Job>> {
        let waiting = appended.iter().filter_map(|at| self.jobs.remove(at)).flatten();
        waiting.filter(|job| job.is_wanted()).collect()
    }
}

/// An operation for the queue, and what it gives.
fn job<T: Send + 'static>(
    at: &Address,
    bytes: usize,
    work: impl FnMut(&mut Batch<'_>, &Address) -> Result<Option<T>, Fault> + Send + 'static,
    keep: Option<Keep<T>>,
) -> (Box<dyn Job>, GlobalOp<T>) {
    let (completer, operation) = faasm_sfi::pending::pending();
    let answer = Arc::new(Answer(Mutex::new(Some(completer))));
    (Box::new(Work { at: at.clone(), bytes, work, result: None, answer, keep }), operation)
}

fn unavailable(error: impl Into<Arc<DurableError>>) -> GlobalError {
    GlobalError::Unavailable(Box::new(error.into()))
}

fn unknown(error: impl Into<Arc<DurableError>>) -> GlobalError {
    GlobalError::Unknown(Box::new(error.into()))
}
