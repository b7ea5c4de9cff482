//! The contents that were used last, up to a weight.
//!
//! There are two generations. A content is found in the young one, or in the old one, which moves it to the young. When
//! the young one has half of the weight, it becomes the old one, and what was in that and not used since is forgotten.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use faasm_hostif::Content;

use crate::digest::Digest;

/// What an open file weighs: so there are few of them.
const OPEN_FILE: u64 = 1 << 20;

/// What a content weighs besides its bytes.
const ENTRY: u64 = 128;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Cache {
    weight: u64,
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Digest, Content>,
    old: HashMap<Digest, Content>,
    /// Of the young one.
    weight: u64,
}

impl Cache {
    /// An empty cache. A content of more than half of `weight` is not kept.
    pub(super) fn new(weight: u64) -> Self {
        Self { weight, generations: Mutex::default() }
    }

    pub(super) fn get(&self, digest: Digest) -> Option<Content> {
        let mut generations = self.generations();
        if let Some(content) = generations.young.get(&digest) {
            return Some(content.clone());
        }
        let content = generations.old.remove(&digest)?;
        generations.add(digest, content.clone(), self.weight / 2);
        Some(content)
    }

    pub(super) fn insert(&self, digest: Digest, content: Content) {
        if weight(&content) <= self.weight / 2 {
            self.generations().add(digest, content, self.weight / 2);
        }
    }

    pub(super) fn remove(&self, digest: Digest) {
        let mut generations = self.generations();
        generations.old.remove(&digest);
        if let Some(content) = generations.young.remove(&digest) {
            generations.weight -= weight(&content);
        }
    }

    /// They are whole at every unlock.
    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn add(&mut self, digest: Digest, content: Content, max: u64) {
        let more = weight(&content);
        if self.weight + more > max {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += more;
        if let Some(before) = self.young.insert(digest, content) {
            self.weight -= weight(&before);
        }
    }
}

fn weight(content: &Content) -> u64 {
    match content {
        Content::Bytes(bytes) => bytes.len() as u64 + ENTRY,
        Content::File(_) => OPEN_FILE + ENTRY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(byte: u8, len: usize) -> (Digest, Content) {
        let bytes = vec![byte; len];
        (Digest::of(&bytes), Content::Bytes(bytes.into()))
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_goes() {
        let cache = Cache::new(20 << 10);
        let (used, bytes) = content(0, 1000);
        cache.insert(used, bytes);
        let mut others = Vec::new();
        for i in 1..=100 {
            let (digest, bytes) = content(i, 1000);
            cache.insert(digest, bytes);
            others.push(digest);
            assert!(cache.get(used).is_some(), "{i}");
            let generations = cache.generations();
            assert!(generations.young.len() + generations.old.len() < 20);
        }
        assert!(cache.get(others[0]).is_none());
        assert!(cache.get(others[99]).is_some());
        cache.remove(used);
        assert!(cache.get(used).is_none());
        let (large, bytes) = content(7, 11 << 10);
        cache.insert(large, bytes);
        assert!(cache.get(large).is_none());
    }
}
