//! The testkit itself: its faults happen, and its suites reject what is broken.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod adapters;
mod broken;
mod faults;
mod stores;
