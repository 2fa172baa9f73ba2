//! The store for many processes over one MySQL or MariaDB database, whose acknowledged writes survive the loss of power
//! where the server is set so.
//!
//! ```no_run
//! # async fn example() -> Result<(), grantor_core::store::StoreError> {
//! use grantor_store_mysql::{MysqlStore, Options};
//!
//! let store = MysqlStore::open(&Options::parse("mysql://grantor:secret@127.0.0.1:3306/grantor")?).await?;
//! store.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! - Each call is one statement that is a transaction of its own, except `create` over an expired record.
//! - Each call has a deadline. A connection whose answer did not come in time is given up, not used again.
//! - [`Options`] has every setting; [`migrate`] brings an older database to this release's schema.
//!
//! A store belongs to the tokio runtime that it was opened in.

mod failure;
mod options;
mod pool;
mod schema;
mod settings;
mod sql;

pub use grantor_store_tls::Tls;
pub use mysql_async;
pub use options::{Failover, Migrate, Options, ssl_opts};
pub use schema::Migration;

use async_trait::async_trait;
use grantor_core::store::{
    Created, Filter, Index, Key, Promises, Record, Removed, Replaced, Revision, Store, StoreError,
};
use grantor_core::{Random as _, SystemRandom, Timestamp};
use mysql_async::{Pool, Value};

use crate::failure::{DUPLICATE, Failure};
use crate::pool::Connections;
use crate::sql::MAX_NAME;

/// Records in one step of a listing or a sweep; between two steps others get their turn.
const STEP: usize = 256;
/// How often `create` looks at a record that comes and goes.
const LOOKS: usize = 16;

/// A [`Store`] in one table of a MySQL or MariaDB database.
#[derive(Debug)]
pub struct MysqlStore {
    connections: Connections,
    promises: Promises,
}

/// Brings the database to the schema of this release. Make a backup first: there is no way back.
///
/// The server cannot undo changes of tables. A migration that was cut short is taken up where it was by the next one.
///
/// # Errors
/// The server cannot be reached, the database belongs to a newer release, or the user may not change tables.
pub async fn migrate(options: &Options) -> Result<Migration, StoreError> {
    let connections = own(options)?;
    let done = schema::migrate(&connections).await;
    connections.close().await;
    Ok(done?)
}

fn own(options: &Options) -> Result<Connections, StoreError> {
    let pool = Pool::new(options.for_the_client()?);
    Ok(Connections::new(pool, options.connections, options.timeout, &options.place()))
}

impl MysqlStore {
    /// Connects, reads what the server is set to, and makes the tables where there are none.
    ///
    /// # Errors
    /// The server cannot be reached, is not the one that TLS was to verify, or refuses; it has an older schema ([`Migrate::Manual`]) or a newer one, or is set to
    /// what the store cannot work with.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        Self::over(own(options)?, options).await
    }

    /// The same over a pool of the caller's; where the server is and who connects is then not taken from `options`.
    ///
    /// The pool must allow [`Options::connections`], and its sessions must be strict (`sql_mode`) and commit each
    /// statement. Without `with_reset_connection(false)` each call costs an exchange more, and without a time to idle
    /// (`with_inactive_connection_ttl`) the pool closes what it has beyond its least number at each return.
    ///
    /// # Errors
    /// As of [`MysqlStore::open`].
    pub async fn with_pool(pool: Pool, options: &Options) -> Result<Self, StoreError> {
        let connections = Connections::new(pool, options.connections, options.timeout, "the pool's server");
        Self::over(connections, options).await
    }

    async fn over(connections: Connections, options: &Options) -> Result<Self, StoreError> {
        let promises = settings::promises(&connections, options.failover).await?;
        schema::check(&connections, options.migrate).await?;
        Ok(Self { connections, promises })
    }

    /// Says goodbye to the server, also for a pool of the caller's. Later calls get an error.
    pub async fn close(&self) {
        self.connections.close().await;
    }

    /// What the engine would refuse, or cut.
    fn check(&self, record: &Record) -> Result<(), Failure> {
        let refuse = |what: &str, length: usize, most: usize| {
            Err(Failure::refused(format!(
                "the record {:?} has a {what} of {length} bytes, the MySQL store takes up to {most}",
                record.key
            )))
        };
        if record.body.len() > self.promises.max_body {
            return refuse("body", record.body.len(), self.promises.max_body);
        }
        for (what, name) in [("client", &record.client), ("subject", &record.subject)] {
            if let Some(name) = name.as_deref().filter(|name| name.len() > MAX_NAME) {
                return refuse(what, name.len(), MAX_NAME);
            }
        }
        Ok(())
    }
}

/// Where the revisions of a record begin. They count up from there, so a record that is created again has others.
fn first_revision() -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    SystemRandom.fill(&mut bytes).map_err(|_| Failure::refused("the system gives no random numbers"))?;
    Ok(u64::from_ne_bytes(bytes))
}

#[async_trait]
impl Store for MysqlStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        let deadline = self.connections.deadline();
        let rows = self.connections.read(deadline, sql::LOAD, &sql::key_at(key, now)).await?;
        Ok(rows.into_iter().next().map(sql::record).transpose()?)
    }

    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        self.check(record)?;
        let deadline = self.connections.deadline();
        let revision = first_revision()?;
        let created = Created::Created(Revision::from_number(revision));
        let columns = sql::written(record, revision);
        for _ in 0..LOOKS {
            match self.connections.write(deadline, sql::INSERT, &columns).await {
                Ok(_) => return Ok(created),
                Err(failure) if failure.code == Some(DUPLICATE) => {}
                Err(failure) => return Err(failure.into()),
            }
            // Somebody has the key. Whoever is alive stays; whoever is not is written over by one of all who try.
            let rows = self.connections.read(deadline, sql::EXPIRY, &sql::key(&record.key)).await?;
            let expires_at: Option<i64> = rows.into_iter().next().and_then(|mut row| sql::take(&mut row, 0));
            match expires_at {
                Some(expires_at) if expires_at > now.as_millis() => return Ok(Created::Exists),
                Some(_) => {
                    let mut over = columns.clone();
                    over.push(Value::Int(now.as_millis()));
                    if self.connections.write(deadline, sql::OVERWRITE, &over).await? > 0 {
                        return Ok(created);
                    }
                }
                // Removed or swept meanwhile: there is room again.
                None => {}
            }
        }
        Err(StoreError::nothing_written(format!("the record {:?} comes and goes too quickly", record.key)))
    }

    async fn replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        self.check(record)?;
        let revision = loaded.number().wrapping_add(1);
        let mut params = sql::written(record, revision);
        params.extend([Value::Int(now.as_millis()), Value::UInt(loaded.number())]);
        let changed = self.connections.write(self.connections.deadline(), sql::REPLACE, &params).await?;
        Ok(match changed {
            0 => Replaced::Stale,
            _ => Replaced::Replaced(Revision::from_number(revision)),
        })
    }

    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        let deadline = self.connections.deadline();
        let gone = self.connections.write(deadline, sql::REMOVE, &sql::key_at(key, now)).await?;
        Ok(if gone == 0 { Removed::Absent } else { Removed::Removed })
    }

    fn promises(&self) -> Promises {
        self.promises
    }

    fn index(&self) -> Option<&dyn Index> {
        Some(self)
    }
}

#[async_trait]
impl Index for MysqlStore {
    async fn list(
        &self,
        filter: &Filter,
        after: Option<[u8; 16]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Record>, StoreError> {
        let mut found: Vec<Record> = Vec::new();
        let mut from = next_id(after);
        while let Some(first) = from.filter(|_| found.len() < limit) {
            let step = (limit - found.len()).min(STEP);
            let (sql, params) = sql::list(filter, first, step, now);
            let rows = self.connections.read(self.connections.deadline(), sql, &params).await?;
            let last = rows.len() < step;
            for row in rows {
                found.push(sql::record(row)?.0);
            }
            from = if last { None } else { next_id(found.last().map(|record| record.key.id)) };
        }
        Ok(found)
    }

    async fn sweep(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let mut gone = 0;
        while gone < limit {
            let step = (limit - gone).min(STEP);
            let params = [Value::Int(now.as_millis()), Value::UInt(step as u64)];
            let swept = self.connections.write(self.connections.deadline(), sql::SWEEP, &params).await?;
            gone += usize::try_from(swept).unwrap_or(step);
            if swept < step as u64 {
                break;
            }
        }
        Ok(gone)
    }
}

/// The id right after this one, or the first; `None` after the last.
fn next_id(after: Option<[u8; 16]>) -> Option<[u8; 16]> {
    match after {
        None => Some([0; 16]),
        Some(after) => u128::from_be_bytes(after).checked_add(1).map(u128::to_be_bytes),
    }
}

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
