//! The old store, whichever it is: two passes, a page at a time.
//!
//! # To add one
//! A file beside this one that implements [`Source`], and its scheme in [`open`].

use async_trait::async_trait;

use super::Args;
use super::old::Old;
use crate::failure::Failure;

/// Which things are wanted; a source may give others too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    Clients,
    Tokens,
}

/// An open old store. It is only read.
#[async_trait]
pub(super) trait Source: Send {
    /// Begins a pass.
    fn begin(&mut self, pass: Pass);

    /// The next page, which may be empty; `None` at the end of the pass.
    async fn next(&mut self) -> Result<Option<Vec<Old>>, Failure>;

    /// Says goodbye.
    async fn close(self: Box<Self>) {}
}

/// Connects.
///
/// # Errors
/// What cannot be read, and what to do instead. The URL may have a password, so it is not repeated.
pub(super) async fn open(args: &Args) -> Result<Box<dyn Source>, Failure> {
    let scheme = args.from.split_once(':').map_or("", |(scheme, _)| scheme);
    if args.keys.is_some() && !["memcached", "memcacheds"].contains(&scheme) {
        return Err(Failure::usage("--keys is for memcached alone: other stores list what they have"));
    }
    match scheme {
        #[cfg(feature = "redis")]
        "redis" | "rediss" => Ok(Box::new(super::redis::Redis::open(&args.from, &args.prefix).await?)),
        #[cfg(feature = "mysql")]
        "mysql" | "mariadb" => Ok(Box::new(super::mysql::Mysql::open(&args.from).await?)),
        #[cfg(feature = "mongodb")]
        "mongodb" | "mongodb+srv" => Ok(Box::new(super::mongodb::Mongo::open(args).await?)),
        "memcached" | "memcacheds" => Ok(Box::new(super::memcached::Memcached::open(args).await?)),
        "mysqls" => Err(Failure::usage(
            "--from asks for TLS by its scheme: write mysql://user@host:port/database?tls=yes",
        )),
        _ => Err(Failure::usage(
            "--from is no store that this build can import; write redis://host:port/db, mysql://user@host:port/database, mongodb://host:port/database or memcached://host:port",
        )),
    }
}
