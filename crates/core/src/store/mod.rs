//! The store port: versioned records that expire, swapped one at a time.
//!
//! # The contract, in ten sentences
//!
//! 1. A record is present from `create` until `remove` or its expiry, by the caller's clock (`now`), not the engine's.
//! 2. For an absent key exactly one of any number of `create` calls, over all tasks and processes, answers
//!    [`Created::Created`].
//! 3. [`Store::replace`] needs the record to be present and its revision to be the one that was loaded; of any number of
//!    callers with one revision exactly one wins, the others get [`Replaced::Stale`].
//! 4. Revisions are the store's own, opaque, and never return for a key, not even after remove and create.
//! 5. For a present record exactly one `remove` answers [`Removed::Removed`]; every `replace` with an older revision is
//!    [`Replaced::Stale`] afterwards.
//! 6. A load sees all writes that were acknowledged before it.
//! 7. `Ok` is as durable as [`Store::promises`] says.
//! 8. A write that ends in `Err` is *unknown*: it may have happened, may happen a little later, or never, unless
//!    [`StoreError::nothing_written`] is set, which says that it did not and will not happen.
//! 9. A loss may make a record absent, never different; a store that can rewind to an older state says so.
//! 10. Bodies come back unchanged and unread; the [`Index`] may lag and decides nothing.
//!
//! `grantor_testkit::store_suite!` has a test for each sentence. A store that passes it can carry every grant type, for
//! no operation of the protocol touches two records at once.
//!
//! # To add a store
//! 1. One type that implements [`Store`], with the engine's compare-and-swap behind [`Store::replace`].
//! 2. `tests/suite.rs` with the one line `grantor_testkit::store_suite!(..)`.
//! 3. A feature in the facade and a line in the server's registry of URL schemes.

pub mod options;
mod record;
mod split;
mod together;
mod typed;

pub use record::{Key, Kind, Record, Revision, Stage};
pub use split::SplitStore;
pub(crate) use together::Together;
#[cfg(test)]
pub(crate) use typed::testing;
pub(crate) use typed::{Body, Loaded, load};

use std::fmt;

use async_trait::async_trait;

use crate::clock::Timestamp;

/// Keeps versioned records that expire and swaps one record at a time if nobody else did meanwhile.
///
/// The contract stands in the [module documentation](self).
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// The record and its revision, or `None` where there is none that is alive at `now`.
    ///
    /// # Errors
    /// [`StoreError`] where the engine does not answer. "Not found" is no error.
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError>;

    /// Writes a record whose key is absent (or expired) at `now`.
    ///
    /// # Errors
    /// [`StoreError`]; unknown unless it says that nothing was written.
    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError>;

    /// Writes the record if it is present at `now` and still has the revision `loaded`.
    ///
    /// # Errors
    /// [`StoreError`]; unknown unless it says that nothing was written.
    async fn replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError>;

    /// Removes the record whatever its revision.
    ///
    /// # Errors
    /// [`StoreError`]; unknown unless it says that nothing was written.
    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError>;

    /// What this store promises in its present configuration.
    fn promises(&self) -> Promises;

    /// The listing of records, where the store has one.
    fn index(&self) -> Option<&dyn Index> {
        None
    }
}

/// The outcome of [`Store::create`].
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The record is written and has this revision.
    Created(Revision),
    /// A live record has this key; nothing was written.
    Exists,
}

/// The outcome of [`Store::replace`].
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// The record is written and has this revision.
    Replaced(Revision),
    /// The record is absent, expired, or has another revision; nothing was written.
    Stale,
}

/// The outcome of [`Store::remove`].
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// The record was there and is gone; nobody else gets this answer for it.
    Removed,
    /// There was no live record.
    Absent,
}

/// What a store promises. Core refuses at build what a part needs and its store does not promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promises {
    /// An acknowledged write survives the sudden end of the process and of the engine.
    pub durable: bool,
    /// Nothing goes before its expiry: no eviction. Without it a claimed `jti` could be claimed again.
    pub keeps: bool,
    /// No fail-over or restart brings back an older state.
    pub never_rewinds: bool,
    /// The largest body, in bytes.
    pub max_body: usize,
}

/// A store did not do what it was asked.
///
/// The message is for the operator's log; it is never sent to a client.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// `true` where the write certainly did not happen and will not happen; `false` means unknown.
    pub nothing_written: bool,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// An error after which nobody knows whether the write happened.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self { nothing_written: false, message: message.into(), source: None }
    }

    /// An error of which it is certain that nothing was written (also the error of every read).
    pub fn nothing_written(message: impl Into<String>) -> Self {
        Self { nothing_written: true, message: message.into(), source: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// Lists records and sweeps expired ones. It may lag and decides nothing.
#[async_trait]
pub trait Index: fmt::Debug + Send + Sync {
    /// Up to `limit` live records that match, in the order of their ids, after the id `after`.
    ///
    /// # Errors
    /// [`StoreError`] where the engine does not answer.
    async fn list(
        &self,
        filter: &Filter,
        after: Option<[u8; 16]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Record>, StoreError>;

    /// Deletes up to `limit` records that expired before `now`; answers how many went.
    ///
    /// # Errors
    /// [`StoreError`] where the engine does not answer.
    async fn sweep(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError>;
}

/// Which records [`Index::list`] is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The kind of record.
    pub kind: Kind,
    /// Only records of this client.
    pub client: Option<String>,
    /// Only records of this subject.
    pub subject: Option<String>,
}

impl Filter {
    /// All records of a kind.
    pub fn kind(kind: Kind) -> Self {
        Self { kind, client: None, subject: None }
    }

    /// Only those of this client.
    #[must_use]
    pub fn client(mut self, client: impl Into<String>) -> Self {
        self.client = Some(client.into());
        self
    }

    /// Only those of this subject.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Whether a record matches.
    pub fn matches(&self, record: &Record) -> bool {
        record.key.kind == self.kind
            && self.client.as_deref().is_none_or(|wanted| record.client.as_deref() == Some(wanted))
            && self.subject.as_deref().is_none_or(|wanted| record.subject.as_deref() == Some(wanted))
    }
}
