//! What one request is handled with: the provider's parts, the moment, and where it came from.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;

use crate::client::Client;
use crate::clock::Timestamp;
use crate::config::Lifetimes;
use crate::error::Error;
use crate::grant::UniqueKey;
use crate::grant_type::{GrantType, RefreshPolicy};
use crate::provider::Parts;
use crate::random::RandomFailed;
use crate::standing::Standing;
use crate::store::Store;
use crate::types::{ClientId, GrantTypeName, Scopes};

/// The network address that a request came from. Web adapters put it into the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Time, randomness, the store and the provider's other parts, for one request.
#[derive(Debug)]
pub struct Ctx<'a> {
    pub(crate) parts: &'a Parts,
    now: Timestamp,
    peer: Option<IpAddr>,
}

impl<'a> Ctx<'a> {
    pub(crate) fn new(parts: &'a Parts, peer: Option<IpAddr>) -> Self {
        Self { parts, now: parts.clock.now(), peer }
    }

    pub(crate) fn of(parts: &'a Parts, request: &Request<Bytes>) -> Self {
        Self::new(parts, request.extensions().get::<Peer>().map(|peer| peer.0))
    }

    /// The moment of this request; the same for all its steps.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Where the request came from, if the web adapter said so.
    pub const fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// Fills with random bytes.
    ///
    /// # Errors
    /// [`RandomFailed`] where the generator gives none.
    pub fn random(&self, out: &mut [u8]) -> Result<(), RandomFailed> {
        self.parts.random.fill(out)
    }

    /// The issuer identifier (RFC 8414 §2).
    pub fn issuer(&self) -> &'a str {
        &self.parts.issuer.text
    }

    pub(crate) fn store(&self) -> &'a dyn Store {
        self.parts.store.as_ref()
    }

    pub(crate) async fn client(&self, id: &ClientId) -> Result<Option<Arc<Client>>, Error> {
        Ok(self.parts.clients.find(id, self.now).await?)
    }

    pub(crate) fn grant_type(&self, name: &GrantTypeName) -> Option<&'a Arc<dyn GrantType>> {
        self.parts.grant_types.iter().find(|own| own.grant_type() == *name)
    }

    /// Lifetimes: the client's before the grant type's before the provider's.
    pub(crate) fn lifetimes(&self, client: &Client, grant_type: &GrantTypeName) -> Lifetimes {
        let mut lifetimes = self.parts.lifetimes;
        if let Some(refresh) = self.parts.refresh {
            lifetimes = lifetimes.with(&refresh.lifetimes);
        }
        if let Some(kind) = self.grant_type(grant_type) {
            lifetimes = lifetimes.with(&kind.lifetimes());
        }
        client.lifetimes(&lifetimes)
    }

    /// The rules for refresh tokens of this client; `None` where it gets none.
    pub(crate) fn refresh_policy(&self, client: &Client) -> Option<RefreshPolicy> {
        self.parts.refresh.filter(|_| client.may_use(&GrantTypeName::REFRESH_TOKEN))
    }

    /// Whether equal requests of this grant type share their tokens.
    pub(crate) fn gives_unique_tokens(&self, grant_type: &GrantTypeName) -> bool {
        self.parts.unique_tokens || self.grant_type(grant_type).is_some_and(|kind| kind.unique_tokens())
    }

    /// The key that unique tokens are derived with.
    pub(crate) fn unique_key(&self) -> Result<&'a UniqueKey, Error> {
        self.parts.unique_key.as_ref().ok_or_else(|| Error::unavailable("no_key_for_unique_tokens"))
    }

    /// The scopes for a request of this grant type.
    ///
    /// # Errors
    /// `invalid_scope`, as the [`ScopePolicy`](crate::ScopePolicy) decides.
    pub fn scopes(
        &self,
        asked: Option<&str>,
        client: &Client,
        grant_type: &GrantTypeName,
    ) -> Result<Scopes, Error> {
        let asked = asked.map(Scopes::parse).transpose()?.filter(|asked| !asked.is_empty());
        let own = self.grant_type(grant_type).and_then(|kind| kind.scopes());
        own.unwrap_or(self.parts.scopes.as_ref()).scopes(asked.as_ref(), client, grant_type)
    }

    /// What now holds of a client and a user.
    pub(crate) async fn standing(&self, client: &Client, subject: Option<&str>) -> Result<Standing, Error> {
        let mut standing = self.parts.standings.fresh(client.client_id.as_str(), subject, self.now).await?;
        standing.disabled |= client.disabled;
        Ok(standing)
    }
}
