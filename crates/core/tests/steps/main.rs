//! How steps are carried out: races, writes whose outcome nobody knows, and what must come again byte for byte.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_futures,
    reason = "a test fails by panicking, and nobody counts the bytes of its futures"
)]

mod bed;
mod format;
mod races;
mod same_bytes;
mod split;
mod unknown;
