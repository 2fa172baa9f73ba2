//! What went wrong, in our own words: what the engine said is not repeated, for it may quote data or a password.

use grantor_core::store::StoreError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Refusals with which the engine answers before a script has written anything.
const REFUSALS: &[&str] =
    &["OOM", "MISCONF", "NOAUTH", "WRONGPASS", "BUSY", "NOREPLICAS", "WRONGTYPE", "LOADING", "NOPERM"];

/// A connection is no more.
const BROKE: &str = "the connection broke";

/// A call that did not end well.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    message: String,
    /// The write did not happen and will not.
    pub(crate) nothing_written: bool,
}

impl Failure {
    /// Before the command went out.
    pub(crate) fn before(message: impl Into<String>) -> Self {
        Self { message: message.into(), nothing_written: true }
    }

    /// After the command went out.
    pub(crate) fn unknown(message: impl Into<String>) -> Self {
        Self { message: message.into(), nothing_written: false }
    }

    /// The deadline passed while a command was out, or before one could go out for this reason.
    pub(crate) fn late(sent: bool, last: Option<Self>) -> Self {
        match last {
            _ if sent => Self::unknown("the engine did not answer in time (deadline_ms)"),
            Some(last) => Self::before(format!("{}; so until the deadline (deadline_ms)", last.message)),
            None => Self::before("no connection came about in time (deadline_ms)"),
        }
    }

    /// An error of the client library for a command that may have gone out.
    pub(crate) fn of(error: &RedisError) -> Self {
        Self { message: describe(error), nothing_written: is_refusal(error) || error.is_connection_refusal() }
    }

    /// An error of the client library while it connected.
    pub(crate) fn connecting(error: &RedisError) -> Self {
        Self::before(format!("no connection: {}", describe(error)))
    }

    /// The same where no TLS was asked for: a server that speaks it hangs up on plain text.
    pub(crate) fn connecting_plainly(error: &RedisError) -> Self {
        match describe(error) {
            why if why == BROKE => {
                Self::before(format!("no connection: {why} (if it speaks TLS, write rediss://)"))
            }
            why => Self::before(format!("no connection: {why}")),
        }
    }

    /// The same of a read, which writes nothing.
    pub(crate) fn of_read(self) -> Self {
        Self { nothing_written: true, ..self }
    }

    pub(crate) fn into_error(self, place: &str, doing: &str) -> StoreError {
        let message = format!("Redis at {place}: {doing} failed: {}", self.message);
        if self.nothing_written { StoreError::nothing_written(message) } else { StoreError::unknown(message) }
    }
}

/// Whether the engine answered that it would not do it.
pub(crate) fn is_refusal(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::ResponseError) => false,
        ErrorKind::Server(_) | ErrorKind::AuthenticationFailed => true,
        ErrorKind::Extension => error.code().is_some_and(|code| REFUSALS.contains(&code)),
        _ => false,
    }
}

/// The kind of error, and what helps.
fn describe(error: &RedisError) -> String {
    if let Some(why) = grantor_store_tls::why(error) {
        return why;
    }
    let code = error.code().filter(|code| code.bytes().all(|byte| byte.is_ascii_uppercase()));
    match error.kind() {
        ErrorKind::AuthenticationFailed => {
            "the engine refused user and password: see the URL, and `requirepass` or the ACL".into()
        }
        ErrorKind::Server(ServerErrorKind::NoPerm) => {
            "the engine's ACL does not allow it: the README names the commands that are needed".into()
        }
        ErrorKind::Server(ServerErrorKind::ReadOnly) => {
            "it is a replica, which takes no writes: name the master, or the Sentinels".into()
        }
        ErrorKind::Server(ServerErrorKind::BusyLoading) => "it is still loading its data".into(),
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask) => {
            "the key lives on another node: the engine is a Cluster, write redis+cluster://".into()
        }
        ErrorKind::Server(ServerErrorKind::ClusterDown) => "a part of the Cluster is down".into(),
        ErrorKind::Client => {
            "fewer replicas have it than `wait` asks for, or the client library is at its limit".into()
        }
        ErrorKind::Io if error.is_connection_refusal() => "nothing listens there: is the server up?".into(),
        ErrorKind::Io if error.is_timeout() => "it did not answer in time".into(),
        ErrorKind::Io => BROKE.into(),
        _ => match code {
            Some("OOM") => "its memory is full (maxmemory): give it more".into(),
            Some("MISCONF") => "it cannot write to its disk, and so takes no writes: see its log".into(),
            Some("NOAUTH" | "WRONGPASS") => "it asks for a password: write redis://USER:PASSWORD@HOST".into(),
            Some("BUSY") => "a script of somebody else keeps it busy".into(),
            Some("NOREPLICAS") => "it has fewer replicas than min-replicas-to-write asks for".into(),
            Some("WRONGTYPE") => "a key of ours holds something else: take another prefix".into(),
            Some(code) => format!("it answered with the error {code}: see its log"),
            None => "it gave an answer that is not understood".into(),
        },
    }
}
