//! The ready server `grantor`: an authorization server in one command, and the commands to run it.
//!
//! The map: `cli/` has one file for each command, `config/` one for each section of the configuration; `registry/` knows
//! the stores by the scheme of their URL, a file for each; `app.rs` puts everything together. `server.rs` runs it: `http/` has connections and
//! routes, `site/` login, consent and account, `pages/` the templates, `demo/` the client of `grantor dev`. In builds with the feature `test-hooks` a
//! running server takes an offset of its clock and faults of its store from a control file.

mod app;
mod body;
mod cli;
mod clients;
mod config;
mod deadline;
mod demo;
mod failure;
mod hooks;
mod http;
mod pages;
mod passwords;
mod registry;
mod secrets;
mod server;
mod site;
mod telemetry;
mod users;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

/// Gives memory of expired records back to the system, and is quicker with many small ones (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "grantor: {failure}");
            ExitCode::from(failure.code())
        }
    }
}
