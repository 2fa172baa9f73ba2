//! The store for many processes over one PostgreSQL server.
//!
//! ```no_run
//! # async fn example() -> Result<(), grantor_core::store::StoreError> {
//! use grantor_store_postgres::{Options, PostgresStore};
//!
//! let options = Options::parse("postgres://grantor:password@127.0.0.1:5432/grantor")?;
//! let store = PostgresStore::open(&options).await?;
//! // ... serve ...
//! store.close();
//! # Ok(())
//! # }
//! ```
//!
//! - Each operation is one prepared statement that is a transaction of its own: `INSERT .. ON CONFLICT .. DO UPDATE ..
//!   WHERE` it expired, `UPDATE .. WHERE` the revision is the loaded one; the count of rows is the answer.
//! - Callers share a few connections and pipeline their statements on them.
//! - [`Options`] has every setting; [`migrate`] brings older tables to this release's schema.
//!
//! It needs a tokio runtime.

mod call;
mod connect;
mod failure;
mod options;
mod pool;
mod random;
mod schema;
mod sslmode;
mod write;

/// What [`PostgresStore::with_pool`] takes.
pub use deadpool_postgres;
pub use grantor_store_tls::Tls;
pub use options::{Migrate, Options};
pub use schema::Migration;
/// What [`Options::new`] takes.
pub use tokio_postgres;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantor_core::Timestamp;
use grantor_core::store::{
    Created, Filter, Index, Key, Promises, Record, Removed, Replaced, Revision, Store, StoreError,
};

use crate::connect::Source;
use crate::pool::Pool;

/// The largest body, in bytes.
const MAX_BODY: usize = 1 << 20;
/// Records in one step of a listing or a sweep; between two steps others get their turn.
const STEP: usize = 256;

/// A [`Store`] in a schema of a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    pool: Arc<Pool>,
    deadline: Duration,
    /// For messages.
    target: String,
}

/// Brings the tables to the schema of this release, in one transaction. Make a backup first: there is no way back.
///
/// # Errors
/// The server cannot be reached, the schema belongs to a newer release, or the server refused; then it is as it was.
pub async fn migrate(options: &Options) -> Result<Migration, StoreError> {
    let source = Source::Own(options.prepare()?);
    let mut connected = in_time(options, connect::connect(&source, options)).await?;
    schema::migrate(&mut connected, options, schema::STEPS).await
}

impl PostgresStore {
    /// Connects to the server, and makes the tables where there are none.
    ///
    /// # Errors
    /// The server cannot be reached, is not the one that TLS was to verify, refuses, or only reads; or the schema is older ([`Migrate::Manual`]) or newer than this
    /// release.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        Self::start(Source::Own(options.prepare()?), options).await
    }

    /// The same with connections of a pool of yours, which knows the server, and TLS where the way to it is not trusted: the
    /// store takes up to [`Options::connections`] of them out of the pool, and ends them with itself.
    ///
    /// # Errors
    /// As for [`PostgresStore::open`].
    pub async fn with_pool(pool: deadpool_postgres::Pool, options: &Options) -> Result<Self, StoreError> {
        Self::start(Source::Pool(pool), options).await
    }

    async fn start(source: Source, options: &Options) -> Result<Self, StoreError> {
        let mut connected = in_time(options, connect::connect(&source, options)).await?;
        // Without a limit: another process may be migrating.
        schema::prepare(&mut connected, options).await?;
        let (first, care) = in_time(options, Box::pin(connect::session(connected, options, None))).await?;
        Ok(Self {
            pool: Pool::new(source, options.clone(), first, care),
            deadline: options.deadline,
            target: options.target(),
        })
    }

    /// Lets go of the connections; calls under way still end. Later calls get an error.
    pub fn close(&self) {
        self.pool.close();
    }
}

async fn in_time<T>(
    options: &Options,
    doing: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(options.deadline, doing).await.unwrap_or_else(|_| {
        let target = options.target();
        Err(StoreError::nothing_written(format!(
            "PostgreSQL {target}: it does not answer in time: see deadline_ms"
        )))
    })
}

#[async_trait]
impl Store for PostgresStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        self.load_row(*key, now).await
    }

    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        call::fits(record)?;
        let revision = random::new_revision();
        Ok(match self.create_row(record, revision, now).await? {
            0 => Created::Exists,
            _ => Created::Created(write::public(revision)),
        })
    }

    async fn replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        call::fits(record)?;
        let revision = random::new_revision();
        Ok(match self.replace_row(record, revision, loaded, now).await? {
            0 => Replaced::Stale,
            _ => Replaced::Replaced(write::public(revision)),
        })
    }

    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        Ok(match self.remove_row(*key, now).await? {
            0 => Removed::Absent,
            _ => Removed::Removed,
        })
    }

    fn promises(&self) -> Promises {
        let care = self.pool.promised();
        Promises { durable: care.durable, keeps: true, never_rewinds: care.never_rewinds, max_body: MAX_BODY }
    }

    fn index(&self) -> Option<&dyn Index> {
        Some(self)
    }
}

#[async_trait]
impl Index for PostgresStore {
    async fn list(
        &self,
        filter: &Filter,
        after: Option<[u8; 16]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Record>, StoreError> {
        let mut found: Vec<Record> = Vec::new();
        while found.len() < limit {
            let step = (limit - found.len()).min(STEP);
            let after = found.last().map(|record| record.key.id).or(after);
            let mut records = self.list_rows(filter, after, step, now).await?;
            let last = records.len() < step;
            found.append(&mut records);
            if last {
                break;
            }
        }
        Ok(found)
    }

    async fn sweep(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let mut gone = 0;
        while gone < limit {
            let step = (limit - gone).min(STEP);
            let swept = self.sweep_rows(step, now).await?;
            gone += swept;
            if swept < step {
                break;
            }
        }
        Ok(gone)
    }
}

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
