//! The old store, whichever it is: two passes, a page at a time.
//!
//! # To add one
//! A file beside this one that implements [`Source`], and its scheme in [`open`].

use async_trait::async_trait;

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
#[cfg_attr(not(feature = "redis"), expect(unused_variables, reason = "only Redis has a prefix"))]
pub(super) async fn open(url: &str, prefix: &str) -> Result<Box<dyn Source>, Failure> {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    match scheme {
        #[cfg(feature = "redis")]
        "redis" => Ok(Box::new(super::redis::Redis::open(url, prefix).await?)),
        #[cfg(feature = "mysql")]
        "mysql" | "mariadb" => Ok(Box::new(super::mysql::Mysql::open(url).await?)),
        "rediss" | "mysqls" => Err(Failure::usage(
            "import does not speak TLS to the old store; run it beside that store, or through a tunnel",
        )),
        "mongodb" | "mongodb+srv" | "memcached" | "memcache" => Err(Failure::usage(
            "import reads python-oauth2 stores in Redis and in MySQL or MariaDB; those in MongoDB and memcached it cannot read. A program of your own can, with Provider::adopt",
        )),
        _ => Err(Failure::usage(
            "--from is no store that this build can import; write redis://host:port/db or mysql://user@host:port/database",
        )),
    }
}
