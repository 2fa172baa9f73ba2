//! `grantor import`: clients and live tokens of a python-oauth2 1.1.1 store.
//!
//! Two passes over the old store, a page at a time: first the clients, then the tokens. What is kept in memory is a page
//! and the clients. Each thing is taken over on its own and a second time changes nothing, so a run that was broken off
//! is simply run again. The old store is only read.

mod keys;
mod memcached;
#[cfg(feature = "mongodb")]
mod mongodb;
#[cfg(feature = "mysql")]
mod mysql;
mod old;
mod pickle;
#[cfg(feature = "redis")]
mod redis;
mod report;
mod source;
mod take;
mod tls;

use std::path::PathBuf;
use std::time::Duration;

use grantor::AuthMethod;

use super::client::duration;
use super::context::Own;
use super::output;
use super::token::NoSite;
use crate::config::auth_method;
use crate::failure::Failure;
use old::{Old, What};
use report::Report;
use source::Pass;
use take::Taker;

/// What to take over, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The old store: redis://host:port/db, mysql://user@host:port/database, mongodb://user@host:port/database or
    /// memcached://host:port,host:port. TLS is asked for by tls=yes&ca=FILE (MongoDB: tls=true&tlsCAFile=FILE). Other
    /// users of this machine see the command line, so a URL with a password goes into the variable.
    #[arg(long, env = "GRANTOR_IMPORT_FROM", hide_env_values = true, value_name = "URL")]
    from: String,
    /// What the keys of the old store begin with (Redis, memcached): the `prefix` that its stores were given.
    #[arg(long, default_value = "oauth2", value_name = "TEXT")]
    prefix: String,
    /// What memcached is asked for, as it cannot list its keys: a file, or - for standard input, with a line for each old
    /// token, for each `CLIENT_GRANT_USER`, or for each answer of `lru_crawler metadump all`.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// The collection of tokens in MongoDB.
    #[cfg(feature = "mongodb")]
    #[arg(long, default_value = "access_tokens", value_name = "NAME")]
    token_collection: String,
    /// The collection of clients in MongoDB.
    #[cfg(feature = "mongodb")]
    #[arg(long, default_value = "clients", value_name = "NAME")]
    client_collection: String,
    /// The collection of authorization codes in MongoDB, which are only counted.
    #[cfg(feature = "mongodb")]
    #[arg(long, default_value = "auth_codes", value_name = "NAME")]
    code_collection: String,
    /// How long tokens live on that had no end.
    #[arg(long, default_value = "30d", value_name = "DURATION", value_parser = duration)]
    end_of_endless: Duration,
    /// How the clients authenticate: `client_secret_post`, as python-oauth2 has it by default, or `client_secret_basic`.
    #[arg(long, default_value = "client_secret_post", value_name = "METHOD", value_parser = method)]
    auth_method: AuthMethod,
    /// Do it. Without this nothing is written.
    #[arg(long)]
    write: bool,
}

fn method(text: &str) -> Result<AuthMethod, String> {
    match auth_method(text) {
        Ok(method) if method != AuthMethod::NONE => Ok(method),
        _ => Err("write client_secret_post or client_secret_basic".into()),
    }
}

/// Takes over, and reports.
pub(super) async fn run(own: &Own, args: Args) -> Result<(), Failure> {
    if args.write && !own.app.config.policy.imported_tokens {
        return Err(Failure::usage(
            "set imported_tokens = true in [policy] first and restart the server; otherwise the old tokens would be taken over and not work",
        ));
    }
    let mut source = source::open(&args).await?;
    let provider = own.app.provider(NoSite).await?;
    let mut report = Report::new(args.write);
    let mut taker = Taker::new(own, &provider, &args);
    for pass in [Pass::Clients, Pass::Tokens] {
        source.begin(pass);
        while let Some(page) = source.next().await? {
            for old in page {
                match old {
                    Old::Client(client) if pass == Pass::Clients => taker.client(client, &mut report).await?,
                    Old::Token(token) if pass == Pass::Tokens => taker.token(token, &mut report).await?,
                    // A source that gives everything in both passes is counted once.
                    Old::Left(what, why, many) if (what == What::Client) == (pass == Pass::Clients) => {
                        report.skipped(what, why, many);
                    }
                    _ => {}
                }
            }
        }
    }
    source.close().await;
    if own.json { output::json(&report.json()) } else { output::text(&report.text()) }
}
