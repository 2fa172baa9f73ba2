//! Clients kept as records in any [`Store`], with a copy in process for a short time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use quick_cache::sync::Cache;

use super::{Client, ClientStore};
use crate::clock::Timestamp;
use crate::store::{Created, Filter, Key, Kind, Record, Removed, Replaced, Stage, Store, StoreError};
use crate::types::ClientId;

/// A found (or not found) client, and when it was looked up.
type Copy = (Timestamp, Option<Arc<Client>>);

/// Clients as records of kind [`Kind::CLIENT`].
#[derive(Debug)]
pub struct StoredClients {
    store: Arc<dyn Store>,
    copies: Cache<ClientId, Copy>,
    copy_for: Duration,
}

/// The version byte before the JSON of a client.
const VERSION: u8 = 1;
/// A client read at an older revision was changed meanwhile; so often is that tried again.
const TRIES: usize = 5;

impl StoredClients {
    /// Clients in this store; a copy may be up to `copy_for` old (`Duration::ZERO`: always fresh).
    pub fn new(store: Arc<dyn Store>, copy_for: Duration) -> Self {
        Self { store, copies: Cache::new(10_000), copy_for }
    }

    fn key(id: &ClientId) -> Key {
        Key::named(Kind::CLIENT, id.as_str())
    }

    /// Adds a client.
    ///
    /// # Errors
    /// [`StoreError`] where the engine does not answer. `Ok(false)` where the identifier is taken.
    pub async fn create(&self, client: &Client, now: Timestamp) -> Result<bool, StoreError> {
        let created = self.store.create(&record(client)?, now).await?;
        self.copies.remove(&client.client_id);
        Ok(matches!(created, Created::Created(_)))
    }

    /// Changes a client; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError`] where the engine does not answer or others keep changing it.
    pub async fn change(
        &self,
        id: &ClientId,
        now: Timestamp,
        change: impl Fn(&mut Client) + Send + Sync,
    ) -> Result<Option<Client>, StoreError> {
        for _ in 0..TRIES {
            let Some((old, revision)) = self.store.load(&Self::key(id), now).await? else { return Ok(None) };
            let mut client = read(&old)?;
            change(&mut client);
            if let Replaced::Replaced(_) = self.store.replace(&record(&client)?, revision, now).await? {
                self.copies.remove(id);
                return Ok(Some(client));
            }
        }
        Err(StoreError::nothing_written("others keep changing this client; try again"))
    }

    /// Removes a client; whether there was one. What it was given ends through its standing
    /// ([`Standings::delete_client`](crate::standing::Standings::delete_client)).
    ///
    /// # Errors
    /// [`StoreError`] where the engine does not answer.
    pub async fn remove(&self, id: &ClientId, now: Timestamp) -> Result<bool, StoreError> {
        let removed = self.store.remove(&Self::key(id), now).await?;
        self.copies.remove(id);
        Ok(removed == Removed::Removed)
    }

    /// Up to `limit` clients, in the order of their record ids.
    ///
    /// # Errors
    /// [`StoreError`] where the engine does not answer or cannot list.
    pub async fn list(&self, limit: usize, now: Timestamp) -> Result<Vec<Client>, StoreError> {
        let Some(index) = self.store.index() else {
            return Err(StoreError::nothing_written("this store cannot list its records"));
        };
        let records = index.list(&Filter::kind(Kind::CLIENT), None, limit, now).await?;
        records.iter().map(read).collect()
    }

    async fn fresh(&self, id: &ClientId, now: Timestamp) -> Result<Option<Arc<Client>>, StoreError> {
        match self.store.load(&Self::key(id), now).await? {
            Some((record, _)) => Ok(Some(Arc::new(read(&record)?))),
            None => Ok(None),
        }
    }
}

fn record(client: &Client) -> Result<Record, StoreError> {
    let mut body = vec![VERSION];
    serde_json::to_writer(&mut body, client)
        .map_err(|error| StoreError::nothing_written("the client cannot be written").with_source(error))?;
    Ok(Record {
        key: StoredClients::key(&client.client_id),
        stage: Stage::Live,
        expires_at: Timestamp::NEVER,
        client: Some(client.client_id.shared()),
        subject: None,
        body: Bytes::from(body),
    })
}

fn read(record: &Record) -> Result<Client, StoreError> {
    let (_, json) = record.versioned(VERSION)?;
    serde_json::from_slice(json).map_err(|error| record.unreadable().with_source(error))
}

#[async_trait]
impl ClientStore for StoredClients {
    async fn find(&self, id: &ClientId, now: Timestamp) -> Result<Option<Arc<Client>>, StoreError> {
        if let Some((at, client)) = self.copies.get(id)
            && now >= at
            && now.since(at) < self.copy_for
        {
            return Ok(client);
        }
        let client = self.fresh(id, now).await?;
        if self.copy_for > Duration::ZERO {
            self.copies.insert(id.clone(), (now, client.clone()));
        }
        Ok(client)
    }

    async fn allows_origin(&self, origin: &str, now: Timestamp) -> Result<bool, StoreError> {
        match self.list(1000, now).await {
            Ok(clients) => {
                Ok(clients.iter().any(|client| client.allowed_origins.iter().any(|own| own == origin)))
            }
            Err(_) if self.store.index().is_none() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Lifetime;
    use crate::store::testing::{hex, record as around, stored};
    use crate::types::{AuthMethod, GrantTypeName, ResponseType};

    #[test]
    fn version_1_client() {
        let body = stored("client-1.hex");
        let client = read(&around(body.clone())).unwrap();
        assert_eq!(client.client_id.as_str(), "abc");
        assert_eq!(client.client_name.as_deref(), Some("Example"));
        let secrets: Vec<String> = client.secrets.iter().cloned().map(String::from).collect();
        assert_eq!(secrets[0], "sha256:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE");
        assert!(secrets[1].starts_with("$argon2id$") && secrets.len() == 2);
        assert_eq!(client.redirect_uris[0].as_str(), "https://rp.example/cb");
        assert_eq!(client.grant_types, [GrantTypeName::AUTHORIZATION_CODE, GrantTypeName::REFRESH_TOKEN]);
        assert_eq!(client.response_types, [ResponseType::CODE]);
        assert_eq!(client.scope.as_ref().unwrap().as_str(), "read write");
        assert_eq!(client.default_scope.as_ref().unwrap().as_str(), "read");
        assert_eq!(client.token_endpoint_auth_method, AuthMethod::CLIENT_SECRET_POST);
        assert_eq!(client.application_type, crate::client::ApplicationType::Native);
        assert_eq!((client.require_pkce, client.rotate_refresh_tokens), (Some(false), Some(false)));
        assert_eq!(client.refresh_retry_window, Some(5));
        assert!(client.may_introspect && client.disabled && !client.require_consent);
        assert_eq!(client.allowed_origins, ["https://rp.example"]);
        assert_eq!(client.lifetimes.code, Some(Lifetime::secs(30)));
        assert_eq!(client.lifetimes.access_token, Some(Lifetime::Never));
        assert_eq!(client.lifetimes.refresh_token, None);
        let again = record(&client).unwrap();
        assert_eq!(hex(&again.body), hex(&body), "a released body is written differently now");
    }

    #[test]
    fn a_newer_client_is_refused_not_read_in_part() {
        let body = stored("client-1.hex");
        for version in [0, 2, 255] {
            let mut other = body.clone();
            other[0] = version;
            assert!(read(&around(other)).unwrap_err().nothing_written);
        }
        // A field that this release does not know would be lost when the client is changed.
        let text = String::from_utf8(body).unwrap().replace("\"disabled\"", "\"new_rule\":1,\"disabled\"");
        assert!(read(&around(text)).is_err());
        assert!(read(&around("")).is_err());
    }
}
