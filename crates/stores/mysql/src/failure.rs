//! What errors of the server and of the way to it mean for the caller: whether the write may have happened, whether it
//! is worth another try, and words for the operator.
//!
//! What the server says is never repeated, for it quotes data (error 1062) and names; its number is, and words of ours.

use std::fmt;

use grantor_core::store::StoreError;
use mysql_async::{DriverError, Error, IoError};

/// A duplicate key: the row is there.
pub(crate) const DUPLICATE: u16 = 1062;
/// There is no such table.
pub(crate) const NO_TABLE: u16 = 1146;
/// The server waited too long for another transaction's lock.
const LOCK_WAIT: u16 = 1205;

/// Errors of a statement after which it certainly did nothing, with what helps. With autocommit each statement is a
/// transaction of its own. What is not here is unknown: the server may have said it in the midst of the commit.
const CERTAIN: &[(u16, &str)] = &[
    (1020, "another transaction changed the row at the same time"),
    (1021, "the server's disk is full: make room"),
    (1037, "the server is out of memory"),
    (1038, "the server is out of memory for sorting"),
    (1041, "the server is out of memory"),
    (1044, "the user may not use this database: GRANT it"),
    (1046, "no database is named in the URL"),
    (1048, "the table is not as this release made it"),
    (1049, "there is no such database: CREATE DATABASE"),
    (1054, "the table is not as this release made it"),
    (DUPLICATE, "the record is there already"),
    (1064, "the server does not understand the statement: it is too old, or no MySQL or MariaDB"),
    (1114, "the table is full: see the server's disk and the size of its tablespace"),
    (
        1142,
        "the user may not do this to the table: GRANT SELECT, INSERT, UPDATE, DELETE, and CREATE to migrate",
    ),
    (NO_TABLE, "there is no such table: run `grantor migrate`"),
    (1153, "the packet is too large: raise max_allowed_packet of the server"),
    (LOCK_WAIT, "another transaction held the row for too long"),
    (1213, "another transaction was in the way (deadlock)"),
    (1243, "the server forgot the prepared statement"),
    (1264, "the table is not as this release made it"),
    (1290, "the server is read-only: name the primary, not a replica"),
    (1364, "the table is not as this release made it"),
    (1366, "the table is not as this release made it"),
    (1406, "the table is not as this release made it"),
    (1461, "the server has too many prepared statements: raise max_prepared_stmt_count"),
    (1665, "the server logs statements, not rows: set binlog_format to ROW or MIXED"),
    (1792, "the transaction is read-only: name the primary, not a replica"),
    (1836, "the server is read-only: name the primary, not a replica"),
];

/// Errors of getting in: nothing was written, for nothing was sent.
const AT_THE_DOOR: &[(u16, &str)] = &[
    (
        1040,
        "the server has too many connections: lower `connections`, or raise max_connections of the server",
    ),
    (
        1045,
        "access denied: see the user and its password, and whether it must use TLS or show a certificate (REQUIRE SSL, X509)",
    ),
    (1129, "the server blocks this host after too many errors: FLUSH HOSTS"),
    (1130, "the server does not let this host in"),
    (
        1203,
        "the user has too many connections: lower `connections`, or raise max_user_connections of the server",
    ),
    (1226, "the user has reached a limit that was set for it"),
    (1251, "the server and this client have no way to authenticate in common"),
    (3159, "the server takes no connection without TLS: add tls=yes"),
];

/// An error, with what is known about the write.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    message: String,
    /// The write did not happen and will not.
    pub(crate) nothing_written: bool,
    /// The server's number of the error.
    pub(crate) code: Option<u16>,
    /// The connection is as it should be: the statement failed, and that was all.
    pub(crate) connection_is_well: bool,
    /// Another try can go well.
    pub(crate) again: bool,
}

impl Failure {
    /// A connection could not be had.
    pub(crate) fn connecting(place: &str, error: &Error) -> Self {
        Self { nothing_written: true, again: false, ..Self::new(place, "connecting", error) }
    }

    /// Preparing the statement failed: it was not executed.
    pub(crate) fn preparing(place: &str, error: &Error) -> Self {
        let failure = Self::new(place, "preparing a statement", error);
        Self { nothing_written: true, again: failure.again || failure.code.is_none(), ..failure }
    }

    /// Executing the statement failed.
    pub(crate) fn executing(place: &str, error: &Error) -> Self {
        Self::new(place, "a statement", error)
    }

    /// A refusal of our own, before anything was sent.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            nothing_written: true,
            code: None,
            connection_is_well: true,
            again: false,
        }
    }

    /// The deadline passed before the statement was sent.
    pub(crate) fn late_before(place: &str, doing: &str) -> Self {
        Self::refused(format!("MySQL at {place}: {doing} took longer than timeout_ms"))
    }

    /// The deadline passed while the server prepared the statement, which it was not told to execute.
    pub(crate) fn late_preparing(place: &str) -> Self {
        Self { connection_is_well: false, ..Self::late_before(place, "preparing a statement") }
    }

    /// The deadline passed while the server had the statement.
    pub(crate) fn late_after(place: &str) -> Self {
        let message = format!("MySQL at {place}: the server did not answer a statement within timeout_ms");
        Self { nothing_written: false, connection_is_well: false, ..Self::refused(message) }
    }

    /// The same for a read, which writes nothing and can be tried again.
    pub(crate) fn of_a_read(self) -> Self {
        let again = self.again || (!self.nothing_written && self.code.is_none());
        Self { nothing_written: true, again, ..self }
    }

    /// Whether the server waited for a lock for as long as it may.
    pub(crate) fn waited_for_a_lock(&self) -> bool {
        self.code == Some(LOCK_WAIT)
    }

    fn new(place: &str, doing: &str, error: &Error) -> Self {
        let code = match error {
            Error::Server(error) => Some(error.code),
            _ => None,
        };
        let certain = code.and_then(|code| words(CERTAIN, code));
        let what = match (grantor_store_tls::why(error), error) {
            (Some(why), _) => why,
            (None, Error::Server(error)) => {
                let help = certain.or_else(|| words(AT_THE_DOOR, error.code)).unwrap_or("the server refused");
                format!("{help} (error {})", error.code)
            }
            (None, Error::Driver(DriverError::NoClientSslFlagFromServer)) => {
                "it offers no TLS, and without it nothing is sent: set ssl_cert and ssl_key of the server, or find who is on \
                 the way"
                    .to_owned()
            }
            (None, Error::Io(IoError::Io(error))) => format!("the connection failed ({})", error.kind()),
            (None, Error::Driver(error)) => format!("the connection failed ({error})"),
            (None, _) => "the connection failed".to_owned(),
        };
        Self {
            message: format!("MySQL at {place}: {doing} failed: {what}"),
            nothing_written: certain.is_some(),
            code,
            connection_is_well: certain.is_some() && code != Some(1243),
            again: matches!(code, Some(1020 | LOCK_WAIT | 1213 | 1243)),
        }
    }
}

fn words(table: &[(u16, &'static str)], code: u16) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == code).map(|(_, words)| *words)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        if failure.nothing_written {
            Self::nothing_written(failure.message)
        } else {
            Self::unknown(failure.message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mysql_async::ServerError;

    fn server(code: u16) -> Error {
        let message = "Duplicate entry 'hunter2' for key".to_owned();
        Error::Server(ServerError { code, message, state: "HY000".to_owned() })
    }

    #[test]
    fn what_the_server_said_is_not_repeated() {
        for code in [1045, 1062, 1205, 1213, 3024, 9999] {
            for failure in [Failure::connecting("h", &server(code)), Failure::executing("h", &server(code))] {
                let text = failure.to_string();
                assert!(!text.contains("hunter2") && text.contains(&code.to_string()), "{text}");
            }
        }
    }

    #[test]
    fn only_known_errors_are_certain() {
        assert!(Failure::executing("h", &server(1213)).nothing_written);
        assert!(Failure::executing("h", &server(1205)).again);
        // Killed, shutting down, an error of the commit: it may have happened.
        for code in [1053, 1180, 1317, 1927, 3024, 9999] {
            let failure = Failure::executing("h", &server(code));
            assert!(!failure.nothing_written && !failure.again && !failure.connection_is_well, "{code}");
            assert!(Failure::preparing("h", &server(code)).nothing_written);
        }
        let broken = Error::Io(IoError::Io(std::io::ErrorKind::ConnectionReset.into()));
        assert!(!Failure::executing("h", &broken).nothing_written);
        assert!(!Failure::executing("h", &broken).again);
        assert!(Failure::preparing("h", &broken).again);
        assert!(Failure::executing("h", &broken).of_a_read().again);
        assert!(!Failure::connecting("h", &broken).again);
    }
}
