//! `redis://` and the other ways in which Redis is set up.

use std::path::Path;

use async_trait::async_trait;
use grantor::redis::{Options, RedisStore};
use grantor::store::StoreError;

use super::promises::{self, Row};
use super::{Closing, Engine, Opened};

#[derive(Debug)]
pub(super) struct Redis;

#[async_trait]
impl Engine for Redis {
    fn forms(&self) -> &'static [&'static str] {
        &[
            "redis://127.0.0.1:6379",
            "redis+unix:///run/redis/redis.sock",
            "redis+sentinel://127.0.0.1:26379/mymaster",
            "redis+cluster://127.0.0.1:6379",
            "rediss://HOST",
            "rediss+sentinel://HOST/mymaster",
            "rediss+cluster://HOST",
        ]
    }

    fn row(&self) -> &'static Row {
        &promises::REDIS
    }

    fn check(&self, url: &str, _: &Path) -> Result<(), StoreError> {
        Options::parse(url).map(|_| ())
    }

    async fn open(&self, url: &str, _: &Path) -> Result<Opened, StoreError> {
        Ok(Opened::of(self, RedisStore::open(&Options::parse(url)?).await?))
    }

    async fn migrate(&self, url: &str, _: &Path) -> Result<String, StoreError> {
        Options::parse(url)?;
        Ok("a store in Redis has nothing to migrate".into())
    }
}

#[async_trait]
impl Closing for RedisStore {
    async fn close(&self) -> Result<(), StoreError> {
        Self::close(self).await;
        Ok(())
    }
}
