//! `mysql://`, and `mariadb://` which is the same.

use std::path::Path;

use async_trait::async_trait;
use grantor::mysql::{self, MysqlStore, Options};
use grantor::store::StoreError;

use super::promises::{self, Row};
use super::{Closing, Engine, Opened, migrated};

#[derive(Debug)]
pub(super) struct Mysql;

#[async_trait]
impl Engine for Mysql {
    fn forms(&self) -> &'static [&'static str] {
        &["mysql://USER:PASSWORD@HOST/DATABASE", "mariadb://USER:PASSWORD@HOST/DATABASE"]
    }

    fn row(&self) -> &'static Row {
        &promises::MYSQL
    }

    fn check(&self, url: &str, _: &Path) -> Result<(), StoreError> {
        Options::parse(url).map(|_| ())
    }

    async fn open(&self, url: &str, _: &Path) -> Result<Opened, StoreError> {
        Ok(Opened::of(self, MysqlStore::open(&Options::parse(url)?).await?))
    }

    async fn migrate(&self, url: &str, _: &Path) -> Result<String, StoreError> {
        let mysql::Migration { from, to } = mysql::migrate(&Options::parse(url)?).await?;
        Ok(migrated("the database", from, to))
    }
}

#[async_trait]
impl Closing for MysqlStore {
    async fn close(&self) -> Result<(), StoreError> {
        Self::close(self).await;
        Ok(())
    }
}
