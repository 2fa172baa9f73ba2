//! The binary `grantor` as an operator meets it: its commands, its configuration, its files; beside a running server.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../program/mod.rs"]
mod program;

mod bad;
mod clients;
mod configuration;
mod files;
mod running;
mod support;
mod users;
