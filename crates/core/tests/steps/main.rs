//! How steps are carried out: races, writes whose outcome nobody knows, and what must come again byte for byte.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod bed;
mod format;
mod races;
mod same_bytes;
mod split;
mod standings;
mod unknown;
