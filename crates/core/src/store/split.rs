//! Short-lived records in one engine, grants in another.
//!
//! A record that is [`Stage::Pending`] lives in A, one that is [`Stage::Live`] in B. When a code is redeemed its grant
//! moves: a trace replaces the pending grant in A, which decides who won, and the spent grant is created in B. If
//! B fails the request ends with an unknown write and the user logs in again: fails closed. It is the one exception to
//! "one record per operation". The trace ends when the pending record would have ended.
//!
//! The trace is the pending record, marked [`Stage::Live`]: a grant that is spent and has no tokens. It is what others find
//! while the grant moves, so that a replay in this moment is known as one, and what it removes stays removed: whoever moves
//! looks, once the grant is in B, whether the trace is still in A; whoever removes goes to A, and once more to B. One of the
//! two sees the other.
//!
//! The two engines number their revisions each for itself, so those of B are told from those of A: B's are inverted.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    Created, Filter, Index, Key, Promises, Record, Removed, Replaced, Revision, Stage, Store, StoreError,
};
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

    async fn load_live(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        Ok(self.live.load(key, now).await?.map(|(record, revision)| (record, other(revision))))
    }

    /// The second half of a move: the spent grant into B, unless somebody has removed it meanwhile.
    async fn arrive(&self, record: &Record, now: Timestamp) -> Result<Revision, StoreError> {
        let Created::Created(revision) = self.live.create(record, now).await.map_err(half_moved)? else {
            return Err(StoreError::unknown("the grant is in both stores already"));
        };
        let traced = self.pending.load(&record.key, now).await;
        if !matches!(traced, Ok(Some(_))) {
            let _ = self.live.remove(&record.key, now).await.map_err(half_moved)?;
        }
        // Removed after it was written: that is how it looks from outside.
        traced.map_err(half_moved).map(|_| other(revision))
    }
}

/// A revision of B as this store shows it, and back. Otherwise a revision that was loaded from A could be, by chance, the
/// present one in B, and a code could be spent twice.
const fn other(revision: Revision) -> Revision {
    Revision::from_number(!revision.number())
}

/// What stays in A of a record that moved, no longer than the record would have stayed. Nothing can be built on it.
fn trace(moved: &Record, pending: Record) -> Record {
    let expires_at = moved.expires_at.min(pending.expires_at);
    Record { stage: Stage::Live, expires_at, ..pending }
}

/// The code is spent, and nobody knows what became of the grant in B.
fn half_moved(error: StoreError) -> StoreError {
    StoreError::unknown("the code is spent, but its grant could not be written").with_source(error)
}

/// One of the two has removed it already.
fn half_removed(error: StoreError) -> StoreError {
    StoreError::unknown("removed in one of two stores").with_source(error)
}

#[async_trait]
impl Store for SplitStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        if let Some(found) = self.load_live(key, now).await? {
            return Ok(Some(found));
        }
        match self.pending.load(key, now).await? {
            Some((record, revision)) if record.stage == Stage::Pending => Ok(Some((record, revision))),
            // A trace: the record moved between the two looks, or is moving, or B has lost it.
            Some(trace) => Ok(self.load_live(key, now).await?.or(Some(trace))),
            None => Ok(None),
        }
    }

    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        let created = self.of(record.stage).create(record, now).await?;
        Ok(match (record.stage, created) {
            (Stage::Live, Created::Created(revision)) => Created::Created(other(revision)),
            (_, created) => created,
        })
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
            return Ok(match self.live.replace(record, other(loaded), now).await? {
                Replaced::Replaced(revision) => Replaced::Replaced(other(revision)),
                Replaced::Stale => Replaced::Stale,
            });
        }
        let trace = match self.pending.load(&record.key, now).await? {
            Some((old, revision)) if revision == loaded && old.stage == Stage::Pending => trace(record, old),
            _ => return Ok(Replaced::Stale),
        };
        match self.pending.replace(&trace, loaded, now).await? {
            Replaced::Stale => Ok(Replaced::Stale),
            Replaced::Replaced(_) => self.arrive(record, now).await.map(Replaced::Replaced),
        }
    }

    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        if self.live.remove(key, now).await? == Removed::Removed {
            // The trace in A is not a record any more, it only must go too.
            return self.pending.remove(key, now).await.map(|_| Removed::Removed).map_err(half_removed);
        }
        let waiting = self.pending.remove(key, now).await?;
        // It may have moved meanwhile.
        let moved = self.live.remove(key, now).await.map_err(half_removed)?;
        Ok(if moved == Removed::Removed { moved } else { waiting })
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
        self.live.index().map(|_| self as &dyn Index)
    }
}

/// Lists what lives in B; sweeps both.
#[async_trait]
impl Index for SplitStore {
    async fn list(
        &self,
        filter: &Filter,
        after: Option<[u8; 16]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Record>, StoreError> {
        match self.live.index() {
            Some(index) => index.list(filter, after, limit, now).await,
            None => Err(StoreError::nothing_written("the store of live records cannot list them")),
        }
    }

    async fn sweep(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let mut gone = 0;
        for index in [self.pending.index(), self.live.index()].into_iter().flatten() {
            gone += index.sweep(limit.saturating_sub(gone), now).await?;
        }
        Ok(gone)
    }
}
