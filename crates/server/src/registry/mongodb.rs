//! `mongodb://`.

use std::path::Path;

use async_trait::async_trait;
use grantor::mongodb::{self, MongoStore, Options};
use grantor::store::StoreError;

use super::promises::{self, Row};
use super::{Closing, Engine, Opened, migrated};

#[derive(Debug)]
pub(super) struct Mongodb;

#[async_trait]
impl Engine for Mongodb {
    fn forms(&self) -> &'static [&'static str] {
        &["mongodb://USER:PASSWORD@HOST/DATABASE"]
    }

    fn row(&self) -> &'static Row {
        &promises::MONGODB
    }

    fn check(&self, url: &str, _: &Path) -> Result<(), StoreError> {
        Options::parse(url).map(|_| ())
    }

    async fn open(&self, url: &str, _: &Path) -> Result<Opened, StoreError> {
        Ok(Opened::of(self, MongoStore::open(&Options::parse(url)?).await?))
    }

    async fn migrate(&self, url: &str, _: &Path) -> Result<String, StoreError> {
        let mongodb::Migration { from, to } = mongodb::migrate(&Options::parse(url)?).await?;
        Ok(migrated("the database", from, to))
    }
}

#[async_trait]
impl Closing for MongoStore {
    async fn close(&self) -> Result<(), StoreError> {
        Self::close(self).await;
        Ok(())
    }
}
