//! `postgres://` and `postgresql://`.

use std::path::Path;

use async_trait::async_trait;
use grantor::postgres::{self, Options, PostgresStore};
use grantor::store::StoreError;

use super::promises::{self, Row};
use super::{Closing, Engine, Opened, migrated};

#[derive(Debug)]
pub(super) struct Postgres;

#[async_trait]
impl Engine for Postgres {
    fn forms(&self) -> &'static [&'static str] {
        &["postgres://USER:PASSWORD@HOST/DATABASE", "postgresql://USER:PASSWORD@HOST/DATABASE"]
    }

    fn row(&self) -> &'static Row {
        &promises::POSTGRES
    }

    fn check(&self, url: &str, _: &Path) -> Result<(), StoreError> {
        Options::parse(url).map(|_| ())
    }

    async fn open(&self, url: &str, _: &Path) -> Result<Opened, StoreError> {
        Ok(Opened::of(self, PostgresStore::open(&Options::parse(url)?).await?))
    }

    async fn migrate(&self, url: &str, _: &Path) -> Result<String, StoreError> {
        let postgres::Migration { from, to } = postgres::migrate(&Options::parse(url)?).await?;
        Ok(migrated("the database", from, to))
    }
}

#[async_trait]
impl Closing for PostgresStore {
    async fn close(&self) -> Result<(), StoreError> {
        Self::close(self);
        Ok(())
    }
}
