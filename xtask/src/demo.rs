//! `cargo xtask demo`: a server, a word count on a real text, and an independent count to compare with.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::shell::{cargo, output, root, run, say};

/// What to show.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Megabytes of text.
    #[arg(long, default_value_t = 8)]
    megabytes: usize,
    /// Chained calls that share the work.
    #[arg(long, default_value_t = 4)]
    parts: usize,
    /// Calls after the first.
    #[arg(long, default_value_t = 20)]
    calls: usize,
}

/// State key of the text.
const KEY: &str = "text";

pub(crate) fn show(options: &Options) -> Result<()> {
    let mut build = cargo(["build", "--release", "--quiet", "-p", "faasm-runtime"]);
    run("building the binary (release)", &mut build)?;
    let folder = root().join("target/demo");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;

    let text = make_text(&folder, options.megabytes)?;
    let server = Server::start(&folder)?;
    say(&format!("the server listens on {}", server.url));
    for function in ["put-text", "wordcount"] {
        let wasm = root().join(format!("guests/c/build/{function}.wasm"));
        let (answer, took) = server.faasm(&["upload", &format!("demo/{function}")], Some(&wasm))?;
        say(&format!("upload of {function} (validate, compile, snapshot): {}", millis(took)));
        print_indented(&answer);
    }
    put_text(&server, &folder, &text)?;

    let input = format!("{KEY} {}", options.parts);
    let call = || server.faasm(&["invoke", "demo/wordcount", "-d", &input], None);
    let (answer, first) = server.faasm(&["invoke", "-v", "demo/wordcount", "-d", &input], None)?;
    say(&format!("first call, with {} chained calls: {}", options.parts, millis(first)));
    print_indented(&answer);
    let mut later = Vec::new();
    for _ in 0..options.calls {
        let (again, took) = call()?;
        ensure!(again == answer, "a later call gave another answer:\n{again}");
        later.push(took);
    }
    later.sort();
    if let Some(median) = later.get(later.len() / 2) {
        say(&format!(
            "{} later calls: median {} (with the command's own start)",
            later.len(),
            millis(*median)
        ));
    }

    say("counting the same text with tr, sort and uniq");
    let expected = independent_count(&text)?;
    ensure!(
        answer.trim() == expected.trim(),
        "the counts differ; tr, sort and uniq say:\n{expected}"
    );
    say("both counts agree");
    Ok(())
}

/// A text of several megabytes: this repository's documents and sources, repeated.
fn make_text(folder: &Path, megabytes: usize) -> Result<PathBuf> {
    let mut git = Command::new("git");
    let files = output(git.current_dir(root()).args(["ls-files", "*.md", "*.rs", "*.c", "*.h"]))?;
    let mut once = Vec::new();
    for file in files.lines() {
        once.extend(std::fs::read(root().join(file)).with_context(|| file.to_owned())?);
    }
    ensure!(
        !once.is_empty(),
        "git lists no documents here: run the demo in a clone of the repository"
    );
    let path = folder.join("text");
    let mut text = std::fs::File::create(&path)?;
    let mut size = 0;
    while size < megabytes << 20 {
        text.write_all(&once)?;
        size += once.len();
    }
    say(&format!("text: {:.1} MB of this repository's documents and sources", size as f64 / 1e6));
    Ok(path)
}

/// Stores the text as a state value, through a function.
fn put_text(server: &Server, folder: &Path, text: &Path) -> Result<()> {
    let input = folder.join("put-text.input");
    let mut bytes = format!("{KEY}\n").into_bytes();
    bytes.extend(std::fs::read(text)?);
    std::fs::write(&input, bytes)?;
    let data = format!("@{}", input.display());
    let (answer, took) = server.faasm(&["invoke", "demo/put-text", "-d", &data], None)?;
    say(&format!("the text is state now ({} bytes): {}", answer.trim(), millis(took)));
    Ok(())
}

/// The same count by tools that know nothing of us, in the function's output format.
fn independent_count(text: &Path) -> Result<String> {
    let script = r#"
        export LC_ALL=C
        tr -cs A-Za-z0-9 '\n' < "$0" | tr A-Z a-z | grep . | sort | uniq -c > "$0.counts"
        awk '{ n += $1 } END { print "words", n; print "distinct", NR }' "$0.counts"
        sort -k1,1nr -k2,2 "$0.counts" | head -n 10 | awk '{ print $1, $2 }'
    "#;
    output(Command::new("sh").arg("-c").arg(script).arg(text))
}

/// A server that ends with the demo.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(folder: &Path) -> Result<Self> {
        let mut command = Command::new(binary());
        command
            .args(["--log", "warn", "serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.join("data"));
        let mut child = command.stdout(Stdio::piped()).spawn().context("starting the server")?;
        let lines = BufReader::new(child.stdout.take().context("the server's output")?).lines();
        for line in lines {
            let line = line?;
            if let Some(at) = line.find("http://") {
                let url = line[at..].split_whitespace().next().unwrap_or_default().to_owned();
                return Ok(Self { child, url });
            }
        }
        bail!("the server ended before it listened: {}", child.wait()?)
    }

    /// Runs the command line against this server: what it printed and how long it took.
    fn faasm(&self, args: &[&str], file: Option<&Path>) -> Result<(String, Duration)> {
        let mut command = Command::new(binary());
        command.args(args).args(file).env("FAASM_URL", &self.url);
        let start = Instant::now();
        let answer = output(&mut command)?;
        Ok((answer, start.elapsed()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The demo is over either way; a server that is gone already is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn binary() -> PathBuf {
    root().join("target/release/faasm")
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

fn print_indented(text: &str) {
    for line in text.lines() {
        println!("    {line}");
    }
}
