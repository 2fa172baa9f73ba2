//! The command line: one file for each command.
//!
//! All but `serve` and `dev` act on the store, so a running server knows what they did as soon as it reads it again.

mod client;
mod config;
mod consent;
mod context;
mod dev;
mod grant;
mod import;
mod input;
mod maintenance;
mod not_before;
mod output;
mod serve;
mod session;
mod stores;
mod token;
mod user;

use std::ffi::OsString;
use std::path::Path;

use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::failure::Failure;
use context::Context;

/// An OAuth 2.0 authorization server.
///
/// `grantor dev` tries it out, `grantor serve` runs it. All other commands act on its store, also while it runs.
#[derive(Debug, Parser)]
#[command(name = "grantor", version, max_term_width = 100, propagate_version = true)]
pub(crate) struct Cli {
    /// The configuration file. Without it `grantor.toml` in this folder, if there is one.
    #[arg(long, global = true, env = "GRANTOR_CONFIG", value_name = "FILE")]
    config: Option<OsString>,
    /// Print JSON where something is listed, shown or made.
    #[arg(long, global = true)]
    json: bool,
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
    /// Show what each store promises, as docs/stores.md does.
    Stores,
    /// Make, list, show, change, disable and delete clients.
    #[command(subcommand)]
    Client(Box<client::Command>),
    /// Make, list, show, change, disable and delete users.
    #[command(subcommand)]
    User(user::Command),
    /// Tell what a token is, or end it. The token is read from standard input.
    #[command(subcommand)]
    Token(token::Command),
    /// List, show and end grants: what users allowed clients.
    #[command(subcommand)]
    Grant(grant::Command),
    /// Withdraw what a user allowed a client.
    #[command(subcommand)]
    Consent(consent::Command),
    /// List and end logins in browsers.
    #[command(subcommand)]
    Session(session::Command),
    /// End everything that was issued up to now: of all, of a user, or of a client.
    NotBefore(not_before::Args),
    /// Take over clients and live tokens from a python-oauth2 store. Without --write it only says what it would do.
    Import(import::Args),
    /// Bring the store to the schema of this release. Make a backup first.
    Migrate,
    /// Delete what has expired from the store. A running server does it too.
    Sweep,
}

/// Runs the command.
///
/// # Errors
/// What went wrong; the exit code of [`Failure`] tells mistakes of the caller from others.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    // An empty variable is how scripts say that there is none.
    let file = cli.config.as_deref().filter(|name| !name.is_empty()).map(Path::new);
    let load = || Config::load(file).map_err(|problems| Failure::config(&problems));
    let context = || Ok::<_, Failure>(Context::new(load()?, cli.json));
    match cli.command {
        Command::Dev(args) => dev::run(&args, file),
        Command::Serve(args) => serve::run(&args, file),
        Command::Config(args) => config::run(&args, load),
        Command::Stores => stores::run(cli.json),
        Command::Client(command) => context()?.run(async |own| client::run(own, *command).await),
        Command::User(command) => context()?.run(async |own| user::run(own, command).await),
        Command::Token(command) => context()?.run(async |own| token::run(own, command).await),
        Command::Grant(command) => context()?.run(async |own| grant::run(own, command).await),
        Command::Consent(command) => context()?.run(async |own| consent::run(own, command).await),
        Command::Session(command) => context()?.run(async |own| session::run(own, command).await),
        Command::NotBefore(args) => context()?.run(async |own| not_before::run(own, args).await),
        Command::Import(args) => context()?.run(async |own| import::run(own, args).await),
        Command::Migrate => maintenance::migrate(&load()?),
        Command::Sweep => context()?.run(async |own| maintenance::sweep(own).await),
    }
}
