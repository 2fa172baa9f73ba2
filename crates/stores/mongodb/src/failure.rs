//! What errors mean for the caller: whether the write may have happened, whether it is worth another try, and words for
//! the operator.
//!
//! What the server or the driver says is never repeated, for it quotes values (error 11000) and addresses with what stood
//! before them; the server's number is.

use grantor_core::store::StoreError;
use mongodb::error::{Error, ErrorKind, WriteFailure};

/// A duplicate key: the document is there.
pub(crate) const DUPLICATE: i32 = 11_000;
/// The server is not, or not any more, the primary: it says so before it does anything.
const NOT_PRIMARY: [i32; 2] = [10_107, 13_435];

/// Errors after which the server did nothing, with what helps. What is not here is unknown: the server may have said it
/// after the write, while it waited for the majority.
const CERTAIN: &[(i32, &str)] = &[
    (2, "the server does not take the command: it is too old, or no MongoDB"),
    (9, "the server does not understand the command: it is too old, or no MongoDB"),
    (13, "the user may not do this: grant it the role readWrite on the database"),
    (14, "the server does not take the command: it is too old, or no MongoDB"),
    (18, "it refuses the user or the password: see the URL, and authSource for where the user was created"),
    (20, "the server does not take the command: for a standalone server the client needs retryWrites=false"),
    (59, "the server does not know the command: it is too old, or no MongoDB"),
    (72, "the server does not take the command: it is too old, or no MongoDB"),
    (73, "the server does not take the name of the database or the collection"),
    (
        85,
        "an index of this name or these fields is there with another shape: drop it, or name another collection",
    ),
    (
        86,
        "an index of this name or these fields is there with another shape: drop it, or name another collection",
    ),
    (
        121,
        "the collection has a validator that refuses the documents of grantor: remove it, or name another collection",
    ),
    (123, "the server is no member of a replica set"),
    (166, "the name is that of a view: name a collection"),
    (10_107, "the server is not the primary, and no other was found in time"),
    (13_435, "the server is not the primary, and no other was found in time"),
    (10_334, "the document is too large for the server"),
    (DUPLICATE, "the record is there already"),
    (14_031, "the server's disk is full: make room"),
    (17_280, "a client's or a subject's name is too long for an index: the server is older than 4.2"),
];

/// An error, with what is known about the write.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    /// The write did not happen and will not.
    certain: bool,
    /// The server's number of the error.
    pub(crate) code: Option<i32>,
    /// Nothing was done, and another try may find the new primary.
    pub(crate) again: bool,
}

impl Failure {
    /// What a call ended with. Where the driver tries again by itself, the server's last word is not about the first try.
    pub(crate) fn of(target: &str, doing: &str, error: &Error, driver_retries: bool) -> Self {
        let mut certain = false;
        let code = match &*error.kind {
            ErrorKind::Command(said) => Some(said.code),
            ErrorKind::Write(WriteFailure::WriteError(said)) => Some(said.code),
            _ => None,
        };
        let what = match (&*error.kind, code) {
            (_, Some(code)) => {
                let known = CERTAIN.iter().find(|(known, _)| *known == code);
                certain = known.is_some() && (!driver_retries || code == DUPLICATE);
                let help = known.map_or("the server refused", |(_, help)| *help);
                format!("{help} (error {code})")
            }
            (ErrorKind::Write(WriteFailure::WriteConcernError(said)), _) => {
                format!("a majority did not confirm the write (error {})", said.code)
            }
            (ErrorKind::Authentication { .. }, _) => {
                certain = true;
                "it refuses the user or the password: see the URL, and authSource for where the user was created".into()
            }
            (ErrorKind::ServerSelection { .. }, _) => {
                certain = true;
                "no primary was found in time: see whether the servers run, their names, and TLS".into()
            }
            (ErrorKind::InvalidTlsConfig { .. }, _) => {
                certain = true;
                "the files of tlsCAFile or tlsCertificateKeyFile cannot be used".into()
            }
            (ErrorKind::IncompatibleServer { .. }, _) => {
                certain = true;
                "the server is too old for the driver".into()
            }
            (ErrorKind::Shutdown, _) => {
                certain = true;
                "the client was closed".into()
            }
            (ErrorKind::Io(error), _) => format!("the connection failed ({})", error.kind()),
            (ErrorKind::ConnectionPoolCleared { .. }, _) => {
                "the connection was given up with all others".into()
            }
            _ => "the driver failed".into(),
        };
        Self {
            message: format!("MongoDB {target}: {doing} failed, {what}"),
            certain,
            code,
            again: certain && code.is_some_and(|code| NOT_PRIMARY.contains(&code)),
        }
    }

    /// There was no answer in time.
    pub(crate) fn late(target: &str, doing: &str) -> Self {
        let message = format!("MongoDB {target}: {doing} had no answer in time: see deadline_ms");
        Self { certain: false, ..Self::refused(message) }
    }

    /// The driver panicked, or its runtime ended.
    pub(crate) fn broken(target: &str, doing: &str) -> Self {
        Self {
            certain: false,
            ..Self::refused(format!("MongoDB {target}: {doing} failed, the driver ended"))
        }
    }

    /// All connections were in use for all the time that the call had.
    pub(crate) fn unsent(target: &str, doing: &str) -> Self {
        Self::refused(format!(
            "MongoDB {target}: no connection was free in time for {doing}, nothing was sent: see maxPoolSize"
        ))
    }

    /// A refusal of ours; nothing was sent.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self { message: message.into(), certain: true, code: None, again: false }
    }

    /// The same of what writes no record.
    pub(crate) fn wrote_nothing(self) -> Self {
        Self { certain: true, ..self }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        if failure.certain { Self::nothing_written(failure.message) } else { Self::unknown(failure.message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{deserialize_from_document, doc};

    fn command(code: i32) -> Error {
        let said = doc! { "code": code, "codeName": "Name", "errmsg": "dup key: { name: hunter2 }" };
        ErrorKind::Command(deserialize_from_document(said).unwrap()).into()
    }

    #[test]
    fn only_what_is_known_to_be_undone_is_certain() {
        for code in [13, 10_107, 13_435, 121] {
            assert!(Failure::of("h/d", "a create", &command(code), false).certain, "{code}");
            // The first of two tries may have been done.
            assert!(!Failure::of("h/d", "a create", &command(code), true).certain, "{code}");
        }
        // Interrupted, stepped down, shutting down, out of time: perhaps after the write.
        for code in [50, 64, 91, 189, 11_600, 11_602, 9_999] {
            let failure = Failure::of("h/d", "a create", &command(code), false);
            assert!(!failure.certain && !failure.again, "{code}");
            assert!(failure.wrote_nothing().certain);
        }
        let broken = Error::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        assert!(!Failure::of("h/d", "a create", &broken, false).certain);
        let unconfirmed = deserialize_from_document(doc! { "code": 64, "errmsg": "waiting" }).unwrap();
        let unconfirmed = ErrorKind::Write(WriteFailure::WriteConcernError(unconfirmed)).into();
        assert!(!Failure::of("h/d", "a create", &unconfirmed, false).certain);
        assert!(Failure::of("h/d", "a create", &command(10_107), false).again);
        assert!(!Failure::of("h/d", "a create", &command(13), false).again);
    }

    #[test]
    fn what_the_server_said_is_not_repeated() {
        for code in [13, 18, DUPLICATE, 9_999] {
            let said = StoreError::from(Failure::of("h/d", "a create", &command(code), false)).to_string();
            assert!(!said.contains("hunter2") && said.contains(&code.to_string()), "{said}");
        }
    }
}
