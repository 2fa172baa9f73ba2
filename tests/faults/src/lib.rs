//! grantor as a whole, a provider over a store in several processes, while requests race, processes are killed and stores fail.
//!
//! - [`setting`]: which engine, or which engines together, started for the run
//! - [`host`]: the process under test; [`process`] starts, commands and kills it
//! - [`http`], [`app`]: what a client does, over connections that are kept
//! - [`network`]: fault proxies between host and engines
//! - [`history`]: what was done and answered, and the model that says which answers are impossible
//! - [`report`]: the table
//! - [`faults`]: one file for each family of faults
//!
//! # To add a fault
//! 1. A file in `faults/` with an async function over a [`Bed`](faults::Bed).
//! 2. A row in `faults::ALL`.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a harness stops loudly where it cannot go on"
)]

pub mod app;
pub mod exit;
pub mod faults;
pub mod history;
pub mod host;
pub mod http;
pub mod network;
pub mod process;
pub mod report;
pub mod setting;

/// What went wrong, to be printed.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// The outcome of what may go wrong outside of grantor.
pub type Result<T> = std::result::Result<T, Error>;
