//! Revisions: random numbers, a new one for each write.
//!
//! A counter in the item would begin again after a loss, and a revision could return. Numbers of one process never meet, for
//! they come from a counter by a one-to-one mixing; those of two meet by chance alone, one in 2⁶⁴.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use grantor_core::store::Revision;

use crate::client::mix;

#[derive(Debug)]
pub(crate) struct Revisions(AtomicU64);

impl Revisions {
    /// Starts where nobody can guess. No token rests on it, so the seed of the standard library's maps is enough.
    pub(crate) fn new() -> Self {
        let random = RandomState::new();
        Self(AtomicU64::new(random.hash_one(std::process::id())))
    }

    pub(crate) fn next(&self) -> Revision {
        Revision::from_number(mix(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}
