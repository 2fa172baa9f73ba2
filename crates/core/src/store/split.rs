//! Short-lived records in one engine, grants in another.
//!
//! A record that is [`Stage::Pending`] lives in A, one that is [`Stage::Live`] in B. When a code is redeemed its grant
//! moves: the spent grant replaces the pending one in A, which decides who won, and is then created in B. If B fails
//! the request ends with an unknown write and the user logs in again: fails closed. It is the one exception to "one
//! record per operation".

use std::sync::Arc;

use async_trait::async_trait;

use super::{Created, Index, Key, Promises, Record, Removed, Replaced, Revision, Stage, Store, StoreError};
use crate::clock::Timestamp;

/// A [`Store`] made of two: pending records in the one, live ones in the other.
#[derive(Debug, Clone)]
pub struct SplitStore {
    pending: Arc<dyn Store>,
    live: Arc<dyn Store>,
}

impl SplitStore {
    /// Codes and waiting requests go to `pending`, everything else to `live`.
    pub fn new(pending: Arc<dyn Store>, live: Arc<dyn Store>) -> Self {
        Self { pending, live }
    }

    fn of(&self, stage: Stage) -> &dyn Store {
        match stage {
            Stage::Pending => self.pending.as_ref(),
            Stage::Live => self.live.as_ref(),
        }
    }
}

#[async_trait]
impl Store for SplitStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        if let Some(found) = self.live.load(key, now).await? {
            return Ok(Some(found));
        }
        // A live record in A is only the trace of a move. Should B have lost the grant since, the trace is an older
        // state of it, and an older state must never come back.
        let found = self.pending.load(key, now).await?;
        Ok(found.filter(|(record, _)| record.stage == Stage::Pending))
    }

    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        self.of(record.stage).create(record, now).await
    }

    async fn replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        if record.stage == Stage::Pending {
            return self.pending.replace(record, loaded, now).await;
        }
        if self.live.load(&record.key, now).await?.is_some() {
            return self.live.replace(record, loaded, now).await;
        }
        match self.pending.load(&record.key, now).await? {
            Some((old, revision)) if revision == loaded && old.stage == Stage::Pending => {}
            _ => return Ok(Replaced::Stale),
        }
        match self.pending.replace(record, loaded, now).await? {
            Replaced::Stale => Ok(Replaced::Stale),
            Replaced::Replaced(_) => match self.live.create(record, now).await {
                Ok(Created::Created(revision)) => Ok(Replaced::Replaced(revision)),
                Ok(Created::Exists) => Err(StoreError::unknown("the grant is in both stores already")),
                Err(error) => {
                    Err(StoreError::unknown("the code is spent, but its grant could not be written")
                        .with_source(error))
                }
            },
        }
    }

    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        if self.live.remove(key, now).await? == Removed::Removed {
            // The trace in A is not a record any more, it only must go too.
            return match self.pending.remove(key, now).await {
                Ok(_) => Ok(Removed::Removed),
                Err(error) => Err(StoreError::unknown("removed in one of two stores").with_source(error)),
            };
        }
        match self.pending.load(key, now).await? {
            None => Ok(Removed::Absent),
            Some((record, _)) => {
                let removed = self.pending.remove(key, now).await?;
                Ok(if record.stage == Stage::Pending { removed } else { Removed::Absent })
            }
        }
    }

    fn promises(&self) -> Promises {
        let (a, b) = (self.pending.promises(), self.live.promises());
        Promises {
            durable: a.durable && b.durable,
            keeps: a.keeps && b.keeps,
            never_rewinds: a.never_rewinds && b.never_rewinds,
            max_body: a.max_body.min(b.max_body),
        }
    }

    fn index(&self) -> Option<&dyn Index> {
        self.live.index()
    }
}
