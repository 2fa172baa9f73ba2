//! The protocol through `Provider::handle`, without a socket: one module per RFC or topic, one test per rule.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod adoption;
mod capture;
mod cors;
mod hostile;
#[cfg(feature = "legacy")]
mod legacy;
#[cfg(feature = "legacy")]
mod logs;
mod operators;
mod pages;
#[cfg(feature = "legacy")]
mod python_oauth2;
mod response_modes;
mod rfc6749;
mod rfc6750;
mod rfc7009;
mod rfc7591;
mod rfc7636;
mod rfc7662;
mod rfc8252;
mod rfc8414;
mod rfc9207;
mod rfc9700;
mod security;
mod support;
