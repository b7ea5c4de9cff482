//! `faasm file`: the files that a user's functions read.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use clap::{Args, Subcommand};
use hyper::Method;
use hyper::header::HeaderMap;
use serde_json::Value;

use super::failure::{Done, Failure};
use super::remote::{Server, write_out};
use crate::files::FilePath;
use crate::name::FunctionName;

/// Bytes of an archive, roughly, and files in it: `put --recursive` sends as many as it takes.
const ARCHIVE_BYTES: u64 = 16 << 20;
const ARCHIVE_FILES: usize = 4096;

/// Options of `faasm file`.
#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Put a file, or with `--recursive` all files of a folder, where functions read them.
    Put(Put),
    /// Print a file, or write it to one here.
    Get(Get),
    /// List the files of a user, or those below a directory.
    Ls(Ls),
    /// Remove a file, or with `--recursive` all files below a directory.
    Rm(Rm),
}

#[derive(Args, Debug)]
struct Put {
    /// The file or folder here.
    local: PathBuf,
    /// Whose it becomes and where: a function of USER opens it as `/PATH` or `faasm://PATH`.
    #[arg(value_name = "USER/PATH")]
    target: Target,
    /// Put all files below the folder.
    #[arg(short, long)]
    recursive: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
struct Get {
    /// The file.
    #[arg(value_name = "USER/PATH")]
    source: Target,
    /// The file here; without it, standard output.
    local: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
struct Ls {
    /// Whose files, and below which directory.
    #[arg(value_name = "USER[/PATH]")]
    below: Target,
    /// Print size and digest, too.
    #[arg(short, long)]
    long: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
struct Rm {
    /// The file or directory.
    #[arg(value_name = "USER/PATH")]
    target: Target,
    /// Remove all files below a directory.
    #[arg(short, long)]
    recursive: bool,
    #[command(flatten)]
    server: Server,
}

/// A user and a path of theirs.
#[derive(Clone, Debug)]
struct Target {
    namespace: String,
    path: Option<FilePath>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (namespace, path) = text.split_once('/').unwrap_or((text, ""));
        FunctionName::new(namespace, "x").map_err(|error| error.to_string())?;
        let path = path.trim_end_matches('/');
        let path = (!path.is_empty()).then(|| path.parse::<FilePath>()).transpose();
        let path = path.map_err(|error| error.to_string())?;
        Ok(Self { namespace: namespace.to_owned(), path })
    }
}

impl Target {
    fn path(&self) -> Result<&FilePath, Failure> {
        let path = self.path.as_ref();
        path.ok_or_else(|| Failure::usage(format!("`{}` names no file", self.namespace)))
    }

    fn files(&self) -> String {
        format!("/v1/namespaces/{}/files", self.namespace)
    }

    fn file(&self) -> Result<String, Failure> {
        Ok(format!("{}/{}", self.files(), encoded(self.path()?.as_str())))
    }

    fn below(&self) -> String {
        let query = |path: &FilePath| format!("?below={}", encoded(path.as_str()));
        self.files() + &self.path.as_ref().map(query).unwrap_or_default()
    }
}

/// A path as a part of a URL (RFC 3986): slashes and unreserved characters as they are.
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => text.push(byte.into()),
            _ if byte.is_ascii_alphanumeric() => text.push(byte.into()),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

pub(super) fn file(options: &Options) -> Done {
    match &options.command {
        Command::Put(options) if options.recursive => put_all(options),
        Command::Put(options) => put(options),
        Command::Get(options) => get(options),
        Command::Ls(options) => ls(options),
        Command::Rm(options) => rm(options),
    }
}

fn put(options: &Put) -> Done {
    if options.local.is_dir() {
        let failure = Failure::usage(format!("{} is a folder", options.local.display()));
        return Err(failure.hint("Put all its files with `--recursive`."));
    }
    let path = options.target.file()?;
    let bytes = read(&options.local)?;
    let n = bytes.len();
    options.server.send(Method::PUT, &path, HeaderMap::new(), bytes)?;
    eprintln!("{} put ({n} bytes)", options.target.path()?);
    Ok(ExitCode::SUCCESS)
}

fn put_all(options: &Put) -> Done {
    let root = &options.local;
    let mut files = Vec::new();
    find(root, &mut files)?;
    files.sort();
    let (mut batch, mut sums) = (Batch::default(), (0, 0));
    for path in &files {
        batch.add(root, path)?;
        if batch.is_full() {
            std::mem::take(&mut batch).send(options, &mut sums)?;
        }
    }
    batch.send(options, &mut sums)?;
    eprintln!("{} files put ({} bytes)", sums.0, sums.1);
    Ok(ExitCode::SUCCESS)
}

/// All files below a folder. Links are followed, as long as they do not lead back.
fn find(root: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let mut rest = vec![(root.to_owned(), Vec::new())];
    while let Some((folder, above)) = rest.pop() {
        let failed = |error: std::io::Error| Failure::file(&folder, &error);
        let itself = fs::canonicalize(&folder).map_err(failed)?;
        if above.contains(&itself) {
            continue;
        }
        let above: Vec<_> = above.into_iter().chain([itself]).collect();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let kind = fs::metadata(&path).map_err(|error| Failure::file(&path, &error))?;
            if kind.is_dir() {
                rest.push((path, above.clone()));
            } else if kind.is_file() {
                files.push(path);
            }
        }
    }
    Ok(())
}

/// Files on their way in one archive.
#[derive(Default)]
struct Batch {
    archive: Option<tar::Builder<Vec<u8>>>,
    files: usize,
    bytes: u64,
}

impl Batch {
    fn add(&mut self, root: &Path, path: &Path) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::file(path, &error);
        let name = path.strip_prefix(root).unwrap_or(path);
        let bytes = read(path)?;
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        let archive = self.archive.get_or_insert_with(|| tar::Builder::new(Vec::new()));
        archive.append_data(&mut header, name, &bytes[..]).map_err(failed)?;
        self.files += 1;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.bytes >= ARCHIVE_BYTES || self.files >= ARCHIVE_FILES
    }

    fn send(self, options: &Put, sums: &mut (usize, u64)) -> Result<(), Failure> {
        let Some(archive) = self.archive else { return Ok(()) };
        let failed = |error: std::io::Error| Failure::file(&options.local, &error);
        let body = archive.into_inner().map_err(failed)?;
        let path = options.target.below();
        options.server.send(Method::POST, &path, HeaderMap::new(), body)?;
        *sums = (sums.0 + self.files, sums.1 + self.bytes);
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::file(path, &error))
}

fn get(options: &Get) -> Done {
    let path = options.source.file()?;
    let answer = options.server.send(Method::GET, &path, HeaderMap::new(), Vec::new())?;
    let Some(local) = &options.local else {
        return write_out(&answer.body);
    };
    let written = File::create(local).and_then(|mut file| file.write_all(&answer.body));
    written.map_err(|error| Failure::file(local, &error))?;
    Ok(ExitCode::SUCCESS)
}

/// What the server says of all files below a target.
fn listed(server: &Server, below: &Target) -> Result<Vec<Value>, Failure> {
    let answer = server.send(Method::GET, &below.below(), HeaderMap::new(), Vec::new())?;
    let document: Value = serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::usage(format!("the server's answer is not JSON: {error}")))?;
    Ok(document["files"].as_array().cloned().unwrap_or_default())
}

fn ls(options: &Ls) -> Done {
    let mut text = String::new();
    for file in listed(&options.server, &options.below)? {
        let part = |name: &str| file[name].as_str().unwrap_or_default();
        if options.long {
            let digest = part("digest").get(..16).unwrap_or_default();
            let bytes = file["bytes"].as_u64().unwrap_or_default();
            text.push_str(&format!("{bytes:>12}  {digest}  "));
        }
        text.push_str(part("path"));
        text.push('\n');
    }
    write_out(text.as_bytes())
}

fn rm(options: &Rm) -> Done {
    let path = options.target.file()?;
    if !options.recursive && !listed(&options.server, &options.target)?.is_empty() {
        let path = options.target.path()?;
        let failure = Failure::not_found(format!("`{path}` is a directory, not a file"));
        return Err(failure.hint("With `--recursive`, all files below it are removed."));
    }
    options.server.send(Method::DELETE, &path, HeaderMap::new(), Vec::new())?;
    eprintln!("{} removed", options.target.path()?);
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_user_and_a_path() {
        let target: Target = "demo/a b/é?".parse().unwrap();
        assert_eq!(target.file().unwrap(), "/v1/namespaces/demo/files/a%20b/%C3%A9%3F");
        let user: Target = "demo".parse().unwrap();
        assert_eq!(user.below(), "/v1/namespaces/demo/files");
        assert!(user.file().is_err());
        for bad in ["", "/x", "demo/../x", "demo/a//b", ".x/a"] {
            assert!(bad.parse::<Target>().is_err(), "{bad:?}");
        }
    }
}
