//! A store in memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use grantor_core::Timestamp;
use grantor_core::store::{
    Created, Filter, Index, Key, Promises, Record, Removed, Replaced, Revision, Store, StoreError,
};
use parking_lot::Mutex;

/// A store in memory.
#[derive(Debug)]
pub struct MemoryStore {
    shards: Vec<Mutex<HashMap<Key, (Record, u64)>>>,
    revisions: AtomicU64,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self { shards: (0..16).map(|_| Mutex::default()).collect(), revisions: AtomicU64::new(1) }
    }

    #[expect(clippy::indexing_slicing, reason = "there are 16 shards")]
    fn shard(&self, key: &Key) -> &Mutex<HashMap<Key, (Record, u64)>> {
        &self.shards[usize::from(key.id[15] & 15)]
    }

    fn next(&self) -> u64 {
        self.revisions.fetch_add(1, Ordering::Relaxed)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        let shard = self.shard(key).lock();
        Ok(shard
            .get(key)
            .filter(|(r, _)| r.is_live(now))
            .map(|(r, v)| (r.clone(), Revision::from_number(*v))))
    }
    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        let mut shard = self.shard(&record.key).lock();
        if shard.get(&record.key).is_some_and(|(r, _)| r.is_live(now)) {
            return Ok(Created::Exists);
        }
        let next = self.next();
        shard.insert(record.key, (record.clone(), next));
        Ok(Created::Created(Revision::from_number(next)))
    }
    async fn replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        let mut shard = self.shard(&record.key).lock();
        match shard.get_mut(&record.key) {
            Some(slot) if slot.0.is_live(now) && slot.1 == loaded.number() => {
                let next = self.next();
                *slot = (record.clone(), next);
                Ok(Replaced::Replaced(Revision::from_number(next)))
            }
            _ => Ok(Replaced::Stale),
        }
    }
    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        match self.shard(key).lock().remove(key) {
            Some((record, _)) if record.is_live(now) => Ok(Removed::Removed),
            _ => Ok(Removed::Absent),
        }
    }
    fn promises(&self) -> Promises {
        Promises { durable: false, keeps: true, never_rewinds: true, max_body: 1 << 20 }
    }
    fn index(&self) -> Option<&dyn Index> {
        Some(self)
    }
}

#[async_trait]
impl Index for MemoryStore {
    async fn list(
        &self,
        filter: &Filter,
        after: Option<[u8; 16]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Record>, StoreError> {
        let mut all: Vec<Record> = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            let fits =
                |r: &&Record| filter.matches(r) && r.is_live(now) && after.is_none_or(|id| r.key.id > id);
            all.extend(shard.values().map(|(r, _)| r).filter(fits).cloned());
        }
        all.sort_by_key(|record| record.key);
        all.truncate(limit);
        Ok(all)
    }
    async fn sweep(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let mut gone = 0;
        for shard in &self.shards {
            shard.lock().retain(|_, (record, _)| {
                let keep = record.is_live(now) || gone >= limit;
                gone += usize::from(!keep);
                keep
            });
        }
        Ok(gone)
    }
}
