//! Processes that have guests for a benchmark, and what they say.
//!
//! # Protocol
//!
//! 1. A benchmark starts itself again with a role, a number of guests and the first one's number; [`arguments`] finds
//!    them.
//! 2. The process has its guests wait, says so ([`Report::say`]), and waits for the word to go on, as often as its
//!    benchmark knows.
//! 3. At last it ends its guests, and says how many answered as they should ([`say_right`]).

use std::io::{BufRead, BufReader, Write};
use std::process::{self, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::memory::{Memory, mappings};

/// What a process says when its guests wait.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Guests that wait.
    pub live: usize,
    /// Why there are no more, if one was refused.
    pub refusal: Option<String>,
    /// Bytes that all of them take.
    pub bytes: f64,
    /// The same in words.
    pub words: String,
    /// Mappings of the process.
    pub mappings: usize,
    /// Bytes that are still taken when all have ended.
    pub left: f64,
}

impl Report {
    /// Of guests that have come since `before`.
    ///
    /// # Errors
    ///
    /// When `/proc` does not say.
    pub fn of(live: usize, before: Memory) -> Result<Self> {
        let taken = Memory::here()? - before;
        Ok(Self {
            live,
            bytes: taken.total(),
            words: taken.for_each(live),
            mappings: mappings()?,
            ..Self::default()
        })
    }

    /// Bytes of one.
    #[must_use]
    pub fn each(&self) -> f64 {
        self.bytes / self.live as f64
    }

    /// Says it, and waits for the word to go on.
    ///
    /// # Errors
    ///
    /// When nobody listens.
    pub fn say(&self) -> Result<()> {
        say(self)?;
        std::io::stdin().lines().next().context("nobody listens any more")??;
        Ok(())
    }
}

/// Says how many answered as they should: the last that a process says.
///
/// # Errors
///
/// When nobody listens.
pub fn say_right(right: usize) -> Result<()> {
    say(&right)
}

fn say(what: &impl Serialize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(what)?)?;
    Ok(out.flush()?)
}

/// A process with guests, as the one that started it sees it.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Child {
    /// Starts one with so many guests, numbered from `first` on.
    ///
    /// # Errors
    ///
    /// When the system has no process left.
    pub fn start(role: &str, count: usize, first: usize) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["child", role, &count.to_string(), &first.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().context("no way in")?;
        let output = BufReader::new(process.stdout.take().context("no way out")?);
        Ok(Self { process, input, output })
    }

    /// Its number.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// What it says next.
    ///
    /// # Errors
    ///
    /// When it has died, or says something else.
    pub fn report(&mut self) -> Result<Report> {
        Ok(serde_json::from_str(&self.line()?)?)
    }

    /// Has it go on.
    ///
    /// # Errors
    ///
    /// When it has died.
    pub fn go_on(&mut self) -> Result<()> {
        Ok(writeln!(self.input)?)
    }

    /// Has it end its guests; how many answered as they should.
    ///
    /// # Errors
    ///
    /// When it has died or failed.
    pub fn finish(mut self) -> Result<usize> {
        self.go_on()?;
        let right = serde_json::from_str(&self.line()?)?;
        match self.process.wait()?.success() {
            true => Ok(right),
            false => bail!("a process with guests failed"),
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.output.read_line(&mut line)? {
            0 => bail!("a process with guests died: {}", self.process.wait()?),
            _ => Ok(line),
        }
    }
}

/// What a process of a benchmark is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// The benchmark's own word.
    pub role: String,
    /// How many guests.
    pub count: usize,
    /// The first one's number.
    pub first: usize,
}

/// What this process is for, if a benchmark has started it with [`Child::start`].
///
/// # Errors
///
/// When the arguments are not what it gives.
pub fn arguments() -> Result<Option<Arguments>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [child, role, count, first] if child == "child" => {
            Ok(Some(Arguments { role: role.clone(), count: count.parse()?, first: first.parse()? }))
        }
        _ => Ok(None),
    }
}
