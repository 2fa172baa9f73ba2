//! Revisions: numbers that nobody can guess, each new.
//!
//! No token rests on them, so what the standard library seeds its maps with is enough, and it cannot fail.

use std::hash::{BuildHasher as _, RandomState};

/// With 63 bits two of a key do not meet, whatever was removed, restored or written by another process in between.
pub(crate) fn new_revision() -> i64 {
    (RandomState::new().hash_one(0_u8) >> 1).cast_signed()
}
