//! Listings: the keys of a namespace's index, and what there is at them.

use std::sync::Arc;

use faasm_state::{Address, Entry, Key};
use tokio::task::JoinSet;

use super::error::Fault;
use super::names;
use super::script::string;
use super::stat;
use super::store::{Request, Store, Via};

/// What there is in a namespace.
pub(super) struct Listing {
    pub(super) namespace: Arc<str>,
    pub(super) prefix: Vec<u8>,
    pub(super) after: Option<Vec<u8>>,
    pub(super) most: usize,
}

impl Listing {
    pub(super) async fn run(mut self, store: &Arc<Store>) -> Result<Vec<Entry>, Fault> {
        /// How many keys are looked at together.
        const PAGE: usize = 128;
        let mut entries = Vec::new();
        while entries.len() < self.most {
            let keys = self.page(store, PAGE).await?;
            let more = keys.len() == PAGE;
            self.after = keys.last().cloned();
            let found = self.look(store, keys).await?;
            entries.extend(found.into_iter().flatten());
            if !more {
                break;
            }
        }
        entries.truncate(self.most);
        Ok(entries)
    }

    /// The next keys that may have something.
    async fn page(&self, store: &Store, most: usize) -> Result<Vec<Vec<u8>>, Fault> {
        let bound = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
        let from = match &self.after {
            Some(after) if *after >= self.prefix => bound(b"(", after),
            _ if self.prefix.is_empty() => b"-".to_vec(),
            _ => bound(b"[", &self.prefix),
        };
        let to = names::after_prefix(&self.prefix);
        let to = to.map_or_else(|| b"+".to_vec(), |after| bound(b"(", &after));
        let key = names::index(&store.settings.prefix, &self.namespace);
        let mut command = ::redis::cmd("ZRANGEBYLEX");
        command.arg(key).arg(from).arg(to).arg("LIMIT").arg(0).arg(most);
        let (via, request) = (Via::Lane(store.control()), Request::Command(&command));
        match store.insist(via, &request, store.deadline(0)).await?.pop() {
            Some(::redis::Value::Array(keys)) => keys.into_iter().map(string).collect(),
            other => Err(Fault::odd(&other)),
        }
    }

    /// What there is at these keys, in their order.
    async fn look(
        &self,
        store: &Arc<Store>,
        keys: Vec<Vec<u8>>,
    ) -> Result<Vec<Option<Entry>>, Fault> {
        let mut tasks = JoinSet::new();
        let mut entries: Vec<Option<Entry>> = keys.iter().map(|_| None).collect();
        for (n, key) in keys.iter().enumerate() {
            let key = Key::new(key).map_err(|error| Fault::odd(&error))?;
            let at = Address { namespace: Arc::clone(&self.namespace), key };
            let store = Arc::clone(store);
            tasks.spawn(async move {
                let (stat, appended) = stat(&store, &at, false).await?;
                if stat.is_none() && appended == 0 {
                    store.unindex(&at).await;
                    return Ok((n, None));
                }
                Ok((n, Some(Entry { key: at.key, stat, appended })))
            });
        }
        while let Some(done) = tasks.join_next().await {
            let (n, entry) = done.map_err(|error| Fault::odd(&error))??;
            entries[n] = entry;
        }
        Ok(entries)
    }
}
