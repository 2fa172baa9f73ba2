//! The provider: its parts, and the one function that answers requests.
//!
//! [`Provider::builder`] is THE registration page: grant types, client authentications, stores, rules.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, Request, Response};

use crate::builder::ProviderBuilder;
use crate::client::{Client, ClientStore};
use crate::client_auth::ClientAuthentication;
use crate::clock::Clock;
use crate::config::{Lifetimes, Limits, Paths};
use crate::ctx::Ctx;
use crate::endpoint;
use crate::error::Error;
use crate::grant::UniqueKey;
use crate::grant_type::{GrantType, RefreshPolicy};
use crate::limit::Attempts;
use crate::policy::{Policy, ScopePolicy};
use crate::random::Random;
use crate::reply;
use crate::site::SiteAdapter;
use crate::slow::SlowHash;
use crate::standing::Standings;
use crate::store::Store;
use crate::token::adopt::{self, Adopted, Adoption};
use crate::token::format::Format;
use crate::token::info::{self, TokenInfo};

/// An authorization server as a function from requests to answers. Cheap to clone, to be shared by all threads.
#[derive(Debug, Clone)]
pub struct Provider {
    parts: Arc<Parts>,
}

/// Everything a provider is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) issuer: Issuer,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clients: Arc<dyn ClientStore>,
    pub(crate) site: Arc<dyn SiteAdapter>,
    pub(crate) grant_types: Vec<Arc<dyn GrantType>>,
    pub(crate) client_authentications: Vec<Arc<dyn ClientAuthentication>>,
    pub(crate) scopes: Arc<dyn ScopePolicy>,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) refresh: Option<RefreshPolicy>,
    pub(crate) limits: Limits,
    pub(crate) paths: Paths,
    pub(crate) policy: Policy,
    pub(crate) standings: Arc<Standings>,
    pub(crate) attempts: Attempts,
    pub(crate) slow: Arc<dyn SlowHash>,
    pub(crate) format: Format,
    pub(crate) unique_tokens: bool,
    /// Whether strings of another server may be tokens.
    pub(crate) adopted_tokens: bool,
    pub(crate) unique_key: Option<UniqueKey>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) site_headers: Option<Vec<HeaderName>>,
    pub(crate) map_response: Option<MapResponse>,
    /// The metadata document, computed when the provider is built.
    pub(crate) metadata: Bytes,
}

/// The issuer identifier (RFC 8414 §2), taken apart.
#[derive(Debug)]
pub(crate) struct Issuer {
    /// As configured, byte for byte.
    pub(crate) text: String,
    /// Its path without a trailing slash; empty for a bare host.
    pub(crate) path: String,
    /// Whether it is https.
    pub(crate) secure: bool,
    /// The name of the cookie that binds a waiting request to its browser.
    pub(crate) cookie: &'static str,
}

/// The embedder's own change to every answer.
#[derive(Clone)]
pub(crate) struct MapResponse(pub(crate) Arc<dyn Fn(Response<Bytes>) -> Response<Bytes> + Send + Sync>);

impl fmt::Debug for MapResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MapResponse")
    }
}

impl Provider {
    /// Begins a provider with this issuer identifier, for example `https://login.example.com`. It is what tokens,
    /// metadata and answers say; the `Host` header of a request never is.
    pub fn builder(issuer: impl Into<String>) -> ProviderBuilder {
        ProviderBuilder::new(issuer.into())
    }

    pub(crate) fn of(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// Answers a request to one of the endpoints. It never fails and never panics; a path that is none of ours gets 404.
    ///
    /// # To add a web adapter
    /// 1. Mount it at [`Provider::paths`].
    /// 2. Read the body, but stop where it is longer than [`Provider::max_body`]: hand on what has been read, `handle` sees by
    ///    its length that it is too large. A body that breaks off is [`Provider::unreadable_body`].
    /// 3. Hand on method, URI, headers and extensions unchanged. Put [`Peer`](crate::Peer), the address of the other end, into
    ///    the extensions, unless the application has done so.
    /// 4. `tests/` with the one macro `grantor_testkit::adapter_suite!`, a feature in the facade.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.mapped(endpoint::handle(&self.parts, &request).await)
    }

    fn mapped(&self, response: Response<Bytes>) -> Response<Bytes> {
        match &self.parts.map_response {
            Some(map) => (map.0)(response),
            None => response,
        }
    }

    /// Answers a request whose body ended early or was not framed as HTTP wants it: 400. For web adapters, which cannot make
    /// an `http::Request<Bytes>` of it.
    pub fn unreadable_body(&self) -> Response<Bytes> {
        let error = Error::invalid_request("The request body could not be read to its end.");
        self.mapped(reply::error(&error))
    }

    /// The facts about an access token, if it is alive: what a resource server in the same process needs. Disabled and
    /// not-before are at most as old as the builder's `standing_copies_for`.
    ///
    /// # Errors
    /// 503 where the store does not answer. A token that is unknown, expired or revoked is `None`.
    pub async fn token_info(&self, access_token: &str) -> Result<Option<TokenInfo>, Error> {
        info::access_token(&Ctx::new(&self.parts, None), access_token).await
    }

    /// The facts about an access or refresh token, if it is alive, for operators.
    ///
    /// # Errors
    /// As [`Provider::token_info`].
    pub async fn inspect_token(&self, token: &str) -> Result<Option<TokenInfo>, Error> {
        Ok(info::find(&Ctx::new(&self.parts, None), token).await?.map(|found| found.info))
    }

    /// Ends a token, whatever client it was issued to, for operators: an access token alone, a refresh token with its
    /// whole grant (RFC 7009 §2.1). Whether there was such a token.
    ///
    /// # Errors
    /// 503 where the store does not answer; then nobody knows whether it was done: do it again.
    pub async fn revoke_token(&self, token: &str) -> Result<bool, Error> {
        endpoint::revoke_token(&Ctx::new(&self.parts, None), token).await
    }

    /// Takes over what another authorization server has given to this client: its token strings work from now on, where
    /// the provider has [`ProviderBuilder::adopted_tokens`]. A second time changes nothing, and revives nothing.
    ///
    /// # Errors
    /// 503 where the store does not answer, 500 where the grant is too large for it: do it again, it goes on.
    pub async fn adopt(&self, client: &Client, adoption: &Adoption) -> Result<Adopted, Error> {
        adopt::adopt(&self.ctx(), client, adoption, true).await
    }

    /// What [`Provider::adopt`] would do; nothing is written.
    ///
    /// # Errors
    /// 503 where the store does not answer.
    pub async fn would_adopt(&self, client: &Client, adoption: &Adoption) -> Result<Adopted, Error> {
        adopt::adopt(&self.ctx(), client, adoption, false).await
    }

    /// Does something with the provider's time, randomness and rules outside of a request.
    pub fn ctx(&self) -> Ctx<'_> {
        Ctx::new(&self.parts, None)
    }

    /// The issuer identifier.
    pub fn issuer(&self) -> &str {
        &self.parts.issuer.text
    }

    /// The paths that [`Provider::handle`] answers, to mount it: the endpoints below the issuer's path, and the metadata
    /// at the place that RFC 8414 §3 gives it.
    pub fn paths(&self) -> Vec<String> {
        let (parts, paths) = (&self.parts, &self.parts.paths);
        let own = [&paths.authorize, &paths.token, &paths.revoke, &paths.introspect];
        let own = own.into_iter().map(|path| format!("{}{path}", parts.issuer.path));
        own.chain([endpoint::metadata_path(parts)]).collect()
    }

    /// The largest body that a web adapter needs to read, in bytes.
    pub fn max_body(&self) -> usize {
        self.parts.limits.body_bytes
    }

    /// Disabled and not-before of clients, users and consents.
    pub fn standings(&self) -> &Arc<Standings> {
        &self.parts.standings
    }

    /// The store of grants.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.parts.store
    }

    /// The clock in use.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }
}
