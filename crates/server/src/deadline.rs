//! A store that answers in time: what takes longer is an error, so that a request ends with 503 instead of waiting.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantor::Timestamp;
use grantor::store::{Created, Index, Key, Promises, Record, Removed, Replaced, Revision, Store, StoreError};

/// How long the store has for one call.
const WITHIN: Duration = Duration::from_secs(2);

/// A store with a deadline for each call.
#[derive(Debug)]
pub(crate) struct Deadline(pub(crate) Arc<dyn Store>);

async fn read<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let late = || Err(StoreError::nothing_written("the store did not answer in time"));
    tokio::time::timeout(WITHIN, call).await.unwrap_or_else(|_| late())
}

/// Nobody knows what becomes of a write that nobody waits for.
async fn write<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let late = || Err(StoreError::unknown("the store did not answer in time"));
    tokio::time::timeout(WITHIN, call).await.unwrap_or_else(|_| late())
}

#[async_trait]
impl Store for Deadline {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        read(self.0.load(key, now)).await
    }

    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        write(self.0.create(record, now)).await
    }

    async fn replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        write(self.0.replace(record, loaded, now)).await
    }

    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        write(self.0.remove(key, now)).await
    }

    fn promises(&self) -> Promises {
        self.0.promises()
    }

    fn index(&self) -> Option<&dyn Index> {
        self.0.index()
    }
}
