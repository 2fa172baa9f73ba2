//! The store for many processes over one MongoDB replica set.
//!
//! ```no_run
//! # async fn example() -> Result<(), grantor_core::store::StoreError> {
//! use grantor_store_mongodb::{MongoStore, Options};
//!
//! let url = "mongodb://grantor:password@127.0.0.1:27017/grantor?replicaSet=rs0&authSource=admin";
//! let store = MongoStore::open(&Options::parse(url)?).await?;
//! // ... serve ...
//! store.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! - A record is a document. Each write is one conditional command on it, confirmed by the journals of a majority.
//! - The expiry that counts is compared in the filter and in code; the TTL index only clears up, later.
//! - [`Options`] has every setting; [`migrate`] brings older indexes to this release's.
//!
//! A store belongs to the tokio runtime that it was opened in.

mod call;
mod clock;
mod collections;
mod document;
mod failure;
mod index;
mod options;
mod random;
mod schema;
mod server;
mod store;

/// What [`MongoStore::with_client`] takes.
pub use mongodb;
pub use options::{Migrate, Options, Reads};
pub use schema::Migration;

use std::fmt;
use std::time::Duration;

use grantor_core::store::{Record, Revision, StoreError};
use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::options::Hint;

use crate::call::Caller;
use crate::collections::Collections;
use crate::server::Server;

/// The largest body, in bytes.
const MAX_BODY: usize = 1 << 20;

/// A [`Store`](grantor_core::store::Store) in collections of a MongoDB database.
pub struct MongoStore {
    client: Client,
    collections: Collections,
    caller: Caller,
    server: Server,
    margin: Duration,
}

impl fmt::Debug for MongoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoStore")
            .field("target", &self.caller.target)
            .field("promises", &self.server.promises)
            .finish_non_exhaustive()
    }
}

/// Brings the indexes to those of this release. Make a backup first: there is no way back.
///
/// # Errors
/// The server cannot be reached, the collections belong to a newer release, or the server refused.
pub async fn migrate(options: &Options) -> Result<Migration, StoreError> {
    let client = options.client().await?;
    let (collections, caller) = parts(&client, options, false);
    let done = schema::migrate(&collections, &caller).await;
    client.shutdown().immediate(true).await;
    Ok(done?)
}

fn parts(client: &Client, options: &Options, driver_retries: bool) -> (Collections, Caller) {
    let database = client.database(&options.database);
    let collections = Collections::of(&database, &options.names, options.deadline);
    (collections, Caller::new(options.target(), options.deadline, options.connections, driver_retries))
}

impl MongoStore {
    /// Connects, asks what the server is, and makes the indexes where there are none.
    ///
    /// # Errors
    /// The server cannot be reached or refuses, is not the primary, or the indexes are older ([`Migrate::Manual`]) or newer
    /// than this release.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        Self::over(options.client().await?, options, false).await
    }

    /// The same over a client of yours, in the database of the options. The store sets read and write concerns itself.
    ///
    /// Your client may try writes again by itself (`retryWrites`, its default): then more errors are unknown.
    ///
    /// # Errors
    /// As of [`MongoStore::open`].
    pub async fn with_client(client: Client, options: &Options) -> Result<Self, StoreError> {
        Self::over(client, options, true).await
    }

    async fn over(client: Client, options: &Options, driver_retries: bool) -> Result<Self, StoreError> {
        let (collections, caller) = parts(&client, options, driver_retries);
        let server = server::ask(&client, &caller, options).await?;
        schema::prepare(&collections, &caller, options.migrate).await?;
        Ok(Self { client, collections, caller, server, margin: options.margin })
    }

    /// Closes the client, also one of yours. Later calls get an error.
    pub async fn close(&self) {
        self.client.clone().shutdown().immediate(true).await;
    }

    fn read(&self, document: &Document) -> Result<(Record, Revision), StoreError> {
        document::read(document).ok_or_else(|| {
            StoreError::nothing_written(format!(
                "MongoDB {}: a document is no record: somebody else writes to this collection",
                self.caller.target
            ))
        })
    }
}

/// A filter on a name and more is answered from the index of names, whatever other indexes there are.
fn by_name() -> Hint {
    Hint::Keys(doc! { "_id": 1 })
}

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
