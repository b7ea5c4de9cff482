//! A host in this process, on a folder that goes with it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use faasm_runtime::call::{CallError, Finished, Outcome};
use faasm_runtime::host::{Host, HostConfig, Uploaded};
use faasm_runtime::manifest::Manifest;
use faasm_runtime::name::FunctionName;
use faasm_sfi::pending::Pending;
use tempfile::TempDir;

/// How long a call of a test may take before the test fails instead of hanging.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// A host of two executors.
pub(crate) struct TestHost {
    pub(crate) host: Arc<Host>,
    pub(crate) dir: TempDir,
}

impl TestHost {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// A host whose settings `change` has changed.
    pub(crate) fn with(change: impl FnOnce(&mut HostConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = HostConfig::new(dir.path().join("data"));
        config.threads = std::num::NonZero::new(2);
        config.timeout = PATIENCE;
        change(&mut config);
        Self { host: Host::start(config).unwrap(), dir }
    }

    /// A host that has these guests, each as `demo/NAME`.
    pub(crate) fn having(guests: &[&str]) -> Self {
        let host = Self::start();
        guests.iter().for_each(|name| drop(host.upload(name)));
        host
    }

    pub(crate) fn upload(&self, guest: &str) -> Uploaded {
        self.host
            .upload(&name(guest), &wasm(guest))
            .unwrap_or_else(|error| panic!("upload of {guest}: {error:?}"))
    }

    pub(crate) fn upload_wat(&self, function: &str, wat: &str) -> Uploaded {
        let wasm = wat::parse_str(wat).unwrap();
        self.host
            .upload(&name(function), &wasm)
            .unwrap_or_else(|error| panic!("upload of {function}: {error:?}"))
    }

    /// Uploads a guest that may talk to these.
    pub(crate) fn upload_with_net(&self, guest: &str, allow: &[&str]) -> Uploaded {
        let manifest = serde_json::json!({ "network": { "allow": allow } }).to_string();
        let manifest = Manifest::parse(manifest.as_bytes()).unwrap();
        self.host
            .upload_with(&name(guest), &wasm(guest), manifest)
            .unwrap_or_else(|error| panic!("upload of {guest}: {error:?}"))
    }

    /// Begins a call.
    pub(crate) fn begin(
        &self,
        function: &str,
        input: &[u8],
        timeout: Option<Duration>,
    ) -> Pending<Finished> {
        let function = self.host.function(&name(function)).unwrap();
        self.host.invoke(function, input.to_vec(), timeout).finished
    }

    /// Calls and waits for the end.
    pub(crate) fn call(&self, function: &str, input: &[u8]) -> Finished {
        end(self.begin(function, input, None))
    }

    /// Calls a function that must answer.
    pub(crate) fn outcome(&self, function: &str, input: &[u8]) -> Outcome {
        self.call(function, input).result.unwrap_or_else(|error| panic!("{function}: {error:?}"))
    }

    /// Calls a function that must succeed; its output as text.
    pub(crate) fn text(&self, function: &str, input: &str) -> String {
        let outcome = self.outcome(function, input.as_bytes());
        let text = String::from_utf8(outcome.output).unwrap();
        assert_eq!(outcome.return_code, 0, "{function} of {input:?} said {text:?}");
        text
    }

    /// Stops the executors; every Faaslet has gone back by then.
    pub(crate) fn assert_nobody_is_left(&self) {
        self.host.shut_down(PATIENCE);
        assert_eq!((self.host.live(), self.host.queued()), (0, 0));
    }

    /// Calls a function that must fail.
    pub(crate) fn error(&self, function: &str, input: &[u8]) -> CallError {
        self.call(function, input).result.unwrap_err()
    }
}

/// The end of a call.
pub(crate) fn end(finished: Pending<Finished>) -> Finished {
    finished.block(Some(Instant::now() + PATIENCE)).unwrap()
}

pub(crate) fn name(function: &str) -> FunctionName {
    FunctionName::new("demo", function).unwrap()
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The path of a guest that was built from C.
pub(crate) fn wasm_path(guest: &str) -> PathBuf {
    root().join("guests/c/build").join(guest).with_extension("wasm")
}

pub(crate) fn wasm(guest: &str) -> Vec<u8> {
    fs::read(wasm_path(guest)).unwrap_or_else(|error| panic!("{guest}: {error}"))
}
