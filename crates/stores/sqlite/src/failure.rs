//! What the engine's errors mean for the caller: whether the write may have happened, and words for the operator.

use std::path::Path;

use grantor_core::store::StoreError;
use rusqlite::ErrorCode;

/// An error of the engine, with what is known about the write.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    message: String,
    /// The write did not happen and will not.
    pub(crate) nothing_written: bool,
    /// Another process held the lock: trying each write alone would only wait as long again.
    pub(crate) busy: bool,
    /// Only the one write is refused; the transaction it was in is unharmed.
    pub(crate) alone: bool,
}

impl Failure {
    /// An error after which nothing of the transaction will ever be seen, once it is rolled back.
    pub(crate) fn certain(path: &Path, doing: &str, error: &rusqlite::Error) -> Self {
        let code = error.sqlite_error_code();
        Self {
            message: describe(path, doing, error),
            nothing_written: true,
            busy: matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)),
            alone: matches!(code, Some(ErrorCode::TooBig | ErrorCode::ConstraintViolation)),
        }
    }

    /// An error after which nobody knows.
    pub(crate) fn unknown(path: &Path, doing: &str, error: &rusqlite::Error) -> Self {
        Self { nothing_written: false, ..Self::certain(path, doing, error) }
    }

    /// A refusal of our own.
    pub(crate) fn refused(message: String) -> Self {
        Self { message, nothing_written: true, busy: false, alone: true }
    }

    pub(crate) fn to_error(&self) -> StoreError {
        if self.nothing_written {
            StoreError::nothing_written(self.message.clone())
        } else {
            StoreError::unknown(self.message.clone())
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// One line that names the file, what was being done, what is wrong and what helps.
pub(crate) fn describe(path: &Path, doing: &str, error: &rusqlite::Error) -> String {
    let help = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => "it is no SQLite file, or its head is overwritten: restore a backup",
        Some(ErrorCode::DatabaseCorrupt) => "the file is damaged: stop all processes and restore a backup",
        Some(ErrorCode::DiskFull) => "the disk is full or the file has reached its limit: make room",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process held the lock for too long: see busy_timeout_ms"
        }
        Some(ErrorCode::ReadOnly) => "it cannot be written: see the rights of the file and its folder",
        Some(ErrorCode::CannotOpen) => {
            "it cannot be opened: see whether it and its folder exist, and their rights"
        }
        Some(ErrorCode::PermissionDenied) => "access is denied: see the rights of the file and its folder",
        Some(ErrorCode::SystemIoFailure) => "the disk reported an error: see the system's log",
        _ => "the engine refused",
    };
    format!("SQLite file {}: {doing} failed, {help} ({error})", path.display())
}
