//! What can go wrong between us and the server, and what follows from it.

use std::fmt::Debug;
use std::time::Duration;

use ::redis::{ErrorKind, RedisError, ServerErrorKind};
use faasm_state::GlobalError;

/// Why the server did not do it, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection.
    #[error("no connection to the server: is it running, and is its address right?")]
    Unreachable(#[source] RedisError),
    /// The connection was lost before the answer came.
    #[error("the connection was lost before the answer came")]
    Lost(#[source] RedisError),
    /// No answer came.
    #[error("the server did not answer within {0:?}: is it overloaded, paused or cut off?")]
    Timeout(Duration),
    /// LOADING.
    #[error(
        "the server is reading its data from disk (LOADING): it will be there when that is done"
    )]
    Loading,
    /// READONLY, MASTERDOWN.
    #[error("the server is a replica (READONLY): name the master, or the sentinels that know it")]
    ReadOnly,
    /// CLUSTERDOWN.
    #[error(
        "the cluster is down (CLUSTERDOWN): some slots have no master; see `redis-cli --cluster check`"
    )]
    ClusterDown(String),
    /// MOVED, ASK, TRYAGAIN that lasted.
    #[error("the cluster is moving slots ({0}): it will be there when that is done")]
    Moving(String),
    /// CROSSSLOT.
    #[error(
        "the keys of one address are on several nodes (CROSSSLOT): is there a proxy that knows no hash tags?"
    )]
    CrossSlot,
    /// OOM.
    #[error("the server has no memory left (OOM): raise its `maxmemory`, or delete values")]
    OutOfMemory,
    /// NOAUTH, WRONGPASS.
    #[error("the server does not know us ({0}): put the right USER:PASSWORD@ into the URL")]
    NotAuthenticated(String),
    /// NOPERM.
    #[error(
        "the server's user lacks a right ({0}): it needs `~PREFIX*`, `&PREFIX*` and the commands that `faasm doctor` \
         names"
    )]
    Denied(String),
    /// BUSY.
    #[error("the server is busy with a script (BUSY)")]
    Busy,
    /// NOREPLICAS, or `WAIT` and `WAITAOF` gave up.
    #[error("not as many servers have the write as were asked for ({found} of {wanted}): {hint}")]
    NotDurable {
        /// How many have it.
        found: i64,
        /// How many should.
        wanted: i64,
        /// What to look at.
        hint: &'static str,
    },
    /// The value was stored with chunks of another size.
    #[error(
        "the value has chunks of {0} bytes, as another version of this program made them: write it anew"
    )]
    ChunkSize(usize),
    /// Parts of a large write were gone before it was done.
    #[error(
        "the server lost parts of a large write before it was done: is its eviction policy `noeviction`?"
    )]
    PartsLost,
    /// The bytes of a value could not be read or taken at this end.
    #[error("the value's bytes could not be moved at this end")]
    Bytes(#[source] std::io::Error),
    /// Anything else that the server said.
    #[error("the server answered: {0}")]
    Answered(String),
}

/// Why one try failed.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: StoreError,
    /// Whether it can be tried again.
    pub(super) again: bool,
    /// Whether it may have happened all the same.
    pub(super) unsure: bool,
    /// Whether the connection is of no more use.
    pub(super) broken: bool,
}

impl Fault {
    /// No connection was there to send it by.
    pub(super) fn unreachable(error: RedisError) -> Self {
        let fault = Self::answered(&error);
        match fault.error {
            StoreError::Lost(_) => {
                let error = StoreError::Unreachable(error);
                Self { error, again: true, unsure: false, broken: true }
            }
            _ => fault,
        }
    }

    /// It was sent, and this came of it.
    pub(super) fn answered(error: &RedisError) -> Self {
        use ServerErrorKind as Said;
        // The server's own words: a code, and what it says.
        let text = match (error.code(), error.detail()) {
            (Some(code), Some(detail)) => format!("{code} {detail}"),
            _ => error.to_string(),
        };
        let known = |error, again, broken| Self { error, again, unsure: false, broken };
        match error.kind() {
            ErrorKind::Server(Said::BusyLoading) => known(StoreError::Loading, true, false),
            ErrorKind::Server(Said::ReadOnly | Said::MasterDown) => {
                known(StoreError::ReadOnly, true, true)
            }
            ErrorKind::Server(Said::ClusterDown) => {
                known(StoreError::ClusterDown(text), true, false)
            }
            ErrorKind::Server(Said::Moved | Said::Ask) => {
                known(StoreError::Moving(text), true, true)
            }
            ErrorKind::Server(Said::TryAgain) => known(StoreError::Moving(text), true, false),
            ErrorKind::Server(Said::CrossSlot) => known(StoreError::CrossSlot, false, false),
            ErrorKind::Server(Said::NoPerm) => known(StoreError::Denied(text), false, false),
            ErrorKind::AuthenticationFailed => {
                known(StoreError::NotAuthenticated(text), false, true)
            }
            ErrorKind::ClusterConnectionNotFound
            | ErrorKind::MasterNameNotFoundBySentinel
            | ErrorKind::EmptySentinelList => known(StoreError::ClusterDown(text), true, true),
            _ if error.is_io_error() || error.is_connection_dropped() => Self {
                error: StoreError::Lost(error.clone()),
                again: true,
                unsure: !error.is_connection_refusal(),
                broken: true,
            },
            _ => Self::said(text),
        }
    }

    /// By the words of the server that the client has no kind for, also inside a script's error.
    fn said(text: String) -> Self {
        let known = |error, again| Self { error, again, unsure: false, broken: false };
        let says = |word: &str| text.contains(word);
        if says("OOM ") || says("OOM:") {
            known(StoreError::OutOfMemory, false)
        } else if says("NOAUTH") || says("WRONGPASS") || says("NOPERM AUTH") {
            known(StoreError::NotAuthenticated(text), false)
        } else if says("NOPERM") || says("can't run this command") || says("ACL failure") {
            known(StoreError::Denied(text), false)
        } else if says("READONLY") {
            Self { broken: true, ..known(StoreError::ReadOnly, true) }
        } else if says("BUSY") {
            known(StoreError::Busy, true)
        } else if says("NOREPLICAS") {
            let hint = "`min-replicas-to-write` is not met: are the replicas running?";
            known(StoreError::NotDurable { found: 0, wanted: 1, hint }, true)
        } else if says("CLUSTERDOWN") {
            known(StoreError::ClusterDown(text), true)
        } else if says("non local key") || says("UNBLOCKED") {
            known(StoreError::Moving(text), true)
        } else {
            known(StoreError::Answered(text), false)
        }
    }

    /// No answer came in this time.
    pub(super) fn timeout(after: Duration, sent: bool) -> Self {
        Self { error: StoreError::Timeout(after), again: true, unsure: sent, broken: true }
    }

    /// An answer that no script of ours gives.
    pub(super) fn odd(answer: &impl Debug) -> Self {
        let mut text = format!("{answer:?}");
        text.truncate(text.floor_char_boundary(200));
        Self { error: StoreError::Answered(text), again: false, unsure: true, broken: true }
    }

    /// Bytes could not be read or taken here, in the midst of a request.
    pub(super) fn bytes(error: std::io::Error) -> Self {
        Self { error: StoreError::Bytes(error), again: false, unsure: false, broken: true }
    }

    /// It happened, and may be lost again.
    pub(super) fn not_durable(found: i64, wanted: i64, hint: &'static str) -> Self {
        let error = StoreError::NotDurable { found, wanted, hint };
        Self { error, again: false, unsure: true, broken: false }
    }

    /// What the tier's caller is told of a read.
    pub(super) fn of_read(self) -> GlobalError {
        GlobalError::Unavailable(Box::new(self.error))
    }

    /// What the tier's caller is told of a change that this is the end of; `unsure` if an earlier try may have made it.
    pub(super) fn of_change(self, unsure: bool, asked: usize, capacity: usize) -> GlobalError {
        match self.error {
            error if unsure || self.unsure => GlobalError::Unknown(Box::new(error)),
            StoreError::OutOfMemory => GlobalError::Full { asked, capacity },
            error => GlobalError::Unavailable(Box::new(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use ::redis::{Value, parse_redis_value};

    use super::*;

    fn said(line: &str) -> Fault {
        let value = parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        Fault::answered(&Value::extract_error(value).unwrap_err())
    }

    #[test]
    fn what_the_server_says_is_told_apart() {
        for (line, again) in [
            ("LOADING Redis is loading the dataset in memory", true),
            ("READONLY You can't write against a read only replica.", true),
            ("CLUSTERDOWN The cluster is down", true),
            ("MASTERDOWN Link with MASTER is down", true),
            ("TRYAGAIN Multiple keys request during rehashing of slot", true),
            ("MOVED 3999 127.0.0.1:6381", true),
            ("BUSY Redis is busy running a script.", true),
            ("NOREPLICAS Not enough good replicas to write.", true),
            ("OOM command not allowed when used memory > 'maxmemory'.", false),
            ("ERR Error running script: @user_script:1: OOM command not allowed", false),
            ("CROSSSLOT Keys in request don't hash to the same slot", false),
            ("NOPERM User x has no permissions to run the 'evalsha' command", false),
            ("NOAUTH Authentication required.", false),
            ("ERR The user executing the script can't run this command or subcommand", false),
            ("WRONGPASS invalid username-password pair or user is disabled.", false),
        ] {
            let fault = said(line);
            assert_eq!(fault.again, again, "{line}: {fault:?}");
            assert!(!fault.unsure, "{line}: the server refused it");
            assert!(!matches!(fault.error, StoreError::Answered(_)), "{line}: {fault:?}");
        }
        let odd = said("ERR something new");
        assert!(matches!(odd.error, StoreError::Answered(_)) && !odd.again);
        let full = said("OOM command not allowed").of_change(false, 7, 9);
        assert!(matches!(full, GlobalError::Full { asked: 7, capacity: 9 }));
        let unknown = said("OOM command not allowed").of_change(true, 7, 9);
        assert!(matches!(unknown, GlobalError::Unknown(_)), "an earlier try may have made it");
    }
}
