//! Going through all parts of the table: to list, to sweep, and to make room at the limit.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::task::Poll;

use async_trait::async_trait;
use grantor_core::Timestamp;
use grantor_core::store::{Filter, Index, Record, StoreError};

use crate::MemoryStore;
use crate::room::Charge;

/// Places that a request at the limit looks at: under a millisecond.
const STRETCH: usize = 1 << 17;
/// A walk through the whole table that found no room is not repeated for so many milliseconds.
const PAUSE: i64 = 1000;
/// Parts of the table between two pauses in which others get their turn.
const TURN: usize = 32;

/// How far the search for room has come.
#[derive(Debug)]
pub(crate) struct Walk {
    next: AtomicUsize,
    /// Parts in a row without anything that had expired, and since when.
    barren: AtomicUsize,
    since: AtomicI64,
}

impl Default for Walk {
    fn default() -> Self {
        Self { next: AtomicUsize::new(0), barren: AtomicUsize::new(0), since: AtomicI64::new(i64::MIN) }
    }
}

impl MemoryStore {
    /// Drops expired records until there is room for this, or for as long as one request may take.
    pub(crate) fn make_room(&self, wanted: Charge, now: Timestamp) {
        let walk = &self.walk;
        let age = now.as_millis().saturating_sub(walk.since.load(Ordering::Relaxed));
        if !(0..PAUSE).contains(&age) {
            walk.since.store(now.as_millis(), Ordering::Relaxed);
            walk.barren.store(0, Ordering::Relaxed);
        }
        let mut places = 0;
        while places < STRETCH && !self.room.fits(wanted) {
            if walk.barren.load(Ordering::Relaxed) >= self.shards.len() {
                return;
            }
            let next = walk.next.fetch_add(1, Ordering::Relaxed) % self.shards.len();
            let Some(shard) = self.shards.get(next) else { return };
            let mut shard = shard.lock();
            places += shard.places();
            if shard.sweep(usize::MAX, now, &self.room) == 0 {
                walk.barren.fetch_add(1, Ordering::Relaxed);
            } else {
                walk.barren.store(0, Ordering::Relaxed);
            }
        }
    }
}

#[async_trait]
impl Index for MemoryStore {
    /// It looks at every record, so it costs as much for one as for all.
    async fn list(
        &self,
        filter: &Filter,
        after: Option<[u8; 16]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Record>, StoreError> {
        let mut found: BTreeMap<[u8; 16], Record> = BTreeMap::new();
        for (number, shard) in self.shards.iter().enumerate() {
            for block in shard.lock().blocks() {
                let id = block.id();
                let too_late =
                    || found.len() >= limit && found.last_key_value().is_none_or(|(last, _)| id > *last);
                if after.is_some_and(|after| id <= after) || block.expires_at() <= now || too_late() {
                    continue;
                }
                if block.matches(filter, &self.names) {
                    found.insert(id, block.record(&self.names));
                    if found.len() > limit {
                        found.pop_last();
                    }
                }
            }
            if number % TURN == TURN - 1 {
                let_others().await;
            }
        }
        Ok(found.into_values().collect())
    }

    async fn sweep(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let mut gone = 0;
        for (number, shard) in self.shards.iter().enumerate() {
            if gone >= limit {
                break;
            }
            gone += shard.lock().sweep(limit - gone, now, &self.room);
            if number % TURN == TURN - 1 {
                let_others().await;
            }
        }
        Ok(gone)
    }
}

/// Lets other tasks run, whatever the runtime is.
async fn let_others() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
