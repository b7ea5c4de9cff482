//! Notices of change: one connection that listens, and those who wait.
//!
//! # Protocol
//!
//! 1. Who waits first listens, then looks, then waits: a change in between is not missed. It also looks from time to
//!    time, for a notice may be lost with a connection or a server.
//! 2. One task has the connection. It listens to a channel while somebody waits for it. A new connection listens to all
//!    of them again, and then everybody looks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::redis::aio::{PubSubSink, PubSubStream};
use futures_util::StreamExt as _;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::store::Store;

/// How often the connection is asked whether it is there.
const PING: Duration = Duration::from_secs(5);

/// Who waits for what.
#[derive(Default)]
pub(super) struct Notices {
    channels: Mutex<HashMap<String, Channel>>,
    /// Channels came or went.
    changed: Notify,
}

struct Channel {
    sender: watch::Sender<u64>,
    /// Whether the connection that there is listens to it, and who waits for that.
    listened: bool,
    waiting: Vec<oneshot::Sender<()>>,
}

/// Told of each change at one address.
pub(super) struct Notice {
    receiver: watch::Receiver<u64>,
}

impl Notice {
    /// Until something has changed since the last time, or this long.
    pub(super) async fn changed(&mut self, at_most: Duration) {
        // It cannot be closed while this is there.
        let _ = timeout(at_most, self.receiver.changed()).await;
    }
}

impl Notices {
    /// Listens to a channel; this is done when the server knows it, or after a while if it cannot be reached.
    pub(super) async fn listen(&self, name: &str, patience: Duration) -> Notice {
        let (listened, wait) = oneshot::channel();
        let receiver = {
            let mut channels = self.channels();
            let channel = channels.entry(name.to_owned()).or_insert_with(|| Channel {
                sender: watch::Sender::new(0),
                listened: false,
                waiting: Vec::new(),
            });
            if channel.listened {
                let _ = listened.send(());
            } else {
                channel.waiting.push(listened);
            }
            channel.sender.subscribe()
        };
        self.changed.notify_one();
        let _ = timeout(patience, wait).await;
        Notice { receiver }
    }

    fn channels(&self) -> MutexGuard<'_, HashMap<String, Channel>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection is gone: everybody looks.
    fn lost(&self) {
        for channel in self.channels().values_mut() {
            channel.listened = false;
            channel.sender.send_modify(|count| *count += 1);
        }
    }

    fn told(&self, name: &str) {
        if let Some(channel) = self.channels().get(name) {
            channel.sender.send_modify(|count| *count += 1);
        }
    }

    /// Channels to listen to from now on, and those not to any more.
    fn to_do(&self) -> (Vec<String>, Vec<String>) {
        let mut channels = self.channels();
        let gone = channels.extract_if(|_, channel| channel.sender.receiver_count() == 0);
        let gone = gone.filter(|(_, channel)| channel.listened).map(|(name, _)| name).collect();
        let new = channels.iter().filter(|(_, channel)| !channel.listened);
        (new.map(|(name, _)| name.clone()).collect(), gone)
    }

    fn listened(&self, names: &[String]) {
        let mut channels = self.channels();
        for name in names {
            if let Some(channel) = channels.get_mut(name) {
                channel.listened = true;
                for waiting in channel.waiting.drain(..) {
                    let _ = waiting.send(());
                }
                // What happened before the server knew is looked for.
                channel.sender.send_modify(|count| *count += 1);
            }
        }
    }
}

/// Listens for as long as the store is there.
pub(super) async fn run(store: Arc<Store>) {
    let mut node = 0;
    loop {
        // Nobody waits: no connection is needed.
        if store.notices.channels().is_empty() {
            store.notices.changed.notified().await;
            continue;
        }
        if let Ok(connection) = store.link.listen(node).await {
            let (sink, stream) = connection.split();
            listen(&store, sink, stream).await;
            store.notices.lost();
        }
        node += 1;
        sleep(Duration::from_millis(100)).await;
    }
}

/// Until the connection is gone.
async fn listen(store: &Store, mut sink: PubSubSink, mut stream: PubSubStream) {
    let notices = &store.notices;
    let patience = store.link.patience;
    loop {
        let (new, gone) = notices.to_do();
        if !new.is_empty() {
            match timeout(patience, sink.subscribe(&new)).await {
                Ok(Ok(())) => notices.listened(&new),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "no notices of changed state; waiting calls look from time to time");
                    return sleep(Duration::from_secs(1)).await;
                }
                Err(_) => return,
            }
        }
        if !gone.is_empty()
            && !matches!(timeout(patience, sink.unsubscribe(&gone)).await, Ok(Ok(())))
        {
            return;
        }
        tokio::select! {
            message = stream.next() => match message {
                Some(message) => notices.told(message.get_channel_name()),
                None => return,
            },
            () = notices.changed.notified() => {}
            () = sleep(PING) => {
                let ping = timeout(patience, sink.ping::<::redis::Value>()).await;
                if !matches!(ping, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}
