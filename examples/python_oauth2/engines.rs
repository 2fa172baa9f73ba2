//! Programs whose stores are servers: memcached, Redis.

use std::sync::Arc;

use grantor::memcached::{self, MemcachedStore};
use grantor::memory::MemoryStore;
use grantor::redis::{self, RedisStore};
use grantor::{BoxError, ProviderBuilder};

use crate::stores::{clients_in, settings, wait};
use crate::{Args, Program};

/// Their names.
pub(crate) const PROGRAMS: [&str; 3] = ["memcache_client", "memcache_servers", "redis_store"];

/// The programs of this file.
pub(crate) fn program(args: &Args) -> Result<Program, BoxError> {
    let base = settings(args.provider()?)?;
    let program = args.program.as_str();
    let url = args.store.as_deref().ok_or_else(|| format!("{program} needs --store URL"))?;
    Program::of(match program {
        "memcache_client" => {
            let client = memcached::Client::new(&servers(url)?);
            forgetful(base, MemcachedStore::with_client(client, "seed:")?)
        }
        "memcache_servers" => forgetful(base, MemcachedStore::new(&servers(url)?)),
        _ => {
            let store = Arc::new(wait(RedisStore::open(&redis::Options::parse(url)?))?);
            base.clients(clients_in(&(Arc::clone(&store) as _))?).shared_store(store)
        }
    })
}

/// `A,B`: each the URL of a memcached server, or its `host:port`.
fn servers(list: &str) -> Result<memcached::Options, BoxError> {
    let list = list.replace("memcached://", "").replace("/,", ",");
    Ok(memcached::Options::parse(&format!("memcached://{list}"))?)
}

/// Codes and tokens in memcached, which may forget them: the user logs in again. What must not be forgotten is which clients
/// and users were disabled, so memcached is refused for it. Nothing in these programs disables anybody, as nothing in the
/// original could; an application that does takes a store that keeps, and that all its processes share.
fn forgetful(base: ProviderBuilder, store: MemcachedStore) -> ProviderBuilder {
    base.store(store).standing_store(Arc::new(MemoryStore::new()))
}
