//! A store by its URL.

use std::sync::Arc;

use grantor::memcached::{self, MemcachedStore};
use grantor::memory::MemoryStore;
use grantor::mongodb::{self, MongoStore};
use grantor::mysql::{self, MysqlStore};
use grantor::postgres::{self, PostgresStore};
use grantor::redis::{self, RedisStore};
use grantor::sqlite::{self, SqliteStore};
use grantor::store::{Store, StoreError};

/// Opens the store.
///
/// # Errors
/// As the store says, or there is none of this scheme.
pub(super) async fn open(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    let scheme = url.split([':', '+']).next().unwrap_or_default();
    Ok(match scheme {
        "memory" => Arc::new(MemoryStore::new()),
        "sqlite" => Arc::new(SqliteStore::open(&sqlite::Options::parse(url)?)?),
        "postgres" => Arc::new(PostgresStore::open(&postgres::Options::parse(url)?).await?),
        "mysql" => Arc::new(MysqlStore::open(&mysql::Options::parse(url)?).await?),
        "redis" => Arc::new(RedisStore::open(&redis::Options::parse(url)?).await?),
        "memcached" => Arc::new(MemcachedStore::open(&memcached::Options::parse(url)?).await?),
        "mongodb" => Arc::new(MongoStore::open(&mongodb::Options::parse(url)?).await?),
        other => return Err(StoreError::nothing_written(format!("there is no store {other}"))),
    })
}
