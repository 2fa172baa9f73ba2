//! The schema and its migrations. The table `grantor_schema` says which version the database has.
//!
//! The server cannot undo a change of a table, so each statement of a step must do no harm when it runs again: a
//! migration that was cut short is taken up by the next one. `GET_LOCK` lets one process migrate at a time.
//!
//! To change the schema: append a step to [`STEPS`], never edit one that was released.

use std::time::Duration;

use mysql_async::Value;
use tokio::time::Instant;

use crate::failure::{Failure, NO_TABLE};
use crate::options::Migrate;
use crate::pool::{Connections, Lease};
use crate::sql::take;

/// How long a change of a table may take, and how long another process is waited for.
const PATIENCE: Duration = Duration::from_secs(600);

const MAKE_SCHEMA: &str = "CREATE TABLE IF NOT EXISTS grantor_schema (\
    one TINYINT UNSIGNED NOT NULL PRIMARY KEY, version INT UNSIGNED NOT NULL) ENGINE = InnoDB";
const FIRST_VERSION: &str = "INSERT IGNORE INTO grantor_schema (one, version) VALUES (1, 0)";
const SET_VERSION: &str = "UPDATE grantor_schema SET version = ? WHERE one = 1";
const GET_VERSION: &str = "SELECT version FROM grantor_schema WHERE one = 1";
/// The name of a lock has 64 characters at most.
const LOCK: &str = "SELECT GET_LOCK(CONCAT('grantor ', MD5(DATABASE())), 600)";
const UNLOCK: &str = "SELECT RELEASE_LOCK(CONCAT('grantor ', MD5(DATABASE())))";
const TABLES: &str = "SELECT COUNT(*) FROM information_schema.tables \
    WHERE table_schema = DATABASE() AND table_name = 'grantor_record'";
const FOREIGN: &str = "SELECT COUNT(*) FROM information_schema.tables \
    WHERE table_schema = DATABASE() AND table_name = 'grantor_record' AND engine <> 'InnoDB'";

/// Step n makes version n + 1 of version n.
///
/// Text is kept and compared as bytes, so that no collation takes two clients for one.
const STEPS: &[&[&str]] = &[&["CREATE TABLE IF NOT EXISTS grantor_record (\
    kind       SMALLINT UNSIGNED NOT NULL, \
    id         BINARY(16)        NOT NULL, \
    revision   BIGINT UNSIGNED   NOT NULL, \
    stage      TINYINT UNSIGNED  NOT NULL, \
    expires_at BIGINT            NOT NULL, \
    client     VARBINARY(1024)   NULL, \
    subject    VARBINARY(1024)   NULL, \
    body       MEDIUMBLOB        NOT NULL, \
    PRIMARY KEY (kind, id), \
    KEY grantor_record_expires (expires_at), \
    KEY grantor_record_client  (kind, client, id), \
    KEY grantor_record_subject (kind, subject, id)\
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin"]];

/// What a migration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The version that the database had; 0 where it had none of our tables.
    pub from: u32,
    /// The version that it has now.
    pub to: u32,
}

/// The version that this release makes and knows.
fn newest() -> u32 {
    u32::try_from(STEPS.len()).unwrap_or(u32::MAX)
}

/// Refuses a database that is not at this release's version, or brings it there.
pub(crate) async fn check(connections: &Connections, policy: Migrate) -> Result<(), Failure> {
    let place = connections.place();
    let from = version(connections).await?;
    if from > newest() {
        return Err(newer(place, from));
    }
    if from < newest() {
        // A database without our tables loses nothing.
        if from > 0 && policy == Migrate::Manual {
            return Err(Failure::refused(format!(
                "MySQL at {place}: the schema has version {from}, this release needs {}: make a backup, \
                 then run `grantor migrate`, or open it with migrate=auto",
                newest()
            )));
        }
        let _ = migrate(connections).await?;
    }
    let foreign = count(connections.read(connections.deadline(), FOREIGN, &[]).await?);
    if foreign != Some(0) {
        return Err(Failure::refused(format!(
            "MySQL at {place}: the table grantor_record is not InnoDB, which keeps neither swaps nor durability: \
             ALTER TABLE grantor_record ENGINE = InnoDB"
        )));
    }
    Ok(())
}

fn newer(place: &str, version: u32) -> Failure {
    Failure::refused(format!(
        "MySQL at {place}: the schema has version {version}, this release knows versions up to {}: \
         run the newer release, or restore the backup from before its migration",
        newest()
    ))
}

fn count<T: mysql_async::prelude::FromValue>(rows: Vec<mysql_async::Row>) -> Option<T> {
    rows.into_iter().next().and_then(|mut row| take(&mut row, 0))
}

/// The version of the database; 0 where there is none.
async fn version(connections: &Connections) -> Result<u32, Failure> {
    match connections.read(connections.deadline(), GET_VERSION, &[]).await {
        Ok(rows) => Ok(count(rows).unwrap_or(0)),
        Err(failure) if failure.code == Some(NO_TABLE) => Ok(0),
        Err(failure) => Err(failure),
    }
}

/// Brings the database to the newest version.
pub(crate) async fn migrate(connections: &Connections) -> Result<Migration, Failure> {
    let mut lease = connections.lease(connections.deadline()).await?;
    let done = locked(connections.place(), &mut lease).await;
    if done.is_ok() {
        lease.give_back();
    }
    // Otherwise the connection ends, and its lock with it.
    done
}

async fn locked(place: &str, lease: &mut Lease<'_>) -> Result<Migration, Failure> {
    let end = Instant::now() + PATIENCE + PATIENCE; // how long a migration may take
    let locked: Option<i64> = count(lease.run(end, LOCK, &[]).await?.rows);
    if locked != Some(1) {
        return Err(Failure::refused(format!(
            "MySQL at {place}: another process has been migrating for too long"
        )));
    }
    let ours = match lease.run(end, GET_VERSION, &[]).await {
        Ok(done) => count(done.rows),
        Err(failure) if failure.code == Some(NO_TABLE) => None,
        Err(failure) => return Err(failure),
    };
    let from = ours.unwrap_or(0);
    if from > newest() {
        return Err(newer(place, from));
    }
    if ours.is_none() && count::<i64>(lease.run(end, TABLES, &[]).await?.rows) != Some(0) {
        return Err(Failure::refused(format!(
            "MySQL at {place}: there is a table grantor_record that no release of grantor made; name another database"
        )));
    }
    lease.run(end, MAKE_SCHEMA, &[]).await?;
    lease.run(end, FIRST_VERSION, &[]).await?;
    for (step, version) in STEPS.iter().zip(1_u32..).skip(from as usize) {
        for statement in *step {
            lease.run(end, statement, &[]).await?;
        }
        lease.run(end, SET_VERSION, &[Value::UInt(version.into())]).await?;
    }
    lease.run(end, UNLOCK, &[]).await?;
    Ok(Migration { from, to: newest() })
}
