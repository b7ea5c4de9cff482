//! The local tier: which values are on this host, each in its namespace.
//!
//! # Invariants
//!
//! 1. A key of a namespace names one value at a time: everybody who asks for it gets a handle to the same memory, until
//!    it is deleted.
//! 2. A namespace has at most [`Limits::max_values`] values here. Of those that nobody uses and that have nothing to
//!    push, the one that was used the longest time ago is forgotten when room is needed: it can be fetched again.
//! 3. Who has a [`Namespace`] can name nothing outside it.
//! 4. The values of a namespace take at most [`Limits::max_bytes`] here (`budget`).

mod direct;
mod locks;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use faasm_sfi::pending::Pending;

use crate::budget::Budget;
use crate::global_lock::GlobalLocks;
use crate::lock::LockTable;
use crate::{
    Address, CallId, GlobalError, GlobalTier, Key, Op, Rule, Rules, Stamps, StateError, Timer,
    Usage, Value, View,
};

/// What a namespace may use on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest value, and the largest list element, in bytes. Each value takes as much address space.
    pub max_value: usize,
    /// How many values a namespace has here at one time. Each costs a file descriptor.
    pub max_values: usize,
    /// How many local locks, and how many global ones, a call holds and waits for at one time.
    pub max_locks: usize,
    /// How many bytes the values of a namespace take here, with what is kept to find writes by. Values that are clean
    /// and not mapped make room for others.
    pub max_bytes: usize,
    /// For how long a global lock is taken at a time: what others wait at most when its holder's host is lost.
    pub lease: Duration,
}

impl Default for Limits {
    /// 256 MiB a value, 1024 values, 1024 locks, 4 GiB in all, 5 seconds.
    fn default() -> Self {
        Self {
            max_value: 256 << 20,
            max_values: 1024,
            max_locks: 1024,
            max_bytes: 4 << 30,
            lease: Duration::from_secs(5),
        }
    }
}

/// All state on this host.
pub struct LocalTier {
    tier: Arc<dyn GlobalTier>,
    limits: Limits,
    namespaces: Mutex<HashMap<Arc<str>, Namespace>>,
    /// Renews global locks.
    keeper: Arc<Timer>,
}

/// One tenant's state on this host; a clone is another handle to the same one.
#[derive(Clone)]
pub struct Namespace {
    inner: Arc<Inner>,
}

struct Inner {
    name: Arc<str>,
    tier: Arc<dyn GlobalTier>,
    limits: Limits,
    values: Mutex<HashMap<Key, Value>>,
    locks: LockTable,
    global_locks: GlobalLocks,
    rules: RwLock<Arc<Rules>>,
    budget: Arc<Budget>,
}

impl LocalTier {
    /// A local tier with nothing in it, over `tier`.
    #[must_use]
    pub fn new(tier: Arc<dyn GlobalTier>, limits: Limits) -> Self {
        Self { tier, limits, namespaces: Mutex::default(), keeper: Arc::default() }
    }

    /// The namespace of this name: the same one for the same name. The runtime decides who may have it.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Namespace {
        let mut namespaces = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(namespace) = namespaces.get(name) {
            return namespace.clone();
        }
        let name: Arc<str> = Arc::from(name);
        let (tier, keeper) = (Arc::clone(&self.tier), Arc::clone(&self.keeper));
        let namespace = Namespace::new(Arc::clone(&name), tier, self.limits, keeper);
        namespaces.insert(name, namespace.clone());
        namespace
    }
}

impl Namespace {
    fn new(name: Arc<str>, tier: Arc<dyn GlobalTier>, limits: Limits, keeper: Arc<Timer>) -> Self {
        let (lease, most) = (limits.lease, limits.max_locks);
        let global_locks =
            GlobalLocks::new(Arc::clone(&tier), Arc::clone(&name), (lease, most), keeper);
        let inner = Inner {
            name,
            tier,
            limits,
            values: Mutex::default(),
            locks: LockTable::new(most),
            global_locks,
            rules: RwLock::default(),
            budget: Arc::new(Budget::new(limits.max_bytes)),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The namespace as a call sees it, whose chain has pushed what `stamps` says.
    #[must_use]
    pub fn view(&self, call: CallId, stamps: Stamps) -> View {
        View::new(self.clone(), call, stamps)
    }

    /// Sets how values are kept together, for what is done from now on.
    pub fn set_rules(&self, rules: Rules) {
        *self.inner.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// How values are kept together.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.inner.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the values here take.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.inner.budget.usage()
    }

    /// What holds for this key.
    pub(crate) fn rule(&self, key: &Key) -> Rule {
        self.rules().of(key.as_bytes()).cloned().unwrap_or_default()
    }

    /// The namespace's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The value of this key, at least `size` bytes long: made here if it is not here, without asking the global tier,
    /// and grown if it is shorter. A value made so is fetched at the first read, and zero where nobody has pushed.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::TooLarge`], [`StateError::TooManyValues`], [`StateError::Memory`].
    pub fn value(&self, key: &[u8], size: usize) -> Result<Value, StateError> {
        self.value_at(&Key::new(key)?, size)
    }

    /// The value of this key if it is on this host.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says.
    pub fn local(&self, key: &[u8]) -> Result<Option<Value>, StateError> {
        let key = Key::new(key)?;
        Ok(self.values().get(&key).cloned())
    }

    /// The value of this key, from this host or with the size that it has in the global tier; `None` if it is in
    /// neither.
    ///
    /// # Errors
    ///
    /// As of [`Namespace::value`], and [`StateError::Global`].
    pub fn open(&self, key: &[u8]) -> Op<Option<Value>> {
        let address = match self.address(key) {
            Ok(address) => address,
            Err(error) => return Pending::ready(Err(error)),
        };
        if let Some(value) = self.values().get(&address.key) {
            return Pending::ready(Ok(Some(value.clone())));
        }
        let namespace = self.clone();
        self.inner.tier.stat(&address).map(move |stat| {
            let stat = stat.map_err(|source| global(&address.key, source))?;
            stat.map(|stat| namespace.value_at(&address.key, stat.size)).transpose()
        })
    }

    /// The size of the value of this key, in bytes, here or in the global tier; `None` if it is in neither. Brings
    /// nothing here.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::Global`].
    pub fn size(&self, key: &[u8]) -> Op<Option<usize>> {
        let address = match self.address(key) {
            Ok(address) => address,
            Err(error) => return Pending::ready(Err(error)),
        };
        if let Some(value) = self.values().get(&address.key) {
            return Pending::ready(Ok(Some(value.size())));
        }
        self.inner.tier.stat(&address).map(move |stat| {
            let stat = stat.map_err(|source| global(&address.key, source))?;
            Ok(stat.map(|stat| stat.size))
        })
    }

    fn value_at(&self, key: &Key, size: usize) -> Result<Value, StateError> {
        let value = self.here_or_made(key, size)?;
        // Not under the lock of the whole namespace: it may have to wait for a long copy.
        value.grow(size)?;
        Ok(value)
    }

    fn here_or_made(&self, key: &Key, size: usize) -> Result<Value, StateError> {
        let mut values = self.values();
        if let Some(value) = values.get(key) {
            return Ok(value.clone());
        }
        let Limits { max_value, max_values, .. } = self.inner.limits;
        if values.len() >= max_values {
            let idle = values.iter().filter(|(_, value)| value.is_idle());
            let idle = idle.min_by_key(|(_, value)| value.last_used()).map(|(key, _)| key.clone());
            let full = || StateError::TooManyValues { key: key.clone(), max: max_values };
            values.remove(&idle.ok_or_else(full)?);
        }
        let address = Address { namespace: Arc::clone(&self.inner.name), key: key.clone() };
        let over = (Arc::clone(&self.inner.tier), Arc::clone(&self.inner.budget));
        let value = Value::create(address, over, size, max_value)?;
        values.insert(key.clone(), value.clone());
        Ok(value)
    }

    /// Takes a deleted value out, unless another has taken its place.
    fn forget(&self, value: &Value) {
        let mut values = self.values();
        if values.get(value.key()).is_some_and(|here| here.same_as(value)) {
            values.remove(value.key());
        }
    }

    fn address(&self, key: &[u8]) -> Result<Address, StateError> {
        Ok(Address { namespace: Arc::clone(&self.inner.name), key: Key::new(key)? })
    }

    /// What is done under the lock leaves the map whole, also where it ends early.
    fn values(&self) -> MutexGuard<'_, HashMap<Key, Value>> {
        self.inner.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Namespace").field(&self.inner.name).finish()
    }
}

fn global(key: &Key, source: GlobalError) -> StateError {
    StateError::Global { key: key.clone(), source }
}
