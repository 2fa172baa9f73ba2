//! The schema and its migrations. The file says in `user_version` which one it has.
//!
//! To change the schema: append a step to [`STEPS`], never edit one that was released.

use std::path::Path;

use grantor_core::store::StoreError;
use rusqlite::Connection;

use crate::failure::describe;

/// "grnt": marks the file as ours, for `file(1)` and so that no foreign file is ever changed.
const APPLICATION_ID: i32 = 0x6772_6e74;

/// Step n makes version n + 1 of version n.
///
/// Records are in a rowid table, so that new bodies are appended to the last page and one commit touches few pages; only
/// the narrow index entries go to random places. `counter` hands out blocks of revisions (see the writer).
pub(crate) const STEPS: &[&str] = &["
    CREATE TABLE record (
        row        INTEGER PRIMARY KEY,
        kind       INTEGER NOT NULL,
        id         BLOB    NOT NULL CHECK (length(id) = 16),
        revision   INTEGER NOT NULL,
        stage      INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        client     TEXT,
        subject    TEXT,
        body       BLOB    NOT NULL,
        UNIQUE (kind, id)
    ) STRICT;
    CREATE INDEX record_expires ON record (expires_at);
    CREATE INDEX record_client  ON record (kind, client, id)  WHERE client  IS NOT NULL;
    CREATE INDEX record_subject ON record (kind, subject, id) WHERE subject IS NOT NULL;
    CREATE TABLE counter (
        name  TEXT    PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO counter (name, value) VALUES ('revision_block', 0);
"];

/// What a migration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The version that the file had; 0 for a new file.
    pub from: u32,
    /// The version that it has now.
    pub to: u32,
}

/// Whose file this is, and how old.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// A new file without a schema.
    Empty,
    /// One of ours.
    Ours(u32),
}

/// Reads the version.
///
/// # Errors
/// The file cannot be read, or belongs to another program.
pub(crate) fn version(connection: &Connection, path: &Path) -> Result<Version, StoreError> {
    let read = |sql: &str| -> Result<i64, StoreError> {
        connection.query_row(sql, [], |row| row.get(0)).map_err(|error| {
            StoreError::nothing_written(describe(path, "reading the version", &error)).with_source(error)
        })
    };
    // All three of one moment, for another process may migrate just now.
    let snapshot = if connection.is_autocommit() {
        Some(connection.unchecked_transaction().map_err(|error| {
            StoreError::nothing_written(describe(path, "reading the version", &error)).with_source(error)
        })?)
    } else {
        None
    };
    let tables = read("SELECT count(*) FROM sqlite_schema")?;
    let application = read("PRAGMA application_id")?;
    let version = read("PRAGMA user_version")?;
    drop(snapshot);
    if application == i64::from(APPLICATION_ID) && version > 0 {
        return u32::try_from(version).map(Version::Ours).map_err(|_| {
            StoreError::nothing_written(format!("SQLite file {}: bad schema version", path.display()))
        });
    }
    if application == 0 && version == 0 && tables == 0 {
        return Ok(Version::Empty);
    }
    Err(StoreError::nothing_written(format!(
        "SQLite file {}: it belongs to another program (application id {application:#x}, user version {version}); \
         name a file of its own",
        path.display()
    )))
}

/// Refuses a file that is newer than this release.
pub(crate) fn refuse_newer(path: &Path, version: u32, known: u32) -> Result<(), StoreError> {
    if version <= known {
        return Ok(());
    }
    Err(StoreError::nothing_written(format!(
        "SQLite file {}: its schema has version {version}, this release knows versions up to {known}: \
         run the newer release, or restore the backup from before its migration",
        path.display()
    )))
}

/// Brings the file to the newest version that `steps` know, all in one transaction.
///
/// # Errors
/// A newer or foreign file, or the engine refused; then the file is as it was.
pub(crate) fn migrate(
    connection: &mut Connection,
    path: &Path,
    steps: &[&str],
) -> Result<Migration, StoreError> {
    let failed = |error: rusqlite::Error| {
        StoreError::nothing_written(describe(path, "the migration", &error)).with_source(error)
    };
    // Immediate: a second process that migrates at the same time waits here and then sees the new version.
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
    let from = match version(&transaction, path)? {
        Version::Empty => 0,
        Version::Ours(version) => version,
    };
    let to = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    refuse_newer(path, from, to)?;
    if from < to {
        for step in steps.iter().skip(from as usize) {
            transaction.execute_batch(step).map_err(failed)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
        transaction.pragma_update(None, "user_version", to).map_err(failed)?;
    }
    transaction.commit().map_err(failed)?;
    Ok(Migration { from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_run_once_each_and_in_order() {
        let path = Path::new("test.db");
        let mut connection = Connection::open_in_memory().unwrap();
        let first = ["CREATE TABLE a (x)"];
        let both = ["CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y"];
        assert_eq!(version(&connection, path).unwrap(), Version::Empty);
        assert_eq!(migrate(&mut connection, path, &first).unwrap(), Migration { from: 0, to: 1 });
        assert_eq!(migrate(&mut connection, path, &both).unwrap(), Migration { from: 1, to: 2 });
        assert_eq!(migrate(&mut connection, path, &both).unwrap(), Migration { from: 2, to: 2 });
        assert_eq!(version(&connection, path).unwrap(), Version::Ours(2));
        let newer = migrate(&mut connection, path, &first).unwrap_err().to_string();
        assert!(newer.contains("version 2") && newer.contains("up to 1"), "{newer}");
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let path = Path::new("test.db");
        let mut connection = Connection::open_in_memory().unwrap();
        let _ = migrate(&mut connection, path, &["CREATE TABLE a (x)"]).unwrap();
        let steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x)", "CREATE TABLE a (x)"];
        assert!(migrate(&mut connection, path, &steps).is_err());
        assert_eq!(version(&connection, path).unwrap(), Version::Ours(1));
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!(tables, 1);
    }

    #[test]
    fn a_file_of_another_program_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE theirs (x)").unwrap();
        let error = migrate(&mut connection, Path::new("theirs.db"), STEPS).unwrap_err();
        assert!(error.to_string().contains("another program"), "{error}");
    }
}
