//! Numbers that do not come twice: where revisions are drawn.
//!
//! No token rests on them, so what the standard library seeds its maps with is enough, and it cannot fail.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// A source of such numbers.
#[derive(Debug)]
pub(crate) struct Numbers(RandomState, AtomicU64);

impl Numbers {
    pub(crate) fn new() -> Self {
        Self(RandomState::new(), AtomicU64::new(0))
    }

    /// The next one, of 64 random bits.
    pub(crate) fn next(&self) -> u64 {
        self.0.hash_one(self.1.fetch_add(1, Ordering::Relaxed))
    }
}
