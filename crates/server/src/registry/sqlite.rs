//! `sqlite:FILE`. A relative path begins at the data folder.

use std::path::Path;

use async_trait::async_trait;
use grantor::sqlite::{self, SqliteStore};
use grantor::store::StoreError;

use super::promises::{self, Row};
use super::{Closing, Engine, Opened, migrated};

#[derive(Debug)]
pub(super) struct Sqlite;

fn options(url: &str, folder: &Path) -> Result<sqlite::Options, StoreError> {
    Ok(sqlite::Options::parse(url)?.below(folder))
}

/// Files are opened and migrated on a thread that may wait for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(StoreError::nothing_written("a thread failed").with_source(error)))
}

#[async_trait]
impl Engine for Sqlite {
    fn forms(&self) -> &'static [&'static str] {
        &["sqlite:grantor.db"]
    }

    fn row(&self) -> &'static Row {
        &promises::SQLITE
    }

    fn check(&self, url: &str, folder: &Path) -> Result<(), StoreError> {
        options(url, folder).map(|_| ())
    }

    async fn open(&self, url: &str, folder: &Path) -> Result<Opened, StoreError> {
        let options = options(url, folder)?;
        let store = blocking(move || SqliteStore::open(&options)).await?;
        Ok(Opened::of(self, store))
    }

    async fn migrate(&self, url: &str, folder: &Path) -> Result<String, StoreError> {
        let options = options(url, folder)?;
        let file = options.path().display().to_string();
        let sqlite::Migration { from, to } = blocking(move || sqlite::migrate(&options)).await?;
        Ok(migrated(&file, from, to))
    }
}

#[async_trait]
impl Closing for SqliteStore {
    async fn close(&self) -> Result<(), StoreError> {
        Self::close(self).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_files_begin_at_the_data_folder() {
        for (url, path) in [("sqlite:a/g.db", "/data/a/g.db"), ("sqlite:///x/g.db", "/x/g.db")] {
            assert_eq!(options(url, Path::new("/data")).unwrap().path(), Path::new(path));
        }
    }
}
