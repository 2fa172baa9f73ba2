//! The store in memory: bounded, expiring, and gone with the process.
//!
//! ```
//! use grantor_store_memory::{MemoryStore, Options};
//!
//! let store = MemoryStore::new();
//! // With limits, or from a configuration file:
//! let store = MemoryStore::with(&Options::new().max_bytes(64 << 20));
//! let store = MemoryStore::with(&Options::parse("memory:?max_mib=64&max_pending_mib=16")?);
//! # Ok::<(), grantor_core::store::StoreError>(())
//! ```
//!
//! - A record is one allocation, found by a table of many small parts: 128 to 192 bytes for a client-credentials token, the
//!   same cost for a thousand and for a million.
//! - Expired records go by the caller's clock: each write looks at a few of its neighbours, and
//!   [`sweep`](grantor_core::store::Index::sweep) at all. There is no thread and no timer.
//! - Memory is bounded ([`Options`]). At the limit `create` is refused; no living record ever goes for another. Pending
//!   records, which anybody can cause, have a share of their own and cannot take the place of grants.
//! - Listing looks at every record: it suits tests and small installations.

mod block;
mod names;
mod options;
mod random;
mod room;
mod shard;
mod walk;

pub use options::Options;

use std::fmt;

use async_trait::async_trait;
use grantor_core::Timestamp;
use grantor_core::store::{
    Created, Index, Key, Promises, Record, Removed, Replaced, Revision, Store, StoreError,
};
use parking_lot::Mutex;

use crate::block::{Block, KEY};
use crate::names::Names;
use crate::random::Seeds;
use crate::room::{Charge, Full, Room};
use crate::shard::Shard;
use crate::walk::Walk;

/// Parts of the table. At a million records each has a thousand, so growing one takes microseconds.
const SHARDS: usize = 1024;
/// The largest body, and the largest client and subject.
const MAX_BODY: usize = 1 << 20;
const MAX_NAME: usize = 1 << 16;

/// A [`Store`] in the memory of this process.
pub struct MemoryStore {
    shards: Vec<Mutex<Shard>>,
    names: Names,
    room: Room,
    walk: Walk,
    /// Ids may be chosen by others (a `jti`), where they fall in the table may not.
    seeds: [u64; 2],
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("room", &self.room).finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// An empty store with the default limits.
    pub fn new() -> Self {
        Self::with(&Options::default())
    }

    /// An empty store with these limits.
    pub fn with(options: &Options) -> Self {
        let seeds = Seeds::new();
        Self {
            shards: (0..SHARDS)
                .map(|shard| Mutex::new(Shard::starting_at(seeds.get(("revision", shard)))))
                .collect(),
            names: Names::default(),
            room: Room::new(options.max_bytes, options.pending_bytes()),
            walk: Walk::default(),
            seeds: [seeds.get(("place", 0)), seeds.get(("place", 1))],
        }
    }

    /// How many records there are, expired ones that were not yet dropped among them. It looks at every part of the table.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.room.taken() == 0
    }

    /// What counts against [`Options::max_bytes`] now.
    pub fn bytes(&self) -> usize {
        self.room.taken()
    }

    /// What counts against [`Options::max_pending_bytes`] now.
    pub fn pending_bytes(&self) -> usize {
        self.room.pending()
    }

    /// The part of the table that has this key, and the key's hash in it.
    #[expect(clippy::indexing_slicing, reason = "the remainder is below the number of shards")]
    #[expect(clippy::cast_possible_truncation, reason = "a hash is made of all bits and cut into parts")]
    fn shard(&self, key: &[u8; KEY]) -> (&Mutex<Shard>, u32) {
        let [seed, other] = self.seeds;
        let (high, rest) = key.split_first_chunk().unwrap_or((&[0; 8], &[]));
        let (low, kind) = rest.split_first_chunk().unwrap_or((&[0; 8], &[]));
        let kind = kind.first_chunk().map_or(0, |kind| u64::from(u16::from_be_bytes(*kind)));
        let high = u64::from_be_bytes(*high) ^ seed ^ kind.rotate_right(16);
        let low = u64::from_be_bytes(*low) ^ other;
        // A folded product: every bit of both halves reaches every bit of the hash.
        let product = u128::from(high) * u128::from(low);
        let hash = (product >> 64) as u64 ^ product as u64;
        (&self.shards[(hash >> 32) as usize % SHARDS], hash as u32)
    }

    fn create_in(&self, record: &Record, now: Timestamp) -> Result<Created, (Full, Charge)> {
        let key = block::key(&record.key);
        let (shard, hash) = self.shard(&key);
        let mut shard = shard.lock();
        if shard.find(hash, &key, now).is_some() {
            return Ok(Created::Exists);
        }
        let revision = shard.next_revision();
        let block = Block::write(record, revision, &self.names);
        let charge = Charge::of(&block);
        shard.put(hash, &key, block, &self.room).map_err(|full| (full, charge))?;
        shard.tend(now, &self.room);
        Ok(Created::Created(Revision::from_number(revision)))
    }

    fn replace_in(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, (Full, Charge)> {
        let key = block::key(&record.key);
        let (shard, hash) = self.shard(&key);
        let mut shard = shard.lock();
        if !shard.find(hash, &key, now).is_some_and(|block| block.revision() == loaded) {
            return Ok(Replaced::Stale);
        }
        let revision = shard.next_revision();
        let block = Block::write(record, revision, &self.names);
        let charge = Charge::of(&block);
        shard.put(hash, &key, block, &self.room).map_err(|full| (full, charge))?;
        shard.tend(now, &self.room);
        Ok(Replaced::Replaced(Revision::from_number(revision)))
    }

    /// Writes; where there is no room, drops what has expired and writes again.
    fn making_room<T>(
        &self,
        now: Timestamp,
        write: impl Fn() -> Result<T, (Full, Charge)>,
    ) -> Result<T, StoreError> {
        write()
            .or_else(|(_, charge)| {
                self.make_room(charge, now);
                write()
            })
            .map_err(|(full, _)| self.no_room(full))
    }

    fn no_room(&self, full: Full) -> StoreError {
        let (what, option) = match full {
            Full::All => ("records", "max_mib"),
            Full::Pending => ("requests and codes that wait", "max_pending_mib"),
        };
        StoreError::nothing_written(format!(
            "the store in memory is full: {what} take {} KiB; more room is given by {option}",
            self.room.most(full) / 1024
        ))
    }
}

/// Refuses what one record must not have.
fn fits(record: &Record) -> Result<(), StoreError> {
    let too_long =
        |name: &Option<_>| name.as_ref().is_some_and(|name: &std::sync::Arc<str>| name.len() > MAX_NAME);
    if record.body.len() > MAX_BODY || too_long(&record.client) || too_long(&record.subject) {
        return Err(StoreError::nothing_written(format!(
            "the record {:?} is too large: its body may have {MAX_BODY} bytes, its client and subject {MAX_NAME}",
            record.key
        )));
    }
    Ok(())
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        let key = block::key(key);
        let (shard, hash) = self.shard(&key);
        let shard = shard.lock();
        Ok(shard.find(hash, &key, now).map(|block| (block.record(&self.names), block.revision())))
    }

    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        fits(record)?;
        self.making_room(now, || self.create_in(record, now))
    }

    async fn replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        fits(record)?;
        self.making_room(now, || self.replace_in(record, loaded, now))
    }

    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        let key = block::key(key);
        let (shard, hash) = self.shard(&key);
        let mut shard = shard.lock();
        let removed = shard.remove(hash, &key, now, &self.room);
        shard.tend(now, &self.room);
        Ok(if removed { Removed::Removed } else { Removed::Absent })
    }

    fn promises(&self) -> Promises {
        Promises { durable: false, keeps: true, never_rewinds: true, max_body: MAX_BODY }
    }

    fn index(&self) -> Option<&dyn Index> {
        Some(self)
    }
}

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
