//! What the server's errors mean for the caller: whether the write may have happened, and words for the operator.
//!
//! Of what the server said only the code is repeated (PostgreSQL, appendix A), for its text can have data in it.

use std::error::Error as _;

use grantor_core::store::StoreError;
use tokio_postgres::error::{Error, Severity, SqlState};

/// An error of the server or of the way to it, with what is known about the write.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    /// The write did not happen and will not.
    certain: bool,
    /// The transaction lost against another one: the same again may succeed.
    pub(crate) again: bool,
    /// The connection is of no more use.
    pub(crate) broken: bool,
}

impl Failure {
    /// What a call that was sent ended with.
    pub(crate) fn of(target: &str, doing: &str, error: &Error) -> Self {
        let Some(said) = error.as_db_error() else {
            return Self {
                message: format!("PostgreSQL {target}: {doing} failed, {}", way(error)),
                certain: false,
                again: false,
                broken: true,
            };
        };
        let code = said.code();
        let certain = said.parsed_severity() == Some(Severity::Error) && is_certain(code.code());
        Self {
            message: format!(
                "PostgreSQL {target}: {doing} failed, {} (SQLSTATE {})",
                help(code),
                code.code()
            ),
            certain,
            again: certain
                && [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code),
            broken: said.parsed_severity() != Some(Severity::Error) || code.code().starts_with("26"),
        }
    }

    /// The call was sent, and there was no answer in time.
    pub(crate) fn late(target: &str, doing: &str) -> Self {
        let message = format!("PostgreSQL {target}: {doing} had no answer in time: see deadline_ms");
        Self { message, certain: false, again: false, broken: true }
    }

    /// Nothing was sent.
    pub(crate) fn unsent(message: String) -> Self {
        Self { message, certain: true, again: false, broken: false }
    }

    /// The same of a read, or of what came before any write.
    pub(crate) fn wrote_nothing(self) -> Self {
        Self { certain: true, ..self }
    }

    pub(crate) fn into_error(self) -> StoreError {
        if self.certain {
            StoreError::nothing_written(self.message)
        } else {
            StoreError::unknown(self.message)
        }
    }
}

/// Classes of errors that are reported before the commit, so that the server has rolled the statement back. Not those of a
/// cancelled statement (57): the server could be past the commit and wait for its standby. Not 40003, which says "unknown".
fn is_certain(code: &str) -> bool {
    let class = code.get(..2).unwrap_or_default();
    ["0A", "21", "22", "23", "25", "26", "28", "40", "42", "44", "53", "54", "55"].contains(&class)
        && code != "40003"
}

fn help(code: &SqlState) -> &'static str {
    match code.code() {
        "28P01" | "28000" => {
            "it refuses the user or the password, or wants TLS or a client certificate: see the URL and pg_hba.conf"
        }
        "3D000" => "there is no such database: create it",
        "42501" => "the user lacks a right: see the README for those it needs",
        "42P01" | "3F000" => "the tables are missing: run `grantor migrate`",
        "53300" => "the server has no connection left: see max_connections",
        "53100" => "the server's disk is full: make room",
        "25006" => "the server only reads: it is a standby, or read-only",
        "57P01" | "57P02" | "57P05" => "the session was ended",
        "57P03" => "the server is starting or stopping",
        "57014" => "the statement was cancelled, it ran for too long: see deadline_ms",
        "54000" => "the client's or the subject's name is too long for an index",
        other if other.starts_with("40") => "it lost against others until its time was over",
        _ => "the server refused",
    }
}

/// How the client library says that the server answered with `N` when it was asked for TLS.
const NO_TLS: &str = "server does not support TLS";

/// What went wrong where the server said nothing.
fn way(error: &Error) -> String {
    if let Some(why) = grantor_store_tls::why(error) {
        return why;
    }
    if error.source().is_some_and(|cause| cause.to_string() == NO_TLS) {
        return "it refuses TLS, and without it nothing is sent: set `ssl = on` in postgresql.conf, or find who is on the way"
            .to_owned();
    }
    let mut text = "the connection failed".to_owned();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            text = format!("the connection failed ({})", io.kind());
        }
        cause = error.source();
    }
    if error.is_closed() { "the connection was closed".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::is_certain;

    #[test]
    fn what_may_have_been_committed_is_unknown() {
        for code in ["40001", "40P01", "23505", "53100", "22021", "42501", "25006"] {
            assert!(is_certain(code), "{code}");
        }
        for code in ["40003", "57014", "57P01", "08006", "58030", "XX000", "", "4"] {
            assert!(!is_certain(code), "{code}");
        }
    }
}
