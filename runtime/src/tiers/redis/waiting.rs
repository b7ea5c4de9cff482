//! Operations that wait for others, for as long as somebody wants them; see [`super::notices`].

use std::sync::Arc;
use std::time::Duration;

use faasm_sfi::pending::Completer;
use faasm_state::{Address, Condition, GlobalError, Mode, Stat, Token, Version, Wait};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::error::Fault;
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

    /// Begins to listen for changes at the address, which the server knows within the first of these times; from then on
    /// waits for a change, for the second one at most. Neither for longer than this is wanted.
    async fn changed(
        &self,
        store: &Store,
        at: &Address,
        notice: &mut Option<Notice>,
        (listening, at_most): (Duration, Duration),
    ) {
        let changed = async {
            match notice {
                None => {
                    let (channel, patience) = (channel(store, at), store.link.patience);
                    *notice = Some(store.notices.listen(&channel, patience.min(listening)).await);
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
                Ok(None) => waiter.changed(store, &self.at, &mut notice, (LOOK, LOOK)).await,
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
            Ok(_) => waiter.changed(store, at, &mut notice, (LOOK, LOOK)).await,
            Err(fault) => return waiter.complete(Err(fault.of_read())),
        }
    }
}

/// Who asks for a lock.
pub(super) struct Asker {
    pub(super) at: Address,
    pub(super) mode: Mode,
    pub(super) lease: Duration,
    pub(super) nonce: u64,
}

impl Asker {
    /// Takes it when its turn comes. Behind the time `until` it is not waited for, and asked for once however late it is.
    pub(super) async fn lock(
        self,
        store: &Arc<Store>,
        until: Option<Instant>,
        waiter: Waiter<Option<Token>>,
    ) {
        let (nonce, key) = (self.nonce, store.stem(&self.at) + "m");
        let left = || {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            left.unwrap_or(SAY_ALIVE).min(SAY_ALIVE)
        };
        let (waits, mut notice) = (!left().is_zero(), None);
        let alive = if waits { ALIVE } else { Duration::ZERO };
        let args = Args::new().text(self.word()).number(nonce);
        let args = args.number(micros(self.lease)).number(alive.as_micros());
        while waiter.is_wanted() {
            let deadline = store.deadline(0);
            let asked = store.ask(Via::Durably, (&store.scripts.lock, &key), &args, deadline).await;
            match asked.and_then(|reply| Ok((reply.word() == b"ok", reply.number(1)?))) {
                Ok((true, epoch)) => {
                    let (store, runtime) = (Arc::clone(store), Handle::current());
                    let given_up = move |_| {
                        runtime.spawn(async move { self.leave(&store).await });
                    };
                    let token = Token { epoch, nonce };
                    return waiter.completer.complete_or(Ok(Some(token)), given_up);
                }
                Ok((false, _)) if !waits => return waiter.complete(Ok(None)),
                Ok((false, _)) if left().is_zero() => break,
                Ok((false, look)) => {
                    let look = Duration::from_micros(look + 1_000).min(left());
                    waiter.changed(store, &self.at, &mut notice, (left(), look)).await;
                }
                Err(fault) => {
                    waiter.complete(Err(fault.of_change(false, 0, 0)));
                    let _ = self.leave(store).await;
                    return;
                }
            }
        }
        let left = self.leave(store).await;
        waiter.complete(left.map(|()| None).map_err(Fault::of_read));
    }

    /// Nobody waits for the lock any more. Should this not reach the server, the waiter is not taken to be alive for long,
    /// and a lock that it was given ends with its lease.
    async fn leave(&self, store: &Store) -> Result<(), Fault> {
        let args = Args::new().text(self.word()).number(self.nonce);
        let (key, deadline) = (store.stem(&self.at) + "m", store.deadline(0));
        store.ask(Via::Control, (&store.scripts.leave, &key), &args, deadline).await.map(drop)
    }

    fn word(&self) -> &'static str {
        if self.mode == Mode::Write { "w" } else { "r" }
    }
}
