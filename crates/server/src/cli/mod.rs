//! The command line: one file for each command.

mod config;
mod dev;
mod output;
mod serve;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::failure::Failure;

/// An OAuth 2.0 authorization server.
#[derive(Debug, Parser)]
#[command(name = "grantor", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// The configuration file; `grantor.toml` in this folder if there is one.
    #[arg(long, global = true, env = "GRANTOR_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try it: a server with a demo user and a demo client.
    Dev(dev::Args),
    /// Run the server.
    Serve(serve::Args),
    /// Show, check or explain the configuration.
    Config(config::Args),
}

/// Runs the command.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let file = cli.config.as_deref();
    let load = || Config::load(file).map_err(|problems| Failure::config(&problems));
    match cli.command {
        Command::Dev(args) => dev::run(&args, file),
        Command::Serve(args) => serve::run(&args, file),
        Command::Config(args) => config::run(&args, load),
    }
}
