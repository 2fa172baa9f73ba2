//! Programs about stores: a slow one, one that fails, and one's own.

use std::sync::Arc;
use std::time::Duration;

use grantor::legacy::Password;
use grantor::memory::MemoryStore;
use grantor::store::{Created, Key, Promises, Record, Removed, Replaced, Revision, Stage, Store, StoreError};
use grantor::{
    BoxError, ClientCredentials, Clock as _, ProviderBuilder, Secret, StoredClients, SystemClock, Timestamp,
    async_trait,
};

use crate::accounts::{self, Users};
use crate::file_store::FileStore;
use crate::grants::{MONTH, code, profile_with_default, refresh, secs};
use crate::site::Page;
use crate::{Args, Program};

/// Their names.
pub(crate) const PROGRAMS: [&str; 3] = ["slow_store", "failing_store", "own_store"];

/// The programs of this file.
pub(crate) fn program(args: &Args) -> Result<Program, BoxError> {
    let base = args.provider()?;
    Program::of(match args.program.as_str() {
        "slow_store" => base
            .store(Wrapped { inner: MemoryStore::new(), delay: Duration::from_millis(50), refuses: false })
            .grant(code(3600))
            .grant(refresh(MONTH).retry_window(secs(10))),
        "failing_store" => base
            .store(Wrapped { inner: MemoryStore::new(), delay: Duration::ZERO, refuses: true })
            .site(Page { fails_on_boom: true, ..Page::default() })
            .grant(code(3600))
            .grant(ClientCredentials::new()),
        _ => {
            let folder = args.store.as_deref().ok_or("own_store needs --store FOLDER")?;
            let store: Arc<dyn Store> = Arc::new(FileStore::open(folder)?);
            settings(base)?.clients(clients_in(&store)?).shared_store(store)
        }
    })
}

/// The grants of the programs whose stores keep what they hold.
pub(crate) fn settings(base: ProviderBuilder) -> Result<ProviderBuilder, BoxError> {
    Ok(base
        .scopes(profile_with_default()?)
        .key(Secret::from("the key of an example, not of a server that anybody uses"))
        .grant(code(3600))
        .grant(Password::new(Users).access_token_lifetime(secs(600)).unique_tokens())
        .grant(refresh(MONTH).retry_window(secs(1))))
}

/// The clients in this store. They are written once; a second process or start finds them.
pub(crate) fn clients_in(store: &Arc<dyn Store>) -> Result<StoredClients, BoxError> {
    let clients = StoredClients::new(Arc::clone(store), Duration::from_secs(1));
    for client in accounts::clients()? {
        wait(clients.create(&client, SystemClock.now()))?;
    }
    Ok(clients)
}

/// Waits for a store, before the program serves.
pub(crate) fn wait<T>(store: impl Future<Output = T>) -> T {
    tokio::runtime::Handle::current().block_on(store)
}

/// A memory store with latency, or one that refuses to write tokens (codes can be written).
#[derive(Debug)]
struct Wrapped {
    inner: MemoryStore,
    delay: Duration,
    refuses: bool,
}

impl Wrapped {
    async fn pass(&self, writes: Option<&Record>) -> Result<(), StoreError> {
        if self.refuses && writes.is_some_and(|record| record.stage == Stage::Live) {
            return Err(StoreError::nothing_written("secret-host-17 refuses to write"));
        }
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Wrapped {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        self.pass(None).await?;
        self.inner.load(key, now).await
    }
    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        self.pass(Some(record)).await?;
        self.inner.create(record, now).await
    }
    async fn replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        self.pass(Some(record)).await?;
        self.inner.replace(record, loaded, now).await
    }
    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        self.pass(None).await?;
        self.inner.remove(key, now).await
    }
    fn promises(&self) -> Promises {
        self.inner.promises()
    }
}
