//! The scripts that run at the server, each made of the parts that it needs.

use std::fmt;

use ::redis::{Cmd, Script as Hashed, Value};

use super::error::Fault;

macro_rules! scripts {
    ($($name:ident: $($part:literal)+;)+) => {
        /// All scripts, ready to be sent.
        pub(super) struct Scripts {
            $(pub(super) $name: Script,)+
        }

        impl Scripts {
            pub(super) fn new() -> Self {
                Self {
                    $($name: Script::new(
                        stringify!($name),
                        concat!($(include_str!(concat!("scripts/", $part, ".lua")), "\n"),+),
                    ),)+
                }
            }
        }
    };
}

scripts! {
    stat: "address" "stat";
    read: "address" "chunks" "read";
    pin: "address" "pin";
    pinned: "address" "pinned";
    unpin: "address" "unpin";
    write: "address" "change" "chunks" "write";
    merge: "address" "change" "chunks" "numbers" "merge";
    borrow: "address" "borrow";
    commit: "address" "change" "chunks" "numbers" "parts" "applying" "commit";
    commit_now: "address" "change" "chunks" "parts" "commit_now";
    apply: "address" "chunks" "numbers" "parts" "applying" "apply";
    delete: "address" "change" "chunks" "delete";
    append: "address" "change" "append";
    elements: "address" "fitting" "elements";
    take: "address" "change" "fitting" "take";
    give_back: "address" "change" "give_back";
    clear: "address" "change" "clear";
    forget: "address" "forget";
    lock: "address" "lock";
    leave: "address" "leave";
    renew: "address" "renew";
    unlock: "address" "change" "unlock";
    index: "index";
    unindex: "unindex";
}

/// A script and its hash, by which a server knows it that has run it before.
pub(super) struct Script {
    name: &'static str,
    text: &'static str,
    hash: String,
}

impl Script {
    fn new(name: &'static str, text: &'static str) -> Self {
        Self { name, text, hash: Hashed::new(text).get_hash().to_owned() }
    }

    /// The words of the command that runs it by its hash.
    pub(super) fn words<'a>(&'a self, key: &'a str, args: &'a Args<'_>) -> Vec<&'a [u8]> {
        let args = args.0.iter().map(|arg| match arg {
            Arg::Text(text) => text.as_bytes(),
            Arg::Bytes(bytes) => bytes,
        });
        let head = [b"EVALSHA", self.hash.as_bytes(), b"1", key.as_bytes()];
        head.into_iter().chain(args).collect()
    }

    /// The command that runs it by its hash, or by its text, with these keys, of which it uses the first.
    pub(super) fn command(&self, by_text: bool, keys: Keys<'_>, args: &Args<'_>) -> Cmd {
        let mut command = ::redis::cmd(if by_text { "EVAL" } else { "EVALSHA" });
        command.arg(if by_text { self.text } else { &self.hash });
        match keys {
            Keys::One(key) => drop(command.arg(1).arg(key)),
            Keys::AndNone(key) => drop(command.arg(2).arg(key).arg(format!("{key}-"))),
        }
        args.0.iter().for_each(|arg| match arg {
            Arg::Text(text) => drop(command.arg(text.as_bytes())),
            Arg::Bytes(bytes) => drop(command.arg(*bytes)),
        });
        command
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The keys that a script is said to use.
#[derive(Clone, Copy)]
pub(super) enum Keys<'a> {
    One(&'a str),
    /// Beside it one that is never there. While its slot moves to another node of a cluster, some keys of an address are
    /// at one node and some at the other, and a script that runs at either would take what it does not find for what is
    /// not there. A node refuses commands whose keys it has in part only: so it refuses ours until all have moved.
    AndNone(&'a str),
}

/// What a script is told.
#[derive(Clone, Default)]
pub(super) struct Args<'a>(Vec<Arg<'a>>);

#[derive(Clone)]
enum Arg<'a> {
    Text(String),
    Bytes(&'a [u8]),
}

impl<'a> Args<'a> {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn text(mut self, text: impl Into<String>) -> Self {
        self.0.push(Arg::Text(text.into()));
        self
    }

    pub(super) fn number(self, number: impl fmt::Display) -> Self {
        self.text(number.to_string())
    }

    pub(super) fn flag(self, set: bool) -> Self {
        self.text(if set { "1" } else { "" })
    }

    pub(super) fn bytes(mut self, bytes: &'a [u8]) -> Self {
        self.0.push(Arg::Bytes(bytes));
        self
    }

    /// These, and then the others.
    pub(super) fn and(mut self, others: &Self) -> Self {
        self.0.extend(others.0.iter().cloned());
        self
    }
}

/// What a script answered: a word, and what goes with it.
#[derive(Debug)]
pub(super) struct Reply(Vec<Value>);

impl Reply {
    pub(super) fn new(mut answers: Vec<Value>) -> Result<Self, Fault> {
        match answers.pop() {
            Some(Value::Array(parts)) if !parts.is_empty() => Ok(Self(parts)),
            other => Err(Fault::odd(&other)),
        }
    }

    pub(super) fn word(&self) -> &[u8] {
        self.part(0).unwrap_or_default()
    }

    fn part(&self, n: usize) -> Option<&[u8]> {
        match self.0.get(n)? {
            Value::BulkString(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn text(&self, n: usize) -> Result<&str, Fault> {
        let text = self.part(n).and_then(|bytes| std::str::from_utf8(bytes).ok());
        text.ok_or_else(|| Fault::odd(&self.0))
    }

    pub(super) fn number(&self, n: usize) -> Result<u64, Fault> {
        self.text(n)?.parse().map_err(|_| Fault::odd(&self.0))
    }

    pub(super) fn size(&self, n: usize) -> Result<usize, Fault> {
        usize::try_from(self.number(n)?).map_err(|_| Fault::odd(&self.0))
    }

    /// The strings from the `n`th part on.
    pub(super) fn strings(self, n: usize) -> Result<Vec<Vec<u8>>, Fault> {
        self.0.into_iter().skip(n).map(string).collect()
    }

    /// The strings of the list that the `n`th part is.
    pub(super) fn list(self, n: usize) -> Result<Vec<Vec<u8>>, Fault> {
        match self.0.into_iter().nth(n) {
            Some(Value::Array(strings)) => strings.into_iter().map(string).collect(),
            other => Err(Fault::odd(&other)),
        }
    }
}

/// The string that an answer is.
pub(super) fn string(value: Value) -> Result<Vec<u8>, Fault> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        other => Err(Fault::odd(&other)),
    }
}
