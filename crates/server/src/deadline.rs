//! A store that answers in time: what takes longer is an error, so that a request ends with 503 instead of waiting.
//!
//! A request has this time for all of its calls together: core asks again where nobody knows whether a write happened.

use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantor::Timestamp;
use grantor::store::{Created, Index, Key, Promises, Record, Removed, Replaced, Revision, Store, StoreError};
use tokio::time::Instant;

tokio::task_local! {
    /// What is left of it in this request.
    static LEFT: Cell<Duration>;
}

/// Answers a request, with this time for the store.
pub(crate) async fn for_request<T>(within: Duration, work: impl Future<Output = T>) -> T {
    LEFT.scope(Cell::new(within), work).await
}

/// Calls the store for as long as there is time; `None` where there is none any more. `late` is the error of a call that
/// was begun and did not end.
async fn in_time<T>(
    within: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
    late: fn(&'static str) -> StoreError,
) -> Result<T, StoreError> {
    let left = LEFT.try_with(Cell::get).unwrap_or(within);
    if left.is_zero() {
        return Err(StoreError::nothing_written(
            "the store was not asked: it has held up this request long enough",
        ));
    }
    let begun = Instant::now(); // how long the store takes, to stop waiting for it
    let outcome = tokio::time::timeout(left, call).await;
    // Outside of requests each call has its own time.
    let _ = LEFT.try_with(|rest| rest.set(left.saturating_sub(begun.elapsed())));
    outcome.unwrap_or_else(|_| Err(late("the store did not answer in time")))
}

/// A store with a deadline for each call.
#[derive(Debug)]
pub(crate) struct Deadline {
    store: Arc<dyn Store>,
    /// How long the store has for a call outside of requests.
    within: Duration,
}

impl Deadline {
    /// Outside of requests each call has this time.
    pub(crate) fn new(store: Arc<dyn Store>, within: Duration) -> Self {
        Self { store, within }
    }

    async fn read<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        in_time(self.within, call, StoreError::nothing_written).await
    }

    /// Nobody knows what becomes of a write that nobody waits for.
    async fn write<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        in_time(self.within, call, StoreError::unknown).await
    }
}

#[async_trait]
impl Store for Deadline {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        self.read(self.store.load(key, now)).await
    }

    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        self.write(self.store.create(record, now)).await
    }

    async fn replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        self.write(self.store.replace(record, loaded, now)).await
    }

    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        self.write(self.store.remove(key, now)).await
    }

    fn promises(&self) -> Promises {
        self.store.promises()
    }

    fn index(&self) -> Option<&dyn Index> {
        self.store.index()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantor::store::{Kind, Stage};
    use grantor_testkit::{Fault, FaultStore, Gate};

    const WITHIN: Duration = Duration::from_secs(2);

    fn record() -> Record {
        let key = Key::new(Kind::GRANT, [1; 16]);
        Record {
            key,
            stage: Stage::Live,
            expires_at: Timestamp::NEVER,
            client: None,
            subject: None,
            body: "x".into(),
        }
    }

    #[tokio::test]
    async fn a_request_waits_for_the_store_once() {
        let slow = FaultStore::new(Arc::new(grantor::memory::MemoryStore::new()));
        let store = Deadline::new(Arc::new(slow.clone()), WITHIN);
        let now = Timestamp::EPOCH;
        for_request(WITHIN, async {
            store.load(&record().key, now).await.unwrap();
            slow.next_create(Fault::HoldBefore(Gate::new()));
            assert!(!store.create(&record(), now).await.unwrap_err().nothing_written, "it was begun");
            let calls = slow.calls();
            assert!(store.create(&record(), now).await.unwrap_err().nothing_written);
            assert!(store.load(&record().key, now).await.is_err());
            assert_eq!(slow.calls(), calls, "not even asked");
        })
        .await;
        for_request(WITHIN, async {
            assert!(store.load(&record().key, now).await.is_ok(), "the next one begins anew");
        })
        .await;
    }
}
