//! What was counted, by name.

use std::collections::BTreeMap;
use std::fmt;

/// Counts by name; names have no spaces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(BTreeMap<String, u64>);

impl Counts {
    pub(crate) fn add(&mut self, name: &str, n: u64) {
        *self.0.entry(name.replace(' ', "-")).or_default() += n;
    }

    pub(crate) fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Adds what `Display` wrote.
    pub(crate) fn absorb(&mut self, text: &str) {
        for (name, n) in text.split_whitespace().filter_map(|word| word.split_once('=')) {
            self.add(name, n.parse().unwrap_or(0));
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|(name, n)| format!("{name}={n}")).collect();
        f.write_str(&words.join(" "))
    }
}
