//! Many programs on all cores: workers, what they say, and what is kept of their findings.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::world::World;

/// How long a worker may say nothing.
const SILENCE: Duration = Duration::from_secs(60);
/// How often the counts are shown.
const EVERY: Duration = Duration::from_secs(15);

/// How long, from where, and on how many cores.
pub(crate) struct Campaign {
    pub(crate) minutes: f64,
    pub(crate) first: u64,
    pub(crate) step: u64,
    pub(crate) out: PathBuf,
}

/// A line of a worker, or its end.
enum Said {
    Line(usize, String),
    Ended(usize),
}

struct Worker {
    child: Child,
    /// The seed that it works on, or is to begin with.
    seed: u64,
    heard: Instant,
}

#[derive(Default)]
struct Counts {
    programs: u64,
    calls: u64,
    milliseconds: u64,
    findings: u64,
}

impl Campaign {
    /// Runs for the given time; fails when something was found.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot make {}", self.out.display()))?;
        let said = channel();
        let mut counts = Counts::default();
        let begun = Instant::now();
        let end = begun + Duration::from_secs_f64(self.minutes * 60.0);
        let start = |k: usize| self.start(k, self.first.wrapping_add(k as u64), &said.0);
        let mut workers =
            (0..usize::try_from(self.step)?).map(start).collect::<Result<Vec<_>>>()?;
        let mut shown = begun;
        while Instant::now() < end {
            self.listen(&mut workers, &said, &mut counts)?;
            if shown.elapsed() >= EVERY {
                shown = Instant::now();
                println!("{:6.0} s  {counts}", begun.elapsed().as_secs_f64());
            }
        }
        // The smallest seed that is not done: from there on nothing is missing.
        let next = workers.iter().map(|worker| worker.seed).min().unwrap_or(0);
        for worker in &mut workers {
            worker.child.kill()?;
            worker.child.wait()?;
        }
        println!("seeds {}..{next}: {counts}; go on with --seed {next}", self.first);
        Ok(if counts.findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn start(&self, k: usize, seed: u64, said: &Sender<Said>) -> Result<Worker> {
        let log = std::fs::File::create(self.out.join(format!("worker-{k}.err")))?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["worker", &seed.to_string(), &self.step.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("cannot start a worker")?;
        let out = child.stdout.take().context("a worker without output")?;
        let said = said.clone();
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

    fn listen(
        &self,
        workers: &mut [Worker],
        said: &(Sender<Said>, Receiver<Said>),
        counts: &mut Counts,
    ) -> Result<()> {
        match said.1.recv_timeout(Duration::from_secs(1)) {
            Ok(Said::Line(k, line)) => {
                let worker = &mut workers[k];
                worker.heard = Instant::now();
                let words: Vec<&str> = line.split(' ').collect();
                match words[..] {
                    ["begin", seed] => worker.seed = seed.parse()?,
                    ["end", seed, calls, milliseconds] => {
                        worker.seed = seed.parse::<u64>()?.wrapping_add(self.step);
                        counts.programs += 1;
                        counts.calls += calls.parse::<u64>()?;
                        counts.milliseconds += milliseconds.parse::<u64>()?;
                    }
                    _ => anyhow::bail!("a worker said {line:?}"),
                }
            }
            Ok(Said::Ended(k)) => {
                let worker = &mut workers[k];
                let status = worker.child.wait()?;
                // An error of its own, not of a program: a panic has another code, and a fault a signal.
                ensure!(status.code() != Some(1), "a worker cannot work: {status}");
                counts.findings += 1;
                let (seed, log) = (worker.seed, self.out.join(format!("{}.txt", worker.seed)));
                std::fs::copy(self.out.join(format!("worker-{k}.err")), &log)?;
                println!("FOUND at seed {seed}: {status}, see {}", log.display());
                *worker = self.start(k, seed.wrapping_add(self.step), &said.0)?;
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
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { programs, calls, milliseconds, findings } = self;
        let seconds = milliseconds / 1000;
        write!(
            f,
            "{programs} programs, {calls} calls, {seconds} s of processor time, {findings} findings"
        )
    }
}

/// What a worker does, for ever.
pub(crate) fn work(first: u64, step: u64) -> Result<ExitCode> {
    let mut world = World::new()?;
    let mut out = std::io::stdout().lock();
    let (mut seed, mut used) = (first, processor_time()?);
    loop {
        writeln!(out, "begin {seed}")?;
        out.flush()?;
        let calls = world.program(seed, &mut |_| ())?;
        let now = processor_time()?;
        writeln!(out, "end {seed} {calls} {}", now - used)?;
        (seed, used) = (seed.wrapping_add(step), now);
    }
}

/// Of this process and all its threads, in milliseconds (proc(5), fields 14 and 15 of `stat`).
fn processor_time() -> Result<u64> {
    const TICK: u64 = 10;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("no command in stat")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Ok(ticks.sum::<Result<u64, _>>()? * TICK)
}
