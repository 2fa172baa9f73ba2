//! Numbers that nobody outside can guess: where revisions start, and how ids are spread over the table.
//!
//! No token rests on them, so what the standard library seeds its maps with is enough, and it cannot fail.

use std::hash::{BuildHasher as _, RandomState};

/// A source of such numbers.
pub(crate) struct Seeds(RandomState);

impl Seeds {
    pub(crate) fn new() -> Self {
        Self(RandomState::new())
    }

    /// The number of this name; two names have two that have nothing to do with each other.
    pub(crate) fn get(&self, name: (&str, usize)) -> u64 {
        self.0.hash_one(name)
    }
}
