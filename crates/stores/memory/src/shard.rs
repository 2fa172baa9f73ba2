//! One of the many small tables that hold the records.
//!
//! Small, so that the growth of one delays nobody for long. Whoever writes also looks at a few places of the table, goes on
//! where the last one stopped, and drops what has expired; so what nobody asks for again goes too, without a thread.

use grantor_core::Timestamp;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::block::{Block, KEY};
use crate::room::{Charge, Full, Room};

/// Places that each write looks at.
const GLANCE: usize = 8;
/// Places that a write looks at while it keeps finding expired records.
const LONG_GLANCE: usize = 128;

/// A part of the records.
#[derive(Default)]
pub(crate) struct Shard {
    table: HashTable<Slot>,
    /// Where the next write looks.
    hand: usize,
    /// The next revision. It starts anywhere and only counts up.
    revision: u64,
}

struct Slot {
    block: Block,
    hash: u32,
    /// The second of the expiry, so that looking for expired records need not follow each pointer. What lies outside of
    /// the range stands at its end.
    second: u32,
}

impl Slot {
    fn new(block: Block, hash: u32) -> Self {
        let second = second(block.expires_at());
        Self { block, hash, second }
    }

    fn is_expired(&self, now: Timestamp) -> bool {
        self.second <= second(now) && self.block.expires_at() <= now
    }
}

fn second(at: Timestamp) -> u32 {
    u32::try_from(at.as_secs().max(0)).unwrap_or(u32::MAX)
}

/// The table takes the place from the lower and a tag from the upper bits.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

fn hash_of(slot: &Slot) -> u64 {
    spread(slot.hash)
}

impl Shard {
    pub(crate) fn starting_at(revision: u64) -> Self {
        Self { revision, ..Self::default() }
    }

    pub(crate) fn next_revision(&mut self) -> u64 {
        self.revision = self.revision.wrapping_add(1);
        self.revision
    }

    /// The live record with this key.
    pub(crate) fn find(&self, hash: u32, key: &[u8; KEY], now: Timestamp) -> Option<&Block> {
        let found = self.table.find(spread(hash), |slot| slot.hash == hash && slot.block.has_key(key))?;
        (!found.is_expired(now)).then_some(&found.block)
    }

    /// Puts a block in the place of what has its key, whether that has expired or not.
    pub(crate) fn put(&mut self, hash: u32, key: &[u8; KEY], block: Block, room: &Room) -> Result<(), Full> {
        let new = Charge::of(&block);
        let same = |slot: &Slot| slot.hash == hash && slot.block.has_key(key);
        match self.table.entry(spread(hash), same, hash_of) {
            Entry::Occupied(mut place) => {
                room.swap(Charge::of(&place.get().block), new)?;
                *place.get_mut() = Slot::new(block, hash);
            }
            Entry::Vacant(place) => {
                room.swap(Charge::default(), new)?;
                place.insert(Slot::new(block, hash));
            }
        }
        Ok(())
    }

    /// Removes what has this key; whether that was alive.
    pub(crate) fn remove(&mut self, hash: u32, key: &[u8; KEY], now: Timestamp, room: &Room) -> bool {
        let same = |slot: &Slot| slot.hash == hash && slot.block.has_key(key);
        let Ok(place) = self.table.find_entry(spread(hash), same) else { return false };
        let (slot, _) = place.remove();
        give_back(&slot, room);
        !slot.is_expired(now)
    }

    /// Looks at a few places, drops what has expired there, and gives memory back that is no longer needed.
    pub(crate) fn tend(&mut self, now: Timestamp, room: &Room) {
        let places = self.table.num_buckets();
        let mut left = GLANCE.min(places);
        let mut more = LONG_GLANCE.min(places) - left;
        while left > 0 {
            left -= 1;
            self.hand = if self.hand + 1 < places { self.hand + 1 } else { 0 };
            if self.drop_expired_at(self.hand, now, room) {
                let further = more.min(2);
                more -= further;
                left += further;
            }
        }
        self.shrink();
    }

    /// Drops up to `limit` expired records; how many went.
    pub(crate) fn sweep(&mut self, limit: usize, now: Timestamp, room: &Room) -> usize {
        let mut gone = 0;
        for place in 0..self.table.num_buckets() {
            if gone >= limit {
                break;
            }
            gone += usize::from(self.drop_expired_at(place, now, room));
        }
        self.shrink();
        gone
    }

    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.table.iter().map(|slot| &slot.block)
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Places in the table: what a sweep costs.
    pub(crate) fn places(&self) -> usize {
        self.table.num_buckets()
    }

    fn drop_expired_at(&mut self, place: usize, now: Timestamp, room: &Room) -> bool {
        if !self.table.get_bucket(place).is_some_and(|slot| slot.is_expired(now)) {
            return false;
        }
        let Ok(entry) = self.table.get_bucket_entry(place) else { return false };
        let (slot, _) = entry.remove();
        give_back(&slot, room);
        true
    }

    /// A table that is three quarters empty gets a smaller one, an empty one none.
    fn shrink(&mut self) {
        let (len, capacity) = (self.table.len(), self.table.capacity());
        if len == 0 {
            if capacity > 0 {
                self.table = HashTable::new();
            }
        } else if capacity > 16 && len < capacity / 4 {
            self.table.shrink_to(len + len / 2, hash_of);
        }
    }
}

fn give_back(slot: &Slot, room: &Room) {
    // Taking less is always possible.
    let _ = room.swap(Charge::of(&slot.block), Charge::default());
}
