//! Many cases on all cores: workers, what they say, and what is kept of their findings.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use wasm_shrink::WasmShrink;

use crate::case::Case;
use crate::counts::Counts;
use crate::features;

/// How long a worker may say nothing.
const SILENCE: Duration = Duration::from_secs(90);
/// How often the counts are shown.
const EVERY: Duration = Duration::from_secs(15);
/// Findings that are made smaller, one of a kind, and how long that may take each.
const MOST_SHRUNK: usize = 8;
const SHRINKING: Duration = Duration::from_secs(120);

/// How long, from where, and on how many cores.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Minutes to run.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// The first seed; a run ends by saying with which to go on.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Workers; as many as there are cores if not given.
    #[arg(long)]
    jobs: Option<u64>,
    /// Only resets of our own slots, in every way.
    #[arg(long)]
    resets: bool,
    /// Where findings are written.
    #[arg(long, default_value = "target/fuzz/differential")]
    out: PathBuf,
}

/// A line of a worker, or its end.
enum Said {
    Line(u64, String),
    Ended(u64),
}

struct Worker {
    child: Child,
    /// The seed that it works on, or is to begin with.
    seed: u64,
    heard: Instant,
}

struct Campaign<'a> {
    options: &'a Options,
    step: u64,
    counts: Counts,
    differences: usize,
    alone: usize,
    /// The first finding of each kind: its seed and its module.
    kinds: BTreeMap<String, (u64, PathBuf)>,
    said: (Sender<Said>, Receiver<Said>),
}

/// Runs for the given time; fails when something differed.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let step = options.jobs.unwrap_or(cores).max(1);
    std::fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make {}", options.out.display()))?;
    let names: Vec<_> = features::accepted().iter().map(|feature| feature.name).collect();
    println!("features: {}", names.join(", "));
    for (name, why) in features::refused() {
        println!("without {name}: {why}");
    }
    let mut campaign = Campaign {
        options,
        step,
        counts: Counts::default(),
        differences: 0,
        alone: 0,
        kinds: BTreeMap::new(),
        said: channel(),
    };
    campaign.run()
}

impl Campaign<'_> {
    fn run(&mut self) -> Result<ExitCode> {
        let begun = Instant::now();
        let end = begun + Duration::from_secs_f64(self.options.minutes * 60.0);
        let mut workers = (0..self.step)
            .map(|k| self.start(k, self.options.seed.wrapping_add(k)))
            .collect::<Result<Vec<_>>>()?;
        let mut shown = begun;
        while Instant::now() < end {
            self.listen(&mut workers)?;
            if shown.elapsed() >= EVERY {
                shown = Instant::now();
                println!("{:6.0} s  {}", begun.elapsed().as_secs_f64(), self.counts);
            }
        }
        // The smallest seed that is not done: from there on nothing is missing, and little is done again.
        let next = workers.iter().map(|worker| worker.seed).min().unwrap_or(0);
        for worker in &mut workers {
            worker.child.kill()?;
            worker.child.wait()?;
        }
        for (seed, file) in self.kinds.values().take(MOST_SHRUNK) {
            match smaller(*seed, file, self.options.resets) {
                Ok(Some(small)) => println!("seed {seed} made smaller: {}", small.display()),
                Ok(None) => println!("seed {seed} differs only among others: {}", file.display()),
                Err(error) => println!("seed {seed} cannot be made smaller: {error:#}"),
            }
        }
        self.conclude(next);
        Ok(if self.differences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn conclude(&self, next: u64) {
        let counts = &self.counts;
        println!("{counts}");
        if self.alone > 0 {
            println!("{} times one rival stood alone against ours and the other", self.alone);
        }
        println!(
            "seeds {}..{next}, {} calls, {} s of processor time; go on with --seed {next}",
            self.options.seed,
            counts.get("calls"),
            counts.get("cpu-ms") / 1000,
        );
        println!("{} modules, {} differences", counts.get("modules"), self.differences);
    }

    fn start(&self, k: u64, seed: u64) -> Result<Worker> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["worker", &seed.to_string(), &self.step.to_string()])
            .args(self.options.resets.then_some("--resets"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .context("cannot start a worker")?;
        let out = child.stdout.take().context("a worker without output")?;
        let said = self.said.0.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if said.send(Said::Line(k, line)).is_err() {
                    return;
                }
            }
            // Nobody listens at the end of the run.
            let _ = said.send(Said::Ended(k));
        });
        Ok(Worker { child, seed, heard: Instant::now() })
    }

    fn listen(&mut self, workers: &mut [Worker]) -> Result<()> {
        match self.said.1.recv_timeout(Duration::from_secs(1)) {
            Ok(Said::Line(k, line)) => {
                let worker = &mut workers[usize::try_from(k)?];
                worker.heard = Instant::now();
                self.hear(worker, &line)?;
            }
            Ok(Said::Ended(k)) => {
                let worker = &mut workers[usize::try_from(k)?];
                let status = worker.child.wait()?;
                // An error of its own, not of a case: a panic has another code, and a fault a signal.
                ensure!(status.code() != Some(1), "a worker cannot work: {status}");
                self.found(worker.seed, &format!("the worker died: {status}"))?;
                *worker = self.start(k, worker.seed.wrapping_add(self.step))?;
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        for worker in workers.iter_mut().filter(|worker| worker.heard.elapsed() > SILENCE) {
            // Its end is heard like any other's.
            eprintln!("seed {} takes too long", worker.seed);
            worker.heard = Instant::now();
            worker.child.kill()?;
        }
        Ok(())
    }

    fn hear(&mut self, worker: &mut Worker, line: &str) -> Result<()> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (seed, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let seed = seed.parse().with_context(|| format!("a worker said {line:?}"))?;
        match verb {
            "begin" => worker.seed = seed,
            "end" => {
                self.counts.absorb(text);
                worker.seed = seed.wrapping_add(self.step);
            }
            "alone" => {
                self.alone += 1;
                self.keep(seed, &format!("a rival stands alone, {text}"))?;
            }
            _ => self.found(seed, text)?,
        }
        Ok(())
    }

    fn found(&mut self, seed: u64, text: &str) -> Result<()> {
        self.differences += 1;
        println!("DIFFERENCE at seed {seed}: {text}");
        let file = self.keep(seed, text)?;
        // What is of one kind looks alike up to its numbers.
        let kind: String = text.chars().filter(|c| !c.is_ascii_digit()).take(60).collect();
        self.kinds.entry(kind).or_insert((seed, file));
        Ok(())
    }

    /// Writes a finding down; returns where its module is.
    fn keep(&self, seed: u64, text: &str) -> Result<PathBuf> {
        let path = |end: &str| self.options.out.join(format!("{seed}.{end}"));
        let (mut said, mut wasm) = (text.to_owned(), Vec::new());
        if let Some(case) = Case::of_seed(seed, &features::accepted()) {
            said.push_str(&format!("\n{case:?}\n"));
            wasm = case.wasm;
        }
        std::fs::write(path("txt"), said)?;
        std::fs::write(path("wasm"), wasm)?;
        Ok(path("wasm"))
    }
}

/// Makes a module smaller as long as running it as `seed` says still ends as it did; each attempt has a process of
/// its own, as it may die.
pub(crate) fn smaller(seed: u64, file: &Path, resets: bool) -> Result<Option<PathBuf>> {
    let first = verdict(seed, file, resets)?;
    if first.is_empty() {
        return Ok(None);
    }
    let attempt = file.with_extension("attempt.wasm");
    let end = Instant::now() + SHRINKING;
    let shrink =
        WasmShrink::default().attempts(200).run(std::fs::read(file)?, &mut |wasm: &[u8]| {
            if Instant::now() > end {
                return Ok(false);
            }
            std::fs::write(&attempt, wasm)?;
            Ok(verdict(seed, &attempt, resets)? == first)
        });
    let small = file.with_extension("min.wasm");
    std::fs::write(&small, shrink?.output)?;
    std::fs::remove_file(&attempt)?;
    Ok(Some(small))
}

/// In what way running the module is a finding, without the details; empty when it is none.
fn verdict(seed: u64, file: &Path, resets: bool) -> Result<String> {
    let output = Command::new(std::env::current_exe()?)
        .args(["check", "--seed", &seed.to_string()])
        .args(resets.then_some("--resets"))
        .arg(file)
        .stderr(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(String::new());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    // The engine and the kind: what is called, and the values, change as the module gets smaller.
    let line = text.lines().nth(1).unwrap_or_default();
    let kind: String = line.split(':').take(2).collect();
    let kind = kind.split(|c: char| c.is_ascii_digit() || c == '"').next().unwrap_or_default();
    Ok(format!("{} {kind}", output.status))
}
