//! `faasm serve`: a host and its gateway, until a signal.

use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use faasm_hostif::NetworkReach;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::failure::{Done, Failure};
use super::paths;
use super::profile::ProfileOptions;
use crate::duration;
use crate::executors::ExecutorLimits;
use crate::gateway::{self, GatewayLimits};
use crate::host::{Host, HostConfig, HostError};
use crate::problem::explain;
use crate::size;
use crate::state_rules;
use crate::tiers::TierUrl;

/// The exit code after a second interrupt (128 + SIGINT).
const INTERRUPTED: i32 = 130;

/// Options of `faasm serve`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Folder of the functions; by default this user's (`$XDG_DATA_HOME/faasm`).
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How many executor threads; by default one for each core.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// How long a call may take that does not say.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse)]
    timeout: Duration,
    /// How long any call may take.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration::parse)]
    max_timeout: Duration,
    /// Memory of one Faaslet.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size::parse)]
    memory: u64,
    /// Largest input of a call.
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = size::parse)]
    max_input: u64,
    /// Largest module of an upload.
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size::parse)]
    max_module: u64,
    /// How long the compilation of an uploaded module may take.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration::parse)]
    compile_time: Duration,
    /// How many calls may wait for an executor.
    #[arg(long, value_name = "N", default_value_t = ExecutorLimits::default().queued)]
    queue: usize,
    /// How many Faaslets may run or wait.
    #[arg(long, value_name = "N", default_value_t = ExecutorLimits::default().live)]
    faaslets: usize,
    /// How far functions may reach over the network at most, whatever their manifests say: nowhere, the public internet,
    /// also private networks, or also this host.
    #[arg(long, value_enum, default_value = "all")]
    net: Reach,
    /// Where the global tier of state is: `file:PATH`, by default the file `state` in the folder of the functions, which
    /// survives crashes; `memory:` (gone with the server); or a Redis or Valkey server, as in
    /// `redis://USER:PASSWORD@HOST:PORT`, `rediss://…`, `redis+sentinel://HOST,HOST/MASTER` or
    /// `redis+cluster://HOST,HOST`; behind `?` `durability=fast|disk|replicated`, `replicas=1`, `timeout=10s`, `prefix=faasm`, `ca=FILE`.
    #[arg(long, value_name = "URL", env = "FAASM_STATE", hide_env_values = true)]
    state: Option<TierUrl>,
    /// Memory of each namespace's state on this host: what is clean and not mapped makes room, and where that leaves none,
    /// reads and writes are refused.
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = size::parse)]
    state_memory: u64,
    /// For how long a global lock is taken at a time, at least 100ms; the host renews it for as long as its call goes on.
    /// Others wait so long for the lock of a host that is lost.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = lease)]
    state_lease: Duration,
    /// How namespaces' state is kept together: JSON, with a list of rules for each namespace.
    #[arg(long, value_name = "FILE")]
    state_rules: Option<PathBuf>,
    /// How long calls may go on after SIGINT or SIGTERM.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse)]
    grace: Duration,
    #[command(flatten)]
    profile: ProfileOptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Reach {
    None,
    Public,
    Private,
    All,
}

/// A lease is renewed every third of it, by a machine that may be busy, over a network.
fn lease(text: &str) -> Result<Duration, String> {
    let lease = duration::parse(text).map_err(|error| error.to_string())?;
    if lease < Duration::from_millis(100) {
        return Err("a lease is at least `100ms`, or it ends before it can be renewed".to_owned());
    }
    Ok(lease)
}

pub(super) fn serve(options: &Options) -> Done {
    let data = options.data.clone().map_or_else(paths::data_folder, Ok)?;
    let state_rules = rules(options)?;
    let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    let config = HostConfig {
        state_rules,
        state_limits: faasm_state::Limits {
            max_bytes: bytes(options.state_memory),
            lease: options.state_lease,
            ..faasm_state::Limits::default()
        },
        threads: options.threads,
        memory_bytes: options.memory,
        timeout: options.timeout,
        max_timeout: options.max_timeout,
        compile_time: options.compile_time,
        profiling: options.profile.profiling(),
        network: match options.net {
            Reach::None => NetworkReach::None,
            Reach::Public => NetworkReach::Public,
            Reach::Private => NetworkReach::Private,
            Reach::All => NetworkReach::All,
        },
        limits: ExecutorLimits {
            queued: options.queue,
            live: options.faaslets,
            ..ExecutorLimits::default()
        },
        state: options.state.clone().unwrap_or_else(|| TierUrl::File(data.join("state"))),
        ..HostConfig::new(data)
    };
    let limits = GatewayLimits {
        input_bytes: bytes(options.max_input),
        module_bytes: bytes(options.max_module),
        ..GatewayLimits::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(&error))?;
    let host = Host::start(config).map_err(|error| match error {
        HostError::State(error) => Failure::state(&error),
        error => Failure::internal(&error),
    })?;
    runtime.block_on(listen(options, host, limits))
}

/// What the file of rules says.
fn rules(options: &Options) -> Result<state_rules::All, Failure> {
    let Some(path) = &options.state_rules else { return Ok(state_rules::All::new()) };
    match state_rules::read(path) {
        Ok(Some(rules)) => Ok(rules),
        Ok(None) => Err(Failure::usage(format!("there is no file {}", path.display()))),
        Err(error) => Err(Failure::usage(explain(&error))),
    }
}

async fn listen(options: &Options, host: Arc<Host>, limits: GatewayLimits) -> Done {
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|error| Failure::usage(format!("cannot listen on {}: {error}", options.listen)))?;
    let address = listener.local_addr().map_err(|error| Failure::internal(&error))?;
    // Whoever started us may wait for this line; if it does not read it, the server runs all the same.
    let _ = writeln!(std::io::stdout(), "faasm listens on http://{address}")
        .and_then(|()| std::io::stdout().flush());
    tracing::info!(%address, functions = host.functions().len(), "listening");
    let (drained, done) = oneshot::channel();
    let stop = stop(Arc::clone(&host), options.grace, drained);
    let served = gateway::serve(listener, Arc::clone(&host), limits, stop);
    tokio::select! {
        () = served => {}
        // All calls have ended; clients that still send or read have had their time.
        () = async { drop(done.await); tokio::time::sleep(Duration::from_secs(2)).await } => {}
    }
    host.shut_down(Duration::ZERO);
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Is done at the first SIGINT or SIGTERM; then lets the host end its calls, and says so to `drained`.
async fn stop(host: Arc<Host>, grace: Duration, drained: oneshot::Sender<()>) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::error!("no signal handlers: only SIGKILL ends this server");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!(grace = ?grace, "finishing calls; a second interrupt ends at once");
    host.drain();
    tokio::task::spawn_blocking(move || {
        host.shut_down(grace);
        // The receiver is gone when all connections have ended before.
        let _ = drained.send(());
    });
    tokio::spawn(async move {
        interrupt.recv().await;
        std::process::exit(INTERRUPTED);
    });
}
