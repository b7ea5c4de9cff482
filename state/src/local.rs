//! The local tier: which values are on this host, each in its namespace.
//!
//! # Invariants
//!
//! 1. A key of a namespace names one value at a time: everybody who asks for it gets a handle to the same memory, until
//!    it is deleted.
//! 2. A namespace has at most [`Limits::max_values`] values here. One that nobody uses and that has nothing to push is
//!    forgotten when room is needed: it can be fetched again.
//! 3. Who has a [`Namespace`] can name nothing outside it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use faasm_sfi::pending::Pending;

use crate::lock::LockTable;
use crate::{
    Address, CallId, Condition, GlobalError, GlobalTier, Key, Mode, Op, StateError, Value,
};

/// What a namespace may use on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest value, and the largest list element, in bytes. Each value takes as much address space.
    pub max_value: usize,
    /// How many values a namespace has here at one time. Each costs a file descriptor.
    pub max_values: usize,
    /// How many local locks a call holds and waits for at one time.
    pub max_locks: usize,
}

impl Default for Limits {
    /// 256 MiB a value, 1024 values, 1024 locks.
    fn default() -> Self {
        Self { max_value: 256 << 20, max_values: 1024, max_locks: 1024 }
    }
}

/// All state on this host.
pub struct LocalTier {
    tier: Arc<dyn GlobalTier>,
    limits: Limits,
    namespaces: Mutex<HashMap<Arc<str>, Namespace>>,
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
}

impl LocalTier {
    /// A local tier with nothing in it, over `tier`.
    #[must_use]
    pub fn new(tier: Arc<dyn GlobalTier>, limits: Limits) -> Self {
        Self { tier, limits, namespaces: Mutex::default() }
    }

    /// The namespace of this name: the same one for the same name. The runtime decides who may have it.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Namespace {
        let mut namespaces = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(namespace) = namespaces.get(name) {
            return namespace.clone();
        }
        let name: Arc<str> = Arc::from(name);
        let namespace = Namespace::new(Arc::clone(&name), Arc::clone(&self.tier), self.limits);
        namespaces.insert(name, namespace.clone());
        namespace
    }
}

impl Namespace {
    fn new(name: Arc<str>, tier: Arc<dyn GlobalTier>, limits: Limits) -> Self {
        let locks = LockTable::new(limits.max_locks);
        Self { inner: Arc::new(Inner { name, tier, limits, values: Mutex::default(), locks }) }
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

    /// Deletes the value and the list of this key, in the global tier and then here. `false` if they were in neither.
    /// Handles to the value that others still have are dead; memory that is still mapped stays valid, and is nobody's.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::Global`]: what is here stays then.
    pub fn delete(&self, key: &[u8]) -> Op<bool> {
        let address = match self.address(key) {
            Ok(address) => address,
            Err(error) => return Pending::ready(Err(error)),
        };
        let here = self.values().get(&address.key).cloned();
        let Some(value) = here else {
            let deleted = self.inner.tier.delete(&address, Condition::ALWAYS);
            return deleted
                .map(move |deleted| deleted.map_err(|source| global(&address.key, source)));
        };
        let namespace = self.clone();
        value.delete().map(move |deleted| {
            deleted?;
            namespace.forget(&value);
            Ok(true)
        })
    }

    /// Adds an element to the list of this key; the list's new length. The list is in the global tier alone.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::TooLarge`], [`StateError::Global`].
    pub fn append(&self, key: &[u8], element: &[u8]) -> Op<usize> {
        let max = self.inner.limits.max_value;
        self.on_list(key, |tier, address| {
            if element.len() > max {
                return Err(StateError::TooLarge {
                    key: address.key.clone(),
                    asked: element.len(),
                    max,
                });
            }
            Ok(tier.append(address, element.to_vec(), None))
        })
    }

    /// The first elements of the list of this key: at most `most`, and only whole ones with at most `max_bytes` bytes
    /// together.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::Global`].
    pub fn read_appended(&self, key: &[u8], most: usize, max_bytes: usize) -> Op<Vec<Vec<u8>>> {
        self.on_list(key, |tier, address| Ok(tier.read_appended(address, most, max_bytes)))
    }

    /// Empties the list of this key.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::Global`].
    pub fn clear_appended(&self, key: &[u8]) -> Op<()> {
        self.on_list(key, |tier, address| Ok(tier.clear_appended(address, None)))
    }

    /// Takes the local lock of this key for `call`, now or when its turn comes. It holds off others who ask for it, on
    /// this host, and nobody else; whether a value of the key exists does not matter.
    ///
    /// The wait ends as abandoned if the call is released meanwhile.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::Lock`]: a call that asks for what it has is told so, and does not wait for
    /// itself.
    pub fn lock(&self, key: &[u8], call: CallId, mode: Mode) -> Result<Pending<()>, StateError> {
        let key = Key::new(key)?;
        self.inner.locks.lock(&key, call, mode).map_err(|source| StateError::Lock { key, source })
    }

    /// Gives the local lock of this key up.
    ///
    /// # Errors
    ///
    /// What [`Key::new`] says; [`StateError::Lock`] if `call` does not hold it in this mode.
    pub fn unlock(&self, key: &[u8], call: CallId, mode: Mode) -> Result<(), StateError> {
        let key = Key::new(key)?;
        self.inner.locks.unlock(&key, call, mode).map_err(|source| StateError::Lock { key, source })
    }

    /// Gives up all locks that `call` holds or waits for. The runtime calls this at the end of every call, however it
    /// ended.
    pub fn release_call(&self, call: CallId) {
        self.inner.locks.release_call(call);
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
            let idle = values.iter().find(|(_, value)| value.is_idle()).map(|(key, _)| key.clone());
            let full = || StateError::TooManyValues { key: key.clone(), max: max_values };
            values.remove(&idle.ok_or_else(full)?);
        }
        let address = Address { namespace: Arc::clone(&self.inner.name), key: key.clone() };
        let value = Value::create(address, Arc::clone(&self.inner.tier), size, max_value)?;
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

    fn on_list<T: Send + 'static>(
        &self,
        key: &[u8],
        operation: impl FnOnce(
            &dyn GlobalTier,
            &Address,
        ) -> Result<Pending<Result<T, GlobalError>>, StateError>,
    ) -> Op<T> {
        let begun = self
            .address(key)
            .and_then(|address| Ok((operation(&*self.inner.tier, &address)?, address.key)));
        match begun {
            Ok((operation, key)) => {
                operation.map(move |done| done.map_err(|source| global(&key, source)))
            }
            Err(error) => Pending::ready(Err(error)),
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

fn global(key: &Key, source: GlobalError) -> StateError {
    StateError::Global { key: key.clone(), source }
}
