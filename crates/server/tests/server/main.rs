//! The real server as a process, over real sockets: its pages, its limits, its end, and commands beside it.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../program/mod.rs"]
mod program;

mod accounts;
mod commands;
mod connections;
mod crash;
mod flow;
mod forms;
mod hooks;
mod support;
