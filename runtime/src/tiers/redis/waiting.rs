//! Operations that wait for others, for as long as somebody wants them; see [`super::notices`].

use std::sync::Arc;
use std::time::Duration;

use faasm_sfi::pending::Completer;
use faasm_state::{Address, Condition, GlobalError, Mode, Stat, Token, Version, Wait};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::notices::Notice;
use super::script::Args;
use super::store::{Store, Via};
use super::{clamp, micros, odd, stat};

/// How often those who wait look though nothing was told.
const LOOK: Duration = Duration::from_secs(15);

/// How long the server takes a waiter for a lock to be alive, and how often it says that it is.
const ALIVE: Duration = Duration::from_secs(10);
const SAY_ALIVE: Duration = Duration::from_secs(3);

/// Who waits.
pub(super) struct Waiter<T> {
    completer: Completer<Result<T, GlobalError>>,
    /// Notified when nobody wants the answer any more.
    gone: Arc<Notify>,
}

impl<T: Send + 'static> Waiter<T> {
    pub(super) fn new(completer: Completer<Result<T, GlobalError>>) -> Self {
        let gone = Arc::new(Notify::new());
        let told = Arc::clone(&gone);
        completer.on_unwanted(Box::new(move || told.notify_one()));
        Self { completer, gone }
    }

    fn is_wanted(&self) -> bool {
        self.completer.is_wanted()
    }

    fn complete(self, answer: Result<T, GlobalError>) {
        self.completer.complete(answer);
    }

    /// Listens for changes at the address, and from then on waits for one, or this long, or until it is not wanted.
    async fn changed(
        &self,
        store: &Store,
        at: &Address,
        notice: &mut Option<Notice>,
        at_most: Duration,
    ) {
        let changed = async {
            match notice {
                None => {
                    let channel = channel(store, at);
                    *notice = Some(store.notices.listen(&channel, store.link.patience).await);
                }
                Some(notice) => notice.changed(at_most).await,
            }
        };
        tokio::select! {
            () = changed => {}
            () = self.gone.notified() => {}
        }
    }
}

/// Elements to be taken from a list.
pub(super) struct Take {
    pub(super) at: Address,
    pub(super) most: usize,
    pub(super) max_bytes: usize,
    pub(super) wait: Wait,
    pub(super) under: Option<Token>,
}

impl Take {
    pub(super) async fn run(self, store: &Arc<Store>, waiter: Waiter<Vec<Vec<u8>>>) {
        let mut notice = None;
        while waiter.is_wanted() {
            let waits = notice.is_some();
            match self.once(store, waits).await {
                Ok(Some(taken)) if waiter.is_wanted() => {
                    return self.give(store, waiter.completer, taken);
                }
                Ok(Some(taken)) => return self.give_back(store, taken).await,
                Err(error) => return waiter.complete(Err(error)),
                Ok(None) if self.wait == Wait::Not => return waiter.complete(Ok(Vec::new())),
                Ok(None) => waiter.changed(store, &self.at, &mut notice, LOOK).await,
            }
        }
    }

    /// What was taken, or that there is nothing.
    async fn once(&self, store: &Store, waits: bool) -> Result<Option<Vec<Vec<u8>>>, GlobalError> {
        let args = Args::new().number(clamp(self.most)).number(clamp(self.max_bytes)).flag(waits);
        let (when, deadline) = (Condition::ALWAYS.under(self.under), store.deadline(0));
        let args = (&args, 0);
        let made = store.change(&store.scripts.take, &self.at, when, args, deadline).await?;
        if made.reply.word() == b"empty" {
            return Ok(None);
        }
        store.forget(&self.at, &made).await;
        made.reply.list(1).map(Some).map_err(odd)
    }

    /// Whoever wants them may give up in this moment.
    fn give(
        self,
        store: &Arc<Store>,
        completer: Completer<Result<Vec<Vec<u8>>, GlobalError>>,
        taken: Vec<Vec<u8>>,
    ) {
        let (store, runtime) = (Arc::clone(store), Handle::current());
        completer.complete_or(Ok(taken), move |taken| {
            if let Ok(taken) = taken {
                runtime.spawn(async move { self.give_back(&store, taken).await });
            }
        });
    }

    /// Nobody wants them any more.
    async fn give_back(&self, store: &Store, taken: Vec<Vec<u8>>) {
        if taken.is_empty() {
            return;
        }
        let args = taken.iter().fold(Args::new(), |args, element| args.bytes(element));
        let (args, deadline) = ((&args, 0), store.deadline(0));
        let script = &store.scripts.give_back;
        if let Err(error) = store.change(script, &self.at, Condition::ALWAYS, args, deadline).await
        {
            tracing::warn!(%error, at = %self.at, elements = taken.len(), "taken for a call that had ended, and lost");
        }
    }
}

/// On which changes at an address are told.
fn channel(store: &Store, at: &Address) -> String {
    store.stem(at) + "i"
}

/// Answers when the version is another than `seen`.
pub(super) async fn watch(
    store: &Store,
    at: &Address,
    seen: Version,
    waiter: Waiter<Option<Stat>>,
) {
    let mut notice = None;
    while waiter.is_wanted() {
        match stat(store, at, notice.is_some()).await {
            Ok((stat, _)) if stat.map_or(Version::ABSENT, |stat| stat.version) != seen => {
                return waiter.complete(Ok(stat));
            }
            Ok(_) => waiter.changed(store, at, &mut notice, LOOK).await,
            Err(fault) => return waiter.complete(Err(fault.of_read())),
        }
    }
}

/// Who asks for a lock.
pub(super) struct Asker {
    pub(super) at: Address,
    pub(super) mode: Mode,
    pub(super) lease: Duration,
}

impl Asker {
    /// Takes it when its turn comes. Behind the time `until` it is not waited for, and asked for once however late it is.
    pub(super) async fn lock(
        self,
        store: &Store,
        until: Option<Instant>,
        waiter: Waiter<Option<Token>>,
    ) {
        let Self { at, mode, lease } = self;
        let (nonce, key) = (store.nonce(), store.stem(&at) + "m");
        let word = if mode == Mode::Write { "w" } else { "r" };
        let left =
            || until.map_or(SAY_ALIVE, |until| until.saturating_duration_since(Instant::now()));
        let (waits, mut notice) = (!left().is_zero(), None);
        let alive = if waits { ALIVE } else { Duration::ZERO };
        let args = Args::new().text(word).number(nonce);
        let args = args.number(micros(lease)).number(alive.as_micros());
        let answer = loop {
            if !waiter.is_wanted() {
                break Ok(None);
            }
            let deadline = store.deadline(0);
            let asked = store.ask(Via::Durably, (&store.scripts.lock, &key), &args, deadline).await;
            match asked.and_then(|reply| Ok((reply.word() == b"ok", reply.number(1)?))) {
                Ok((true, epoch)) if waiter.is_wanted() => {
                    return waiter.complete(Ok(Some(Token { epoch, nonce })));
                }
                Ok((true, _)) => break Ok(None),
                Ok((false, _)) if !waits => return waiter.complete(Ok(None)),
                Ok((false, _)) if left().is_zero() => break Ok(None),
                Ok((false, look)) => {
                    let look = Duration::from_micros(look + 1_000).min(SAY_ALIVE);
                    let changed = waiter.changed(store, &at, &mut notice, look);
                    let _ = timeout(left(), changed).await;
                }
                Err(fault) => break Err(fault.of_change(false, 0, 0)),
            }
        };
        leave(store, &at, word, nonce).await;
        waiter.complete(answer);
    }
}

/// Nobody waits for the lock any more. Should this not reach the server, the waiter is not taken to be alive for long, and
/// a lock that it was given ends with its lease.
async fn leave(store: &Store, at: &Address, mode: &'static str, nonce: u64) {
    let args = Args::new().text(mode).number(nonce);
    let (args, deadline) = ((&args, 0), store.deadline(0));
    let _ = store.change(&store.scripts.leave, at, Condition::ALWAYS, args, deadline).await;
}
