//! How each namespace's state is kept together: rules by key prefix, as they are written, kept and applied.
//!
//! # Layout
//!
//! `state-rules.json` of the data folder, and the file of `faasm serve --state-rules`, are one JSON object with a list
//! of rules for each namespace:
//!
//! ```json
//! {"demo": [{"prefix": "model/", "consistency": "strong"},
//!           {"prefix": "grad/", "consistency": "merge(sum f64)", "pointer-writes": "flagged"}]}
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use faasm_state::{Consistency, LocalTier, NoConsistency, PointerWrites, Rule, Rules, TwoRules};
use serde::{Deserialize, Serialize};

use crate::name::{FunctionName, NameError};
use crate::problem::{Problem, ProblemType};
use crate::whole_file;

const FILE: &str = "state-rules.json";

/// A rule as it is written.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Written {
    /// How the keys begin; by default all.
    #[serde(default)]
    pub prefix: String,
    /// `eventual`, `session`, `strong`, `merge(…)`.
    #[serde(default = "eventual")]
    pub consistency: String,
    /// `found` or `flagged`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer_writes: Option<String>,
}

fn eventual() -> String {
    Consistency::Eventual.to_string()
}

/// The rules of all namespaces, as they are written.
pub type All = BTreeMap<String, Vec<Written>>;

/// Why rules are not taken.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The file cannot be read or written.
    #[error("cannot {action} the state rules in {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The text is no list of rules.
    #[error("the state rules are not what they should be")]
    Json(#[source] serde_json::Error),
    /// A namespace has another name than namespaces have.
    #[error("the state rules of `{namespace}`")]
    Name {
        /// The name.
        namespace: String,
        /// What is wrong with it.
        #[source]
        source: NameError,
    },
    /// A rule names no consistency.
    #[error("the state rule for keys that begin with `{prefix}`")]
    Consistency {
        /// The rule.
        prefix: String,
        /// What it says.
        #[source]
        source: NoConsistency,
    },
    /// A rule says something else about pointers.
    #[error(
        "the state rule for keys that begin with `{prefix}`: pointer-writes is `{is}`, and can be `found` or `flagged`"
    )]
    PointerWrites {
        /// The rule.
        prefix: String,
        /// What it says.
        is: String,
    },
    /// Two rules are for the same keys.
    #[error("the state rules contradict one another")]
    Two(#[source] TwoRules),
}

impl Problem for RulesError {
    fn problem_type(&self) -> ProblemType {
        match self {
            Self::Io { .. } => ProblemType::Internal,
            _ => ProblemType::InvalidRequest,
        }
    }
}

impl Written {
    fn rule(&self) -> Result<Rule, RulesError> {
        let prefix = self.prefix.clone();
        let consistency = self.consistency.parse();
        let consistency = consistency
            .map_err(|source| RulesError::Consistency { prefix: prefix.clone(), source })?;
        let pointer_writes = match self.pointer_writes.as_deref() {
            None | Some("found") => PointerWrites::Found,
            Some("flagged") => PointerWrites::Flagged,
            Some(is) => return Err(RulesError::PointerWrites { prefix, is: is.to_owned() }),
        };
        Ok(Rule { prefix: prefix.into_bytes(), consistency, pointer_writes })
    }
}

/// The rules of one namespace.
fn rules(written: &[Written]) -> Result<Rules, RulesError> {
    let rules = written.iter().map(Written::rule).collect::<Result<Vec<_>, _>>()?;
    Rules::new(rules).map_err(RulesError::Two)
}

/// Reads a file of rules; `None` if it is not there.
///
/// # Errors
///
/// [`RulesError`].
pub fn read(path: &Path) -> Result<Option<All>, RulesError> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(RulesError::Json),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(RulesError::Io { action: "read", path: path.to_owned(), source }),
    }
}

/// The rules in force, and the file in which they are kept.
#[derive(Debug)]
pub(crate) struct RuleBook {
    folder: PathBuf,
    all: Mutex<All>,
}

impl RuleBook {
    /// Those that were kept in `folder`, but for namespaces of which `given` says something; all are applied to `tier`.
    pub(crate) fn open(folder: &Path, given: All, tier: &LocalTier) -> Result<Self, RulesError> {
        let mut all = read(&folder.join(FILE))?.unwrap_or_default();
        all.extend(given);
        for (namespace, written) in &all {
            FunctionName::new(namespace, "x")
                .map_err(|source| RulesError::Name { namespace: namespace.clone(), source })?;
            tier.namespace(namespace).set_rules(rules(written)?);
        }
        Ok(Self { folder: folder.to_owned(), all: Mutex::new(all) })
    }

    /// What is written for a namespace.
    pub(crate) fn of(&self, namespace: &str) -> Vec<Written> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(namespace).cloned().unwrap_or_default()
    }

    /// Has these rules hold for a namespace from now on; writes them down first.
    pub(crate) fn set(
        &self,
        namespace: &str,
        written: Vec<Written>,
        tier: &LocalTier,
    ) -> Result<(), RulesError> {
        let rules = rules(&written)?;
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = all.clone();
        new.insert(namespace.to_owned(), written);
        new.retain(|_, rules| !rules.is_empty());
        let failed =
            |source| RulesError::Io { action: "write", path: self.folder.join(FILE), source };
        let text = serde_json::to_vec_pretty(&new).map_err(RulesError::Json)?;
        whole_file::write(&self.folder, FILE, &text).map_err(failed)?;
        whole_file::flush_folder(&self.folder).map_err(failed)?;
        *all = new;
        tier.namespace(namespace).set_rules(rules);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use faasm_state::{Limits, MemoryTier};

    use super::*;
    use crate::problem::explain;

    fn tier() -> LocalTier {
        LocalTier::new(Arc::new(MemoryTier::default()), Limits::default())
    }

    fn consistency(tier: &LocalTier, namespace: &str, key: &[u8]) -> String {
        let rules = tier.namespace(namespace).rules();
        rules.of(key).map_or_else(|| "none".into(), |rule| rule.consistency.to_string())
    }

    #[test]
    fn rules_are_kept_and_those_given_at_the_start_come_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = tier();
        let book = RuleBook::open(folder.path(), All::new(), &first).unwrap();
        let parse = |text: &str| serde_json::from_str::<Vec<Written>>(text).unwrap();
        let strong = r#"[{"prefix": "a/", "consistency": "strong"}, {"consistency": "session"}]"#;
        book.set("demo", parse(strong), &first).unwrap();
        book.set("other", parse(r#"[{"pointer-writes": "flagged"}]"#), &first).unwrap();
        assert_eq!(consistency(&first, "demo", b"a/x"), "strong");

        let given = All::from([("other".to_owned(), parse(r#"[{"consistency": "strong"}]"#))]);
        let second = tier();
        let book = RuleBook::open(folder.path(), given, &second).unwrap();
        assert_eq!(consistency(&second, "demo", b"a/x"), "strong");
        assert_eq!(consistency(&second, "demo", b"b"), "session");
        assert_eq!(consistency(&second, "other", b"b"), "strong");
        assert_eq!(book.of("demo").len(), 2);
        book.set("demo", Vec::new(), &second).unwrap();
        assert_eq!(consistency(&second, "demo", b"b"), "none");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let said = |namespace: &str, text: &str| {
            let written = serde_json::from_str(text).unwrap();
            let given = All::from([(namespace.to_owned(), written)]);
            explain(&RuleBook::open(folder.path(), given, &tier()).unwrap_err())
        };
        assert!(said("a b", "[]").starts_with("the state rules of `a b`: "));
        assert!(said("d", r#"[{"consistency": "string"}]"#).contains("`string` is no consistency"));
        assert!(said("d", r#"[{"pointer-writes": "?"}]"#).contains("`found` or `flagged`"));
        assert!(said("d", r#"[{}, {}]"#).contains("two rules for keys that begin with ``"));
        assert!(serde_json::from_str::<Vec<Written>>(r#"[{"consistancy": "strong"}]"#).is_err());
        fs::write(folder.path().join(FILE), "{").unwrap();
        assert!(said("d", "[]").contains("the state rules are not what they should be"));
    }
}
