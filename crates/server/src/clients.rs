//! Clients: those of the configuration file, and behind them those of the store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantor::store::{Store, StoreError};
use grantor::{Client, ClientId, ClientStore, StaticClients, StoredClients, Timestamp};

/// The clients of the file before those of the store. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    of_file: Arc<StaticClients>,
    stored: Arc<StoredClients>,
}

impl Clients {
    /// These, and those of the store, of which a copy may be `copies_for` old.
    pub(crate) fn new(of_file: Vec<Client>, store: Arc<dyn Store>, copies_for: Duration) -> Self {
        Self {
            of_file: Arc::new(StaticClients::new(of_file)),
            stored: Arc::new(StoredClients::new(store, copies_for)),
        }
    }

    /// The client of the file with this identifier.
    pub(crate) fn of_file(&self, id: &ClientId) -> Option<&Arc<Client>> {
        self.of_file.iter().find(|client| client.client_id == *id)
    }

    /// All clients of the file, by identifier.
    pub(crate) fn all_of_file(&self) -> Vec<Arc<Client>> {
        let mut all: Vec<Arc<Client>> = self.of_file.iter().cloned().collect();
        all.sort_by(|a, b| a.client_id.cmp(&b.client_id));
        all
    }

    /// Those of the store, to list and change them.
    pub(crate) fn stored(&self) -> &StoredClients {
        &self.stored
    }
}

#[async_trait]
impl ClientStore for Clients {
    async fn find(&self, id: &ClientId, now: Timestamp) -> Result<Option<Arc<Client>>, StoreError> {
        match self.of_file(id) {
            Some(client) => Ok(Some(Arc::clone(client))),
            None => self.stored.find(id, now).await,
        }
    }

    async fn allows_origin(&self, origin: &str, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.of_file.allows_origin(origin, now).await? || self.stored.allows_origin(origin, now).await?)
    }
}
