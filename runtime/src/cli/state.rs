//! `faasm state`: the values and lists that a user's functions share.

use std::fs;
use std::io::{Read, stdin};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand};
use hyper::Method;
use hyper::header::{ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH, RANGE};
use serde_json::Value;

use super::failure::{Done, Failure};
use super::remote::{Server, write_out};
use crate::client::Answer;
use crate::duration;
use crate::gateway::{decoded, encoded};
use crate::name::FunctionName;

/// Options of `faasm state`.
#[derive(Args, Debug)]
#[command(after_help = KEYS)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

const KEYS: &str = "\
Keys are any bytes: `%` and two hexadecimal digits stand for one, and `%25` for `%` itself, as in `demo/100%25`.
`ls` prints keys so that they can be given to the other commands.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a value, or the elements of a list.
    Get(Get),
    /// Make text, a file or standard input a value.
    Set(Set),
    /// List the keys of a user.
    Ls(Ls),
    /// Delete a value and the list of the same key.
    Rm(Rm),
    /// Wait for another version of a value, and print what is known of it; again and again.
    Watch(Watch),
    /// Add text, a file or standard input to the end of a list.
    Append(Append),
    /// Show how a user's values are kept together, or say it.
    Rules(Rules),
}

#[derive(Args, Debug)]
struct Get {
    /// The value.
    #[arg(value_name = "USER/KEY")]
    target: Target,
    /// Only these bytes, as in `0-99`, `100-` or `-10`.
    #[arg(long, value_name = "RANGE", conflicts_with = "list", allow_hyphen_values = true)]
    range: Option<String>,
    /// Print the elements of the key's list, one a line, instead of the value; those that are no text in hexadecimal
    /// digits.
    #[arg(long)]
    list: bool,
    /// Print each element as JSON, `{"text": …}` or `{"hex": …}`: it says where one with line ends begins and ends.
    #[arg(long, requires = "list")]
    json: bool,
    /// Print version and size to standard error.
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
struct Set {
    /// The value.
    #[arg(value_name = "USER/KEY")]
    target: Target,
    /// What it becomes: text, `@FILE`, or `-` for standard input.
    #[arg(allow_hyphen_values = true)]
    data: String,
    /// Only if it is at this version; 0: if there is none.
    #[arg(long, value_name = "VERSION")]
    if_version: Option<u64>,
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
struct Ls {
    /// Whose keys, and how they begin.
    #[arg(value_name = "USER[/PREFIX]")]
    below: Target,
    /// Print version, size and the number of elements, too.
    #[arg(short, long)]
    long: bool,
    /// Print JSON, a key a line.
    #[arg(long, conflicts_with = "long")]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
struct Rm {
    /// The value.
    #[arg(value_name = "USER/KEY")]
    target: Target,
    /// Only if it is at this version.
    #[arg(long, value_name = "VERSION")]
    if_version: Option<u64>,
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
struct Watch {
    /// The value.
    #[arg(value_name = "USER/KEY")]
    target: Target,
    /// Wait for another version than this; by default than the present one.
    #[arg(long, value_name = "VERSION")]
    from: Option<u64>,
    /// End after the first change.
    #[arg(long)]
    once: bool,
    /// End without a change, with exit code 6, after so long.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Duration>,
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
struct Append {
    /// The list.
    #[arg(value_name = "USER/KEY")]
    target: Target,
    /// The element: text, `@FILE`, or `-` for standard input.
    #[arg(allow_hyphen_values = true)]
    data: String,
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
struct Rules {
    /// Whose.
    #[arg(value_name = "USER")]
    namespace: Target,
    /// What is to hold, in JSON: text, `@FILE`, or `-` for standard input. Without it, what holds is printed.
    data: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// A user and a key of theirs, or its beginning.
#[derive(Clone, Debug)]
struct Target {
    namespace: String,
    key: Vec<u8>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (namespace, key) = text.split_once('/').unwrap_or((text, ""));
        FunctionName::new(namespace, "x").map_err(|error| error.to_string())?;
        let key = decoded(key).ok_or_else(|| {
            format!("`{key}` has a `%` without two hexadecimal digits: write `%25` for `%`")
        })?;
        Ok(Self { namespace: namespace.to_owned(), key })
    }
}

impl Target {
    fn keys(&self) -> String {
        format!("/v1/namespaces/{}/state", self.namespace)
    }

    fn path(&self) -> Result<String, Failure> {
        if self.key.is_empty() {
            return Err(Failure::usage(format!("`{}` names no key", self.namespace)));
        }
        Ok(format!("{}/{}", self.keys(), encoded(&self.key)))
    }
}

pub(super) fn state(options: &Options) -> Done {
    match &options.command {
        Command::Get(options) if options.list => list(options),
        Command::Get(options) => get(options),
        Command::Set(options) => set(options),
        Command::Ls(options) => ls(options),
        Command::Rm(options) => rm(options),
        Command::Watch(options) => watch(options),
        Command::Append(options) => append(options),
        Command::Rules(options) => rules(options),
    }
}

fn get(options: &Get) -> Done {
    let mut headers = HeaderMap::new();
    if let Some(range) = &options.range {
        let range = HeaderValue::from_str(&format!("bytes={range}"));
        let range = range.map_err(|_| Failure::usage("the range has strange characters"))?;
        headers.insert(RANGE, range);
    }
    let path = options.target.path()?;
    let answer = options.server.send(Method::GET, &path, headers, Vec::new())?;
    if options.verbose {
        let said = |name: HeaderName| header(&answer, &name).trim_matches('"').to_owned();
        let size = said(HeaderName::from_static("faas-state-size"));
        eprintln!("version {}, {size} bytes", said(ETAG));
    }
    write_out(&answer.body)
}

/// Elements that one request asks for. Servers read lists from the front: few large pages are read sooner than many.
const ELEMENTS: usize = 100_000;

fn list(options: &Get) -> Done {
    let path = options.target.path()?;
    let mut after = 0;
    loop {
        let page = format!("{path}?list&after={after}&limit={ELEMENTS}");
        let answer = options.server.send(Method::GET, &page, HeaderMap::new(), Vec::new())?;
        let page = json(&answer)?;
        let elements = page["elements"].as_array().into_iter().flatten();
        let lines: String = elements.map(|element| shown(element, options)).collect();
        write_out(lines.as_bytes())?;
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => return Ok(ExitCode::SUCCESS),
        }
    }
}

fn shown(element: &Value, options: &Get) -> String {
    if options.json {
        return format!("{element}\n");
    }
    let text = element["text"].as_str().or_else(|| element["hex"].as_str());
    format!("{}\n", text.unwrap_or_default())
}

fn set(options: &Set) -> Done {
    let bytes = data(&options.data)?;
    let n = bytes.len();
    let headers = condition(options.if_version)?;
    let path = options.target.path()?;
    let answer = json(&options.server.send(Method::PUT, &path, headers, bytes)?)?;
    eprintln!("version {} ({n} bytes)", answer["version"]);
    Ok(ExitCode::SUCCESS)
}

fn condition(version: Option<u64>) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    match version {
        None => {}
        Some(0) => drop(headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"))),
        Some(version) => {
            let tag = HeaderValue::from_str(&format!("\"{version}\""));
            headers.insert(IF_MATCH, tag.map_err(|error| Failure::internal(&error))?);
        }
    }
    Ok(headers)
}

fn ls(options: &Ls) -> Done {
    let prefix = encoded(&options.below.key);
    let mut after = String::new();
    let mut text = String::new();
    loop {
        let path = format!("{}?limit=1000&prefix={prefix}&after={after}", options.below.keys());
        let page = json(&options.server.send(Method::GET, &path, HeaderMap::new(), Vec::new())?)?;
        for entry in page["keys"].as_array().into_iter().flatten() {
            text.push_str(&line(entry, options));
            text.push('\n');
        }
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return write_out(text.as_bytes()),
        }
    }
}

fn line(entry: &Value, options: &Ls) -> String {
    if options.json {
        return entry.to_string();
    }
    let path = entry["path"].as_str().unwrap_or_default();
    let key = decoded(path).map_or_else(|| path.to_owned(), |key| readable(&key));
    if !options.long {
        return key;
    }
    let number = |name: &str| entry[name].as_u64().map_or("-".to_owned(), |n| n.to_string());
    let (version, size, appended) = (number("version"), number("size"), number("appended"));
    format!("{version:>10} {size:>12} {appended:>8}  {key}")
}

fn coded(byte: u8) -> String {
    format!("%{byte:02X}")
}

/// A key as it can be read, and given again: text as it is, but `%`, what is not to be printed and what is no text.
fn readable(key: &[u8]) -> String {
    let mut text = String::with_capacity(key.len());
    for chunk in key.utf8_chunks() {
        let mut utf8 = [0; 4];
        for letter in chunk.valid().chars() {
            if letter == '%' || letter.is_control() {
                letter.encode_utf8(&mut utf8).bytes().for_each(|byte| text.push_str(&coded(byte)));
            } else {
                text.push(letter);
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&coded(*byte)));
    }
    text
}

fn rm(options: &Rm) -> Done {
    let headers = condition(options.if_version)?;
    options.server.send(Method::DELETE, &options.target.path()?, headers, Vec::new())?;
    eprintln!("{} deleted", readable(&options.target.key));
    Ok(ExitCode::SUCCESS)
}

/// How long one request waits: less than what cuts idle connections.
const POLL: Duration = Duration::from_secs(25);

fn watch(options: &Watch) -> Done {
    let path = options.target.path()?;
    let begun = std::time::Instant::now();
    let mut seen = match options.from {
        Some(version) => version,
        None => present(&options.target, &options.server)?,
    };
    loop {
        let left = options.timeout.map(|timeout| timeout.saturating_sub(begun.elapsed()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(ExitCode::from(crate::problem::EXIT_TIMEOUT));
        }
        let wait = left.unwrap_or(POLL).min(POLL).as_millis().max(1);
        let asked = format!("{path}?watch={seen}&timeout={wait}ms");
        let answer = options.server.send(Method::GET, &asked, HeaderMap::new(), Vec::new())?;
        if answer.status == 204 {
            continue;
        }
        let changed = json(&answer)?;
        seen = changed["version"].as_u64().unwrap_or_default();
        write_out(format!("{changed}\n").as_bytes())?;
        if options.once {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// The version that a value has now; 0 if there is none.
fn present(target: &Target, server: &Server) -> Result<u64, Failure> {
    let key = encoded(&target.key);
    // The first key that begins with this one is itself, if it is there.
    let asked = format!("{}?limit=1&prefix={key}", target.keys());
    let page = json(&server.send(Method::GET, &asked, HeaderMap::new(), Vec::new())?)?;
    let first = &page["keys"][0];
    let version = first["version"].as_u64().filter(|_| first["path"].as_str() == Some(&key));
    Ok(version.unwrap_or_default())
}

fn append(options: &Append) -> Done {
    let bytes = data(&options.data)?;
    let path = options.target.path()?;
    let answer = json(&options.server.send(Method::POST, &path, HeaderMap::new(), bytes)?)?;
    eprintln!("{} elements", answer["appended"]);
    Ok(ExitCode::SUCCESS)
}

fn rules(options: &Rules) -> Done {
    let path = format!("/v1/namespaces/{}/state-rules", options.namespace.namespace);
    let (method, body) = match &options.data {
        Some(text) => (Method::PUT, data(text)?),
        None => (Method::GET, Vec::new()),
    };
    let answer = json(&options.server.send(method, &path, HeaderMap::new(), body)?)?;
    let text = serde_json::to_string_pretty(&answer["rules"]);
    let text = text.map_err(|error| Failure::internal(&error))?;
    write_out(format!("{text}\n").as_bytes())
}

/// Text, `@FILE`, or `-` for standard input.
fn data(given: &str) -> Result<Vec<u8>, Failure> {
    if given == "-" {
        let mut bytes = Vec::new();
        let read = stdin().lock().read_to_end(&mut bytes);
        read.map_err(|error| Failure::usage(format!("standard input: {error}")))?;
        return Ok(bytes);
    }
    match given.strip_prefix('@') {
        Some(path) => fs::read(path).map_err(|error| Failure::file(path.as_ref(), &error)),
        None => Ok(given.as_bytes().to_vec()),
    }
}

fn header(answer: &Answer, name: &HeaderName) -> String {
    let value = answer.headers.get(name);
    value.map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn json(answer: &Answer) -> Result<Value, Failure> {
    serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::usage(format!("the server's answer is not JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_user_and_a_key() {
        let target: Target = "demo/a b/%25%ff".parse().unwrap();
        assert_eq!(target.path().unwrap(), "/v1/namespaces/demo/state/a%20b/%25%FF");
        let user: Target = "demo".parse().unwrap();
        assert!(user.path().is_err());
        for bad in ["/x", "demo/%", "demo/%2", "demo/%zz"] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_key_is_printed_as_it_can_be_given() {
        for (key, shown) in [
            (&b"dir/k"[..], "dir/k"),
            (b"a b?", "a b?"),
            ("größer".as_bytes(), "größer"),
            (b"100%", "100%25"),
            (b"a\n\x00", "a%0A%00"),
            (b"\xff\xc3(\xc3\xa4", "%FF%C3(ä"),
            ("\u{85}".as_bytes(), "%C2%85"),
        ] {
            assert_eq!(readable(key), shown);
            assert_eq!(format!("demo/{shown}").parse::<Target>().unwrap().key, key);
        }
    }
}
