//! How the replicas of a value are kept together, and for which keys which way is chosen.

use std::fmt;
use std::str::FromStr;

use crate::{Combine, Number};

/// How the replicas of a value are kept together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Consistency {
    /// Each push and pull is asked for. Of two pushes of the same bytes the later one stays.
    #[default]
    Eventual,
    /// A chained call sees what the call that chained it had pushed, and who awaits it what it has pushed.
    Session,
    /// One writer at a time, under the global write lock; a read answers what was pushed last.
    Strong,
    /// Pushes are merged where the value lies, and none is lost.
    Merge(MergeKind),
}

/// What a value that is merged is, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MergeKind {
    /// Numbers, one after the other: a push of sums sends what was added since the last, one of largest or smallest
    /// numbers the numbers that were written.
    Numbers(Combine, Number),
    /// A set, in the form of [`crate::members`]: a push adds its members.
    Set,
    /// A list that is appended to; there is no value beside it.
    Append,
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eventual => f.write_str("eventual"),
            Self::Session => f.write_str("session"),
            Self::Strong => f.write_str("strong"),
            Self::Merge(kind) => write!(f, "merge({kind})"),
        }
    }
}

impl fmt::Display for MergeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (combine, number) = match self {
            Self::Set => return f.write_str("set"),
            Self::Append => return f.write_str("append"),
            Self::Numbers(combine, number) => (combine, number),
        };
        let combine = match combine {
            Combine::Sum => "sum",
            Combine::Max => "max",
            Combine::Min => "min",
        };
        let number = match number {
            Number::I64 => "i64",
            Number::F32 => "f32",
            Number::F64 => "f64",
        };
        write!(f, "{combine} {number}")
    }
}

/// The text is no consistency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no consistency: there are `eventual`, `session`, `strong`, and `merge(KIND)`, where KIND is `sum`, \
     `max` or `min` with `i64`, `f32` or `f64` behind it (`merge(sum f64)`), `set` or `append`"
)]
pub struct NoConsistency {
    text: String,
}

impl FromStr for Consistency {
    type Err = NoConsistency;

    fn from_str(text: &str) -> Result<Self, NoConsistency> {
        let kind = text.strip_prefix("merge(").and_then(|rest| rest.strip_suffix(')'));
        let found = match (text, kind) {
            ("eventual", _) => Some(Self::Eventual),
            ("session", _) => Some(Self::Session),
            ("strong", _) => Some(Self::Strong),
            (_, Some("set")) => Some(Self::Merge(MergeKind::Set)),
            (_, Some("append")) => Some(Self::Merge(MergeKind::Append)),
            (_, Some(numbers)) => parse_numbers(numbers).map(Self::Merge),
            (_, None) => None,
        };
        found.ok_or_else(|| NoConsistency { text: text.to_owned() })
    }
}

fn parse_numbers(text: &str) -> Option<MergeKind> {
    let (combine, number) = text.split_once(' ')?;
    let combine = match combine {
        "sum" => Combine::Sum,
        "max" => Combine::Max,
        "min" => Combine::Min,
        _ => return None,
    };
    let number = match number {
        "i64" => Number::I64,
        "f32" => Number::F32,
        "f64" => Number::F64,
        _ => return None,
    };
    Some(MergeKind::Numbers(combine, number))
}

/// How writes through pointers are found when a value is pushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PointerWrites {
    /// Mapped pages are compared with a copy of them, unless their writers flag.
    #[default]
    Found,
    /// Their writers flag them. What is not flagged is not pushed; nothing is copied or compared.
    Flagged,
}

/// What holds for the keys that begin with a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// How the keys begin.
    pub prefix: Vec<u8>,
    /// How their values are kept.
    pub consistency: Consistency,
    /// How writes through pointers to them are found.
    pub pointer_writes: PointerWrites,
}

/// The rules of a namespace. Without one that fits a key, the defaults hold for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The longest prefixes first.
    rules: Vec<Rule>,
}

/// Two rules are for the same keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are two rules for keys that begin with `{}`", .prefix.escape_ascii())]
pub struct TwoRules {
    prefix: Vec<u8>,
}

impl Rules {
    /// The rules, of which for each key the one with the longest prefix holds.
    ///
    /// # Errors
    ///
    /// [`TwoRules`] for one prefix.
    pub fn new(mut rules: Vec<Rule>) -> Result<Self, TwoRules> {
        rules.sort_by(|a, b| (b.prefix.len(), &a.prefix).cmp(&(a.prefix.len(), &b.prefix)));
        let twice = rules.windows(2).find(|pair| pair[0].prefix == pair[1].prefix);
        match twice {
            Some(pair) => Err(TwoRules { prefix: pair[0].prefix.clone() }),
            None => Ok(Self { rules }),
        }
    }

    /// The rule that holds for a key, if there is one.
    #[must_use]
    pub fn of(&self, key: &[u8]) -> Option<&Rule> {
        self.rules.iter().find(|rule| key.starts_with(&rule.prefix))
    }

    /// All of them, those with the longest prefixes first.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in [
            "eventual",
            "session",
            "strong",
            "merge(sum i64)",
            "merge(max f64)",
            "merge(min f32)",
            "merge(set)",
            "merge(append)",
        ] {
            assert_eq!(text.parse::<Consistency>().unwrap().to_string(), text);
        }
        for text in ["", "Strong", "merge", "merge()", "merge(sum)", "merge(sum u8)", "merge(set"] {
            let error = text.parse::<Consistency>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is no consistency")), "{error}");
        }
    }

    #[test]
    fn the_longest_prefix_holds() {
        let rule = |prefix: &str, consistency| Rule {
            prefix: prefix.into(),
            consistency,
            ..Rule::default()
        };
        let rules = Rules::new(vec![
            rule("", Consistency::Session),
            rule("model/hot", Consistency::Eventual),
            rule("model/", Consistency::Strong),
        ]);
        let rules = rules.unwrap();
        let of = |key: &str| rules.of(key.as_bytes()).unwrap().consistency;
        assert_eq!(of("x"), Consistency::Session);
        assert_eq!(of("model/x"), Consistency::Strong);
        assert_eq!(of("model/hot 1"), Consistency::Eventual);
        assert!(Rules::default().of(b"x").is_none());
        let twice =
            Rules::new(vec![rule("a", Consistency::Strong), rule("a", Consistency::Session)]);
        assert_eq!(
            twice.unwrap_err().to_string(),
            "there are two rules for keys that begin with `a`"
        );
    }
}
