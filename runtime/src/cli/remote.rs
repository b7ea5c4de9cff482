//! The commands that talk to a server: upload, invoke, list, remove.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use hyper::Method;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::failure::{Done, Failure};
use super::libraries::Named;
use super::manifest::{ManifestOptions, ProgramOptions};
use crate::client::{Answer, Client, ClientError};
use crate::duration;
use crate::name::FunctionName;

/// Which server.
#[derive(Args, Debug)]
pub(super) struct Server {
    /// The server's address.
    #[arg(long, value_name = "URL", env = "FAASM_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Print the request as a `curl` command, to standard error.
    #[arg(long)]
    debug_http: bool,
}

/// Options of `faasm upload`.
#[derive(Args, Debug)]
pub(super) struct Upload {
    /// The function's name.
    #[arg(value_name = "USER/NAME")]
    name: FunctionName,
    /// The module, or a script for a runtime.
    file: PathBuf,
    /// It is a library, which functions of the same user load (`dlopen`) by its name.
    #[arg(long, conflicts_with_all = ["libraries", "runtime"])]
    library: bool,
    /// Upload this library first, for the same user; without a name, under its file's.
    #[arg(long = "lib", value_name = "[NAME=]FILE")]
    libraries: Vec<Named>,
    /// The runtime that runs the script, itself an uploaded function; for files that end in `.py` it is `faasm/python`,
    /// in `.js` `faasm/javascript`.
    #[arg(long, value_name = "USER/NAME")]
    runtime: Option<FunctionName>,
    #[command(flatten)]
    program: ProgramOptions,
    #[command(flatten)]
    manifest: ManifestOptions,
    #[command(flatten)]
    server: Server,
}

/// Runtimes of scripts, by the endings of their files.
const RUNTIMES: &[(&str, &str)] = &[("js", "faasm/javascript"), ("py", "faasm/python")];

/// Options of `faasm invoke`.
#[derive(Args, Debug)]
pub(super) struct Invoke {
    /// The function's name.
    #[arg(value_name = "USER/NAME")]
    name: FunctionName,
    /// The input: text, `@FILE`, or `-` for standard input.
    #[arg(short, long, value_name = "DATA", allow_hyphen_values = true)]
    data: Option<String>,
    /// How long the call may take, as in `500ms` or `2m`.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// Print the timings to standard error.
    #[arg(short, long)]
    verbose: bool,
    /// Record whom the call chains, and print that to standard error: drawn, or as the server's JSON.
    #[arg(long, value_enum, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "tree")]
    graph: Option<GraphForm>,
    #[command(flatten)]
    server: Server,
}

/// Options of `faasm list`.
#[derive(Args, Debug)]
pub(super) struct List {
    /// Only this user's functions.
    #[arg(value_name = "USER")]
    namespace: Option<String>,
    /// The form of the list.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
    #[command(flatten)]
    server: Server,
}

/// Options of `faasm remove`.
#[derive(Args, Debug)]
pub(super) struct Remove {
    /// The function's name.
    #[arg(value_name = "USER/NAME")]
    name: FunctionName,
    /// It is a library's name.
    #[arg(long)]
    library: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum GraphForm {
    /// A tree of lines.
    Tree,
    /// What the server answered.
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// Columns for people.
    Table,
    /// What the server answered.
    Json,
    /// One name a line.
    Name,
}

impl Server {
    pub(super) fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, ClientError> {
        let client = Client::new(&self.url)?;
        if self.debug_http {
            let data = if body.is_empty() {
                String::new()
            } else {
                format!(" --data-binary @- # {} bytes", body.len())
            };
            let lines: Vec<_> =
                headers.iter().map(|(name, value)| format!(" -H '{name}: {value:?}'")).collect();
            eprintln!("curl -X {method}{} {}{path}{data}", lines.concat(), client.url());
        }
        client.send(method, path, headers, body)
    }
}

pub(super) fn upload(options: &Upload) -> Done {
    if options.library {
        return upload_library(&options.server, &options.name, &options.file);
    }
    for Named { name, file } in &options.libraries {
        let name = options.name.sibling(name);
        let name = name.map_err(|error| Failure::usage(error.to_string()))?;
        upload_library(&options.server, &name, file)?;
    }
    let bytes = fs::read(&options.file).map_err(|error| Failure::file(&options.file, &error))?;
    let mut manifest = options.manifest.manifest()?;
    options.program.add_to(&mut manifest);
    let mut headers = HeaderMap::new();
    if let Some(runtime) = runtime(options)
        && let Ok(value) = HeaderValue::from_str(&runtime)
    {
        headers.insert(HeaderName::from_static("faasm-runtime"), value);
    }
    if !manifest.is_empty() {
        let text = serde_json::to_vec(&manifest).map_err(|error| Failure::internal(&error))?;
        let value = HeaderValue::from_bytes(&text).map_err(|error| Failure::internal(&error))?;
        headers.insert(HeaderName::from_static("faas-manifest"), value);
    }
    let answer = match options.server.send(Method::PUT, &path(&options.name), headers, bytes) {
        Err(error) => {
            if let ClientError::Problem(reported) = &error
                && let Some(output) = &reported.output
            {
                eprint!("{output}");
            }
            return Err(error.into());
        }
        answer => answer?,
    };
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let timing = |name: &str| document["timings_ms"][name].as_f64().unwrap_or_default();
    let compiled =
        if document["compiled"].as_bool() == Some(false) { "compiled before" } else { "compiled" };
    print(format_args!(
        "{} uploaded ({} bytes); validated in {:.1} ms, {compiled} in {:.1} ms, initialised in {:.1} ms\n",
        options.name,
        document["wasm_bytes"],
        timing("validate"),
        timing("compile"),
        timing("init"),
    ))
}

fn upload_library(server: &Server, name: &FunctionName, file: &Path) -> Done {
    let wasm = fs::read(file).map_err(|error| Failure::file(file, &error))?;
    let bytes = wasm.len();
    server.send(Method::PUT, &library_path(name), HeaderMap::new(), wasm)?;
    print(format_args!("library {name} uploaded ({bytes} bytes)\n"))
}

/// The runtime of what is uploaded, if it is a script.
fn runtime(options: &Upload) -> Option<String> {
    let by_ending = || {
        let ending = options.file.extension()?;
        let mut known = RUNTIMES.iter();
        known.find(|(of, _)| ending == *of).map(|(_, runtime)| (*runtime).to_owned())
    };
    options.runtime.as_ref().map(ToString::to_string).or_else(by_ending)
}

pub(super) fn invoke(options: &Invoke) -> Done {
    let input = input(options.data.as_deref())?;
    let mut headers = HeaderMap::new();
    if let Some(timeout) = options.timeout {
        let text = format!("{}us", timeout.as_micros());
        headers.extend(
            HeaderValue::from_str(&text)
                .map(|value| (HeaderName::from_static("faas-timeout"), value)),
        );
    }
    if options.graph.is_some() {
        let record = HeaderValue::from_static("record");
        headers.insert(HeaderName::from_static("faas-graph"), record);
    }
    let path = format!("{}/invoke", path(&options.name));
    match options.server.send(Method::POST, &path, headers, input) {
        Ok(answer) => {
            if options.verbose {
                talk(&answer);
            }
            let id = answer.headers.get("faas-invocation-id");
            graph(options, id.and_then(|id| id.to_str().ok()))?;
            write_out(&answer.body)
        }
        Err(error) => {
            if let ClientError::Problem(reported) = &error {
                graph(options, reported.invocation_id.as_deref())?;
            }
            if let ClientError::Problem(reported) = &error
                && let Some(output) = &reported.output
            {
                write_out(output.as_bytes())?;
            }
            Err(error.into())
        }
    }
}

/// Prints the graph of a call, if that is wanted.
fn graph(options: &Invoke, call: Option<&str>) -> Result<(), Failure> {
    let (Some(form), Some(call)) = (options.graph, call) else { return Ok(()) };
    let path = format!("/v1/namespaces/{}/calls/{call}/graph", options.name.namespace());
    let answer = options.server.send(Method::GET, &path, HeaderMap::new(), Vec::new())?;
    let graph: Value = serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::usage(format!("the server's answer is not JSON: {error}")))?;
    match form {
        GraphForm::Tree => eprint!("{}", super::graph::draw(&graph)),
        GraphForm::Json => eprintln!("{graph:#}"),
    }
    Ok(())
}

pub(super) fn list(options: &List) -> Done {
    let path = match &options.namespace {
        None => "/v1/functions".to_owned(),
        Some(namespace) => {
            let name = FunctionName::new(namespace, "x")
                .map_err(|error| Failure::usage(error.to_string()))?;
            format!("/v1/namespaces/{}/functions", name.namespace())
        }
    };
    let answer = options.server.send(Method::GET, &path, HeaderMap::new(), Vec::new())?;
    let document: Value = serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::usage(format!("the server's answer is not JSON: {error}")))?;
    let functions = document["functions"].as_array().cloned().unwrap_or_default();
    match options.output {
        Form::Json => print(format_args!("{document:#}\n")),
        Form::Name => print(format_args!(
            "{}",
            lines(&functions, |function| text(function, "name").to_owned())
        )),
        Form::Table if functions.is_empty() => {
            eprintln!("There are no functions yet; `faasm upload USER/NAME app.wasm` makes one.");
            Ok(ExitCode::SUCCESS)
        }
        Form::Table => print(format_args!("{}", table(&functions))),
    }
}

pub(super) fn remove(options: &Remove) -> Done {
    let path = if options.library { library_path(&options.name) } else { path(&options.name) };
    options.server.send(Method::DELETE, &path, HeaderMap::new(), Vec::new())?;
    print(format_args!("{} removed\n", options.name))
}

fn path(name: &FunctionName) -> String {
    format!("/v1/namespaces/{}/functions/{}", name.namespace(), name.function())
}

fn library_path(name: &FunctionName) -> String {
    format!("/v1/namespaces/{}/libraries/{}", name.namespace(), name.function())
}

/// The bytes that `-d` names.
fn input(data: Option<&str>) -> Result<Vec<u8>, Failure> {
    match data {
        None => Ok(Vec::new()),
        Some("-") => {
            let mut bytes = Vec::new();
            io::stdin()
                .read_to_end(&mut bytes)
                .map_err(|error| Failure::file(Path::new("standard input"), &error))?;
            Ok(bytes)
        }
        Some(data) => match data.strip_prefix('@') {
            Some(file) => fs::read(file).map_err(|error| Failure::file(Path::new(file), &error)),
            None => Ok(data.as_bytes().to_vec()),
        },
    }
}

/// What the headers say of a call, for people.
fn talk(answer: &Answer) {
    for name in ["faas-invocation-id", "faas-cold", "server-timing"] {
        if let Some(value) = answer.headers.get(name).and_then(|value| value.to_str().ok()) {
            eprintln!("{name}: {value}");
        }
    }
}

fn table(functions: &[Value]) -> String {
    let width =
        functions.iter().map(|function| text(function, "name").len()).max().unwrap_or(0).max(8);
    let head = format!("{:width$}  {:>10}  DIGEST\n", "FUNCTION", "BYTES");
    let row = |function: &Value| {
        let digest = text(function, "wasm_digest");
        let digest = digest.get(..16).unwrap_or(digest);
        // A value of JSON does not know of widths.
        let bytes = function["wasm_bytes"].to_string();
        format!("{:width$}  {bytes:>10}  {digest}", text(function, "name"))
    };
    head + &lines(functions, row)
}

fn lines(functions: &[Value], line: impl Fn(&Value) -> String) -> String {
    functions.iter().map(|function| line(function) + "\n").collect()
}

fn text<'a>(function: &'a Value, name: &str) -> &'a str {
    function[name].as_str().unwrap_or_default()
}

fn print(text: std::fmt::Arguments<'_>) -> Done {
    write_out(text.to_string().as_bytes())
}

/// Writes data to standard output. A reader that has gone away is no failure.
pub(super) fn write_out(bytes: &[u8]) -> Done {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::file(Path::new("standard output"), &error))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
