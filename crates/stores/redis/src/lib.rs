//! The store in Redis: one server, a master behind Sentinels, or a Cluster. One key for each record, one command or script for
//! each write.
//!
//! ```no_run
//! # async fn example() -> Result<(), grantor_core::store::StoreError> {
//! use grantor_store_redis::{Options, RedisStore};
//!
//! let store = RedisStore::open(&Options::parse("redis://127.0.0.1:6379/0?prefix=grantor:")?).await?;
//! // ... serve ...
//! store.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! - All calls to a server go over one connection at once; when it breaks, the next call makes it anew.
//! - Each call has a deadline. After it a write is unknown, unless nothing had been sent.
//! - What the engine says about itself at opening decides what is promised: see the README.
//! - [`Options`] has every setting. The store needs tokio.

mod dial;
mod doubts;
mod entry;
mod facts;
mod failure;
mod index;
mod learn;
mod link;
mod nodes;
mod options;
mod random;
mod record;
mod script;
mod slots;
mod target;

pub use grantor_store_tls::Tls;
pub use options::Options;
/// The client library, for [`RedisStore::with_client`] and [`RedisStore::with_cluster`].
pub use redis;

use std::sync::Arc;

use async_trait::async_trait;
use grantor_core::Timestamp;
use grantor_core::store::{
    Created, Filter, Index, Key, Promises, Record, Removed, Replaced, Revision, Store, StoreError,
};
use redis::Value;

use crate::doubts::Doubts;
use crate::facts::Facts;
use crate::failure::Failure;
use crate::index::Sets;
use crate::link::Link;
use crate::random::Numbers;
use crate::script::Scripts;
use crate::target::Target;

/// The largest body.
const MAX_BODY: usize = 1 << 20;

/// A [`Store`] in Redis.
#[derive(Debug)]
pub struct RedisStore {
    link: Arc<Link>,
    scripts: Arc<Scripts>,
    sets: Option<Sets>,
    promises: Promises,
    numbers: Numbers,
    doubts: Doubts,
}

impl RedisStore {
    /// Connects, and reads what the engine promises.
    ///
    /// # Errors
    /// The engine does not answer, is not the one that TLS was to verify, or refuses; nothing is kept of the try, and a later one may succeed.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        let target = Target::new(options).map_err(|why| why.into_error(&options.place(), "opening"))?;
        Self::start(target, options).await
    }

    /// The same with a client of the caller's, for one server. Host, login and TLS of the options are not used.
    ///
    /// # Errors
    /// As [`RedisStore::open`].
    pub async fn with_client(client: redis::Client, options: &Options) -> Result<Self, StoreError> {
        Self::start(Target::of_client(client), options).await
    }

    /// The same for a Cluster, with a client for each of some of its nodes. The others are reached as the first.
    ///
    /// # Errors
    /// As [`RedisStore::open`].
    pub async fn with_cluster(nodes: Vec<redis::Client>, options: &Options) -> Result<Self, StoreError> {
        Self::start(Target::of_nodes(nodes), options).await
    }

    async fn start(target: Target, options: &Options) -> Result<Self, StoreError> {
        let link = Arc::new(Link::new(target, options.clone()));
        let facts = Facts::read(&link).await.map_err(|why| why.into_error(&options.place(), "opening"))?;
        let durable = facts.synced && !facts.replicas && !link.is_sentinel();
        let promises = Promises {
            durable,
            keeps: facts.keeps,
            never_rewinds: durable && link.is_single(),
            max_body: MAX_BODY,
        };
        let scripts = Arc::new(Scripts::new());
        let sets = options.index.then(|| Sets::start(Arc::clone(&link), Arc::clone(&scripts)));
        Ok(Self { link, scripts, sets, promises, numbers: Numbers::new(), doubts: Doubts::default() })
    }

    /// Writes what the index still waits for. The connection goes with the store.
    pub async fn close(&self) {
        if let Some(sets) = &self.sets {
            sets.flush().await;
        }
    }

    /// A revision that no record ever had: random each time, so that a fail-over to an older state, from which others go
    /// on, brings none back. No secret rests on it.
    fn revision(&self) -> Revision {
        Revision::from_number(self.numbers.next())
    }

    fn failed(&self, why: Failure, doing: &str) -> StoreError {
        why.into_error(&self.link.options.place(), doing)
    }

    /// The value of a record, and how long the engine has to keep it: the rest by the caller's clock, and the margin.
    fn value(
        &self,
        record: &Record,
        revision: Revision,
        now: Timestamp,
    ) -> Result<(Vec<u8>, String), Failure> {
        let value = Some(record)
            .filter(|record| record.body.len() <= MAX_BODY)
            .and_then(|record| record::encode(record, revision))
            .ok_or_else(|| Failure::before(format!("the record is larger than {MAX_BODY} bytes")))?;
        let keep = record.expires_at.since(now) + self.link.options.margin;
        // 10,000 years are enough, and the engine adds its own time to it.
        let keep = keep.as_millis().clamp(1, 315_360_000_000_000);
        Ok((value, keep.to_string()))
    }

    async fn try_create(&self, record: &Record, now: Timestamp) -> Result<Created, Failure> {
        let revision = self.revision();
        let (value, keep) = self.value(record, revision, now)?;
        let name = self.name(&record.key);
        let new = script::create_new(&name, &value, &keep);
        let over = || {
            let now = now.as_millis().to_string();
            self.scripts.create.call(&name, &[now.as_bytes(), &value, keep.as_bytes()])
        };
        Ok(if self.wrote(&record.key, self.link.write_or(&new, over).await)? {
            self.note(record);
            Created::Created(revision)
        } else {
            Created::Exists
        })
    }

    async fn try_replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, Failure> {
        let revision = self.revision();
        let (value, keep) = self.value(record, revision, now)?;
        let now = now.as_millis().to_string();
        let loaded = loaded.number().to_be_bytes();
        let args = [now.as_bytes(), &value, keep.as_bytes(), &loaded];
        let call = self.scripts.replace.call(&self.name(&record.key), &args);
        Ok(if self.wrote(&record.key, self.link.write(&call).await)? {
            self.note(record);
            Replaced::Replaced(revision)
        } else {
            Replaced::Stale
        })
    }

    async fn try_remove(&self, key: &Key, now: Timestamp) -> Result<Removed, Failure> {
        let now = now.as_millis().to_string();
        let call = self.scripts.remove.call(&self.name(key), &[now.as_bytes()]);
        Ok(if self.wrote(key, self.link.write(&call).await)? { Removed::Removed } else { Removed::Absent })
    }

    async fn try_load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, Failure> {
        match self.value_of(key).await? {
            Value::Nil => Ok(None),
            Value::BulkString(value) if value.is_empty() => Ok(None),
            Value::BulkString(value) => match record::decode(key, value) {
                Some((record, revision)) => Ok(record.is_live(now).then_some((record, revision))),
                None => Err(Failure::before(
                    "a value is not of a form that this release knows: a newer release wrote it, or somebody else did",
                )),
            },
            _ => Err(Failure::before("it gave an answer that is not understood")),
        }
    }

    /// What the engine has, and its replicas too where there is doubt about that.
    async fn value_of(&self, key: &Key) -> Result<Value, Failure> {
        let name = self.name(key);
        let Some(doubt) = self.doubts.about(key) else {
            return self.link.run(redis::cmd("GET").arg(name)).await;
        };
        let value = self.link.script(&self.scripts.confirm.call(&name, &[])).await?;
        self.doubts.settle(key, doubt);
        Ok(value)
    }

    /// What a write answered: whether it wrote. Where that is not known, there is a doubt about the record from now on.
    fn wrote(&self, key: &Key, answer: Result<i64, Failure>) -> Result<bool, Failure> {
        if self.link.options.wait > 0 && answer.as_ref().is_err_and(|why| !why.nothing_written) {
            self.doubts.add(key);
        }
        answer.map(|number| number == 1)
    }

    fn name(&self, key: &Key) -> String {
        record::name(&self.link.options.prefix, key)
    }

    fn note(&self, record: &Record) {
        if let Some(sets) = &self.sets {
            sets.note(record);
        }
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        self.try_load(key, now).await.map_err(|why| self.failed(why.of_read(), "load"))
    }

    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        self.try_create(record, now).await.map_err(|why| self.failed(why, "create"))
    }

    async fn replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        self.try_replace(record, loaded, now).await.map_err(|why| self.failed(why, "replace"))
    }

    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        self.try_remove(key, now).await.map_err(|why| self.failed(why, "remove"))
    }

    fn promises(&self) -> Promises {
        self.promises
    }

    fn index(&self) -> Option<&dyn Index> {
        self.sets.as_ref().map(|_| self as &dyn Index)
    }
}

#[async_trait]
impl Index for RedisStore {
    async fn list(
        &self,
        filter: &Filter,
        after: Option<[u8; 16]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Record>, StoreError> {
        let Some(sets) = &self.sets else { return Ok(Vec::new()) };
        sets.list(filter, after, limit, now).await.map_err(|why| self.failed(why.of_read(), "list"))
    }

    async fn sweep(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let Some(sets) = &self.sets else { return Ok(0) };
        sets.sweep(limit, now).await.map_err(|why| self.failed(why, "sweep"))
    }
}

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
