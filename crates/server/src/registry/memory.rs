//! `memory:`, for tries: it ends with the process.

use std::path::Path;

use async_trait::async_trait;
use grantor::memory::MemoryStore;
use grantor::store::StoreError;

use super::promises::{self, Row};
use super::{Closing, Engine, Opened};

#[derive(Debug)]
pub(super) struct Memory;

#[async_trait]
impl Engine for Memory {
    fn forms(&self) -> &'static [&'static str] {
        &["memory:"]
    }

    fn row(&self) -> &'static Row {
        &promises::MEMORY
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn check(&self, url: &str, _: &Path) -> Result<(), StoreError> {
        match url {
            "memory:" => Ok(()),
            _ => Err(StoreError::nothing_written("nothing can stand behind memory:")),
        }
    }

    async fn open(&self, url: &str, folder: &Path) -> Result<Opened, StoreError> {
        self.check(url, folder)?;
        Ok(Opened::of(self, MemoryStore::new()))
    }

    async fn migrate(&self, _: &str, _: &Path) -> Result<String, StoreError> {
        Ok("a store in memory has nothing to migrate".into())
    }
}

#[async_trait]
impl Closing for MemoryStore {
    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
