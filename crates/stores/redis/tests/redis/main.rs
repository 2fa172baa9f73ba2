//! The Redis store beyond the store suite.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod tls;
