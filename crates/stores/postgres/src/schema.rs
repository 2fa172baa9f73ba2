//! The schema and its migrations. The table `migration` says which ones were run.
//!
//! To change the schema: append a step to [`STEPS`], never edit one that was released.

use grantor_core::store::StoreError;
use tokio_postgres::{Client, GenericClient};

use crate::failure::Failure;
use crate::options::{Migrate, Options};

/// Step n makes version n + 1 of version n; `{s}` is the schema's name.
///
/// A replace that leaves the indexed columns alone is a HOT update, which touches no index; the room for it is what
/// `fillfactor` leaves. So there is no index on `expires_at`, which moves with most replaces, but on `sweep_from`, which
/// moves seldom (see [`crate::write`]). Names are compared by their bytes (`COLLATE "C"`): no new version of a locale can
/// put an index out of order.
pub(crate) const STEPS: &[&str] = &[r#"
    CREATE TABLE "{s}".record (
        kind       INT4  NOT NULL,
        id         BYTEA NOT NULL,
        revision   INT8  NOT NULL,
        expires_at INT8  NOT NULL,
        sweep_from INT8  NOT NULL,
        stage      INT2  NOT NULL,
        client     TEXT COLLATE "C",
        subject    TEXT COLLATE "C",
        body       BYTEA NOT NULL,
        PRIMARY KEY (kind, id)
    ) WITH (fillfactor = 80);
    CREATE INDEX record_sweep   ON "{s}".record (sweep_from);
    CREATE INDEX record_client  ON "{s}".record (kind, client, id)  WHERE client  IS NOT NULL;
    CREATE INDEX record_subject ON "{s}".record (kind, subject, id) WHERE subject IS NOT NULL;
"#];

/// "grntr": the number of the advisory lock under which migrations run.
const LOCK: i64 = 0x67_726e_7472;

/// What a migration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The version that the schema had; 0 where there was none.
    pub from: u32,
    /// The version that it has now.
    pub to: u32,
}

/// Asked of the catalog's tables: `to_regclass` and the like answer from the session's cache, which does not know what was
/// committed while this session waited for the advisory lock.
const HAS_TABLE: &str = "SELECT EXISTS (
    SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = $1::text AND c.relname = 'migration')";
const HAS_SCHEMA: &str = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1::text)";

/// The version of the tables, 0 where there are none.
async fn version(client: &(impl GenericClient + Sync), schema: &str) -> Result<u32, tokio_postgres::Error> {
    if !client.query_one(HAS_TABLE, &[&schema]).await?.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    let sql = format!("SELECT coalesce(max(version), 0)::int4 FROM \"{schema}\".migration");
    let version: i32 = client.query_one(&sql, &[]).await?.try_get(0)?;
    Ok(u32::try_from(version).unwrap_or(0))
}

fn refuse_newer(options: &Options, version: u32, known: u32) -> Result<(), StoreError> {
    if version <= known {
        return Ok(());
    }
    Err(StoreError::nothing_written(format!(
        "PostgreSQL {}: the schema {} has version {version}, this release knows versions up to {known}: run the newer \
         release, or restore the backup from before its migration",
        options.target(),
        options.schema
    )))
}

/// Whether the tables are those of this release; makes or migrates them where the options allow it.
///
/// # Errors
/// An older schema with [`Migrate::Manual`], a newer one, or the server refused.
pub(crate) async fn prepare(client: &mut Client, options: &Options) -> Result<(), StoreError> {
    let known = u32::try_from(STEPS.len()).unwrap_or(u32::MAX);
    let version = version(client, &options.schema).await.map_err(|error| failed(options, &error))?;
    refuse_newer(options, version, known)?;
    if version == known {
        return Ok(());
    }
    if version > 0 && options.migrate == Migrate::Manual {
        return Err(StoreError::nothing_written(format!(
            "PostgreSQL {}: the schema {} has version {version}, this release needs {known}: make a backup, then run \
             `grantor migrate` (or open it with migrate=auto)",
            options.target(),
            options.schema
        )));
    }
    migrate(client, options, STEPS).await.map(drop)
}

/// Brings the tables to the newest version that `steps` know, all in one transaction.
///
/// # Errors
/// A newer schema, or the server refused; then the schema is as it was.
pub(crate) async fn migrate(
    client: &mut Client,
    options: &Options,
    steps: &[&str],
) -> Result<Migration, StoreError> {
    let refused = |error: tokio_postgres::Error| failed(options, &error);
    let schema = &options.schema;
    let transaction = client.transaction().await.map_err(refused)?;
    // However many steps there are, and however many processes start at once: one migrates, the others wait and look again.
    transaction.batch_execute("SET LOCAL statement_timeout = 0").await.map_err(refused)?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await.map_err(refused)?;
    let from = version(&transaction, schema).await.map_err(refused)?;
    let to = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    refuse_newer(options, from, to)?;
    if from == 0 {
        // Who may not create schemas can be given one.
        let there = transaction.query_one(HAS_SCHEMA, &[schema]).await;
        if !there.and_then(|row| row.try_get(0)).map_err(refused)? {
            transaction.batch_execute(&format!("CREATE SCHEMA \"{schema}\"")).await.map_err(refused)?;
        }
        let sql = format!("CREATE TABLE \"{schema}\".migration (version INT4 PRIMARY KEY)");
        transaction.batch_execute(&sql).await.map_err(refused)?;
    }
    for (number, step) in (1_i32..).zip(steps).skip(from as usize) {
        let sql = format!(
            "{}; INSERT INTO \"{schema}\".migration (version) VALUES ({number})",
            step.replace("{s}", schema).trim_end().trim_end_matches(';')
        );
        transaction.batch_execute(&sql).await.map_err(refused)?;
    }
    transaction.commit().await.map_err(refused)?;
    Ok(Migration { from, to })
}

/// Whatever happens here, no record is written.
fn failed(options: &Options, error: &tokio_postgres::Error) -> StoreError {
    Failure::of(&options.target(), "the migration", error).wrote_nothing().into_error()
}
