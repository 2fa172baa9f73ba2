//! A store around another: counts what was written, takes longer, and ends the process at a chosen point.

use std::sync::Arc;
use std::time::Duration;

use grantor::Timestamp;
use grantor::async_trait;
use grantor::store::{
    Created, Index, Key, Kind, Promises, Record, Removed, Replaced, Revision, Store, StoreError,
};

use super::levers::Levers;
use crate::exit::{Call, When};

/// The name of the store with the grants.
const LIVE: &str = "live";

#[derive(Debug)]
pub(super) struct Watched {
    name: &'static str,
    inner: Arc<dyn Store>,
    levers: Arc<Levers>,
    latency: Duration,
}

impl Watched {
    pub(super) fn new(
        name: &'static str,
        inner: Arc<dyn Store>,
        levers: &Arc<Levers>,
        latency_ms: u64,
    ) -> Self {
        Self { name, inner, levers: Arc::clone(levers), latency: Duration::from_millis(latency_ms) }
    }

    async fn around<T: Send>(
        &self,
        kind: Kind,
        call: Call,
        inner: impl Future<Output = Result<T, StoreError>> + Send,
        written: impl Fn(&T) -> bool + Send,
    ) -> Result<T, StoreError> {
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        if kind != Kind::GRANT {
            return inner.await;
        }
        self.levers.pass(self.name, call, When::Before).await;
        let answer = inner.await;
        if answer.as_ref().is_ok_and(&written) {
            if self.name == LIVE {
                self.levers.count();
            }
            self.levers.pass(self.name, call, When::After).await;
        }
        answer
    }
}

#[async_trait]
impl Store for Watched {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        self.inner.load(key, now).await
    }

    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        let inner = self.inner.create(record, now);
        self.around(record.key.kind, Call::Create, inner, |created| matches!(created, Created::Created(_)))
            .await
    }

    async fn replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        let inner = self.inner.replace(record, loaded, now);
        let kind = record.key.kind;
        self.around(kind, Call::Replace, inner, |replaced| matches!(replaced, Replaced::Replaced(_))).await
    }

    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        let inner = self.inner.remove(key, now);
        self.around(key.kind, Call::Remove, inner, |removed| *removed == Removed::Removed).await
    }

    fn promises(&self) -> Promises {
        self.inner.promises()
    }

    fn index(&self) -> Option<&dyn Index> {
        self.inner.index()
    }
}
