//! Operations that wait for others, for as long as somebody wants them; see [`super::notices`].

use std::sync::Arc;
use std::time::Duration;

use faasm_sfi::pending::Completer;
use faasm_state::{Address, Condition, GlobalError, Mode, Stat, Token, Version, Wait};
use tokio::runtime::Handle;

use super::script::Args;
use super::store::{Store, Via};
use super::{clamp, micros, odd, stat};

/// How often those who wait look though nothing was told.
const LOOK: Duration = Duration::from_secs(15);

/// How long the server takes a waiter for a lock to be alive, and how often it says that it is.
const ALIVE: Duration = Duration::from_secs(10);
const SAY_ALIVE: Duration = Duration::from_secs(3);

/// Elements to be taken from a list.
pub(super) struct Take {
    pub(super) at: Address,
    pub(super) most: usize,
    pub(super) max_bytes: usize,
    pub(super) wait: Wait,
    pub(super) under: Option<Token>,
}

impl Take {
    pub(super) async fn run(
        self,
        store: &Arc<Store>,
        completer: Completer<Result<Vec<Vec<u8>>, GlobalError>>,
    ) {
        let mut notice = None;
        while completer.is_wanted() {
            let waits = notice.is_some();
            match self.once(store, waits).await {
                Ok(Some(taken)) if completer.is_wanted() => {
                    return self.give(store, completer, taken);
                }
                Ok(Some(taken)) => return self.give_back(store, taken).await,
                Err(error) => return completer.complete(Err(error)),
                Ok(None) if self.wait == Wait::Not => return completer.complete(Ok(Vec::new())),
                Ok(None) => {}
            }
            match &mut notice {
                None => {
                    notice = Some(
                        store.notices.listen(&channel(store, &self.at), store.link.patience).await,
                    )
                }
                Some(notice) => notice.changed(LOOK).await,
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
    completer: Completer<Result<Option<Stat>, GlobalError>>,
) {
    let mut notice = None;
    while completer.is_wanted() {
        match stat(store, at, notice.is_some()).await {
            Ok((stat, _)) if stat.map_or(Version::ABSENT, |stat| stat.version) != seen => {
                return completer.complete(Ok(stat));
            }
            Ok(_) => {}
            Err(fault) => return completer.complete(Err(fault.of_read())),
        }
        match &mut notice {
            None => {
                notice = Some(store.notices.listen(&channel(store, at), store.link.patience).await)
            }
            Some(notice) => notice.changed(LOOK).await,
        }
    }
}

/// Takes a lock when its turn comes.
pub(super) async fn lock(
    store: &Store,
    at: &Address,
    mode: Mode,
    lease: Duration,
    completer: Completer<Result<Token, GlobalError>>,
) {
    let (nonce, key) = (store.nonce(), store.stem(at) + "m");
    let word = if mode == Mode::Write { "w" } else { "r" };
    let args = Args::new().text(word).number(nonce).number(micros(lease)).number(ALIVE.as_micros());
    let mut notice = None;
    while completer.is_wanted() {
        let deadline = store.deadline(0);
        let asked = store.ask(Via::Durably, (&store.scripts.lock, &key), &args, deadline).await;
        let answer = asked.and_then(|reply| Ok((reply.word() == b"ok", reply.number(1)?)));
        let until = match answer {
            Ok((true, epoch)) if completer.is_wanted() => {
                return completer.complete(Ok(Token { epoch, nonce }));
            }
            Ok((true, _)) => break,
            Ok((false, until)) => Duration::from_micros(until + 1_000).min(SAY_ALIVE),
            Err(fault) => {
                completer.complete(Err(fault.of_change(false, 0, 0)));
                return leave(store, at, word, nonce).await;
            }
        };
        match &mut notice {
            None => {
                notice = Some(store.notices.listen(&channel(store, at), store.link.patience).await)
            }
            Some(notice) => notice.changed(until).await,
        }
    }
    leave(store, at, word, nonce).await;
}

/// Takes a lock if it is free.
pub(super) async fn try_lock(
    store: &Store,
    at: &Address,
    mode: Mode,
    lease: Duration,
    completer: Completer<Result<Option<Token>, GlobalError>>,
) {
    let (nonce, key) = (store.nonce(), store.stem(at) + "m");
    let word = if mode == Mode::Write { "w" } else { "r" };
    let args = Args::new().text(word).number(nonce).number(micros(lease)).number(0);
    let deadline = store.deadline(0);
    let asked = store.ask(Via::Durably, (&store.scripts.lock, &key), &args, deadline).await;
    let answer = asked.and_then(|reply| Ok((reply.word() == b"ok", reply.number(1)?)));
    match answer {
        Ok((true, epoch)) if completer.is_wanted() => {
            completer.complete(Ok(Some(Token { epoch, nonce })));
        }
        Ok((true, _)) => leave(store, at, word, nonce).await,
        Ok((false, _)) => completer.complete(Ok(None)),
        Err(fault) => {
            completer.complete(Err(fault.of_change(false, 0, 0)));
            leave(store, at, word, nonce).await;
        }
    }
}

/// Nobody waits for the lock any more. Should this not reach the server, the waiter is not taken to be alive for long, and
/// a lock that it was given ends with its lease.
async fn leave(store: &Store, at: &Address, mode: &'static str, nonce: u64) {
    let args = Args::new().text(mode).number(nonce);
    let (args, deadline) = ((&args, 0), store.deadline(0));
    let _ = store.change(&store.scripts.leave, at, Condition::ALWAYS, args, deadline).await;
}
