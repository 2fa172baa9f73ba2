//! The store in memcached: fast, shared by any number of processes, and forgetful. What it loses is absent, never different:
//! the user logs in again.
//!
//! ```
//! # fn example() -> Result<(), grantor_core::store::StoreError> {
//! use grantor_store_memcached::{Client, MemcachedStore, Options};
//!
//! // It connects when it is first used:
//! let store = MemcachedStore::new(&Options::servers(["10.0.0.1:11211", "10.0.0.2:11211"])?);
//! // The same from a configuration file:
//! let options = Options::parse("memcached://10.0.0.1,10.0.0.2/?prefix=tokens:&deadline_ms=500")?;
//! // Two stores, one client:
//! let client = Client::new(&options);
//! let codes = MemcachedStore::with_client(client.clone(), "codes:")?;
//! let tokens = MemcachedStore::with_client(client, "tokens:")?;
//! # Ok(())
//! # }
//! ```
//!
//! - One item for each record, under prefix, kind and id. Who wins is decided by the engine: `ms` with mode add for
//!   [`create`](Store::create), with the CAS number for [`replace`](Store::replace).
//! - A key has one server, by rendezvous hashing or on ketama's ring. A server that is down is not replaced by another one, which would have
//!   neither its records nor its refusals: its records have errors until it is back.
//! - The client is our own: the meta protocol, pipelined, one connection for any number of callers, a deadline on each call.
//! - It cannot list records, so it has no [`Index`](grantor_core::store::Index).
//!
//! It runs under tokio.

mod client;
mod connection;
mod handshake;
mod hints;
mod options;
mod random;
mod ring;
mod secure;
mod store;
mod value;
mod wire;

pub use client::Client;
pub use grantor_store_tls::Tls;
pub use options::{Hash, Options};
pub use store::MemcachedStore;

#[cfg(doc)]
use grantor_core::store::Store;

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
