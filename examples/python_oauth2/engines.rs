//! Programs whose stores are servers: memcached, Redis, MongoDB.

use std::sync::Arc;

use grantor::memcached::{self, MemcachedStore};
use grantor::memory::MemoryStore;
use grantor::mongodb::{self, MongoStore};
use grantor::redis::{self, RedisStore};
use grantor::store::{SplitStore, Store};
use grantor::{BoxError, ProviderBuilder};

use crate::stores::{clients_in, settings, wait};
use crate::{Args, Program};

/// Their names.
pub(crate) const PROGRAMS: [&str; 5] =
    ["memcache_client", "memcache_servers", "redis_store", "mongodb", "mixed_stores"];

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
        "redis_store" => {
            let store = Arc::new(wait(RedisStore::open(&redis::Options::parse(url)?))?);
            base.clients(clients_in(&(Arc::clone(&store) as _))?).shared_store(store)
        }
        "mongodb" => {
            // Codes in a collection, tokens in another, clients in a third.
            let codes = open_mongodb(&mongodb::Options::parse(url)?.collection("seed_codes")?)?;
            let options = mongodb::Options::parse(url)?.collection("seed_tokens")?.clients("seed_clients")?;
            let tokens = open_mongodb(&options)?;
            base.clients(clients_in(&tokens)?).store(SplitStore::new(codes, tokens))
        }
        _ => {
            let (mongodb, memcached) = url
                .rsplit_once(",memcached:")
                .ok_or("--store needs two URLs: mongodb://..,memcached://..")?;
            let keeps = open_mongodb(&mongodb::Options::parse(mongodb)?)?;
            let codes: Arc<dyn Store> = Arc::new(MemoryStore::new());
            let tokens = Arc::new(MemcachedStore::new(&servers(&format!("memcached:{memcached}"))?));
            // Clients are in MongoDB, and so is what was disabled: memcached could forget it.
            base.clients(clients_in(&keeps)?).store(SplitStore::new(codes, tokens)).standing_store(keeps)
        }
    })
}

fn open_mongodb(options: &mongodb::Options) -> Result<Arc<dyn Store>, BoxError> {
    Ok(Arc::new(wait(MongoStore::open(options))?))
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
