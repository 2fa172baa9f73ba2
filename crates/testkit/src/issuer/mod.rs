//! An authorization server for the test of an API or of a client: real HTTP on a port of its own, time and faults on command,
//! and any token at once (RFC 6749, RFC 7662).

mod serve;
mod token;

use std::collections::HashMap;
use std::io::{Error, Result};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantor_core::store::{Store, StoreError};
use grantor_core::{
    BoxError, Client, ClientCredentials, ClientId, ClientStore, Clock as _, GrantTypeName, Provider,
    ProviderBuilder, ScopePolicy, Scopes, SystemClock, Timestamp,
};
use grantor_store_memory::MemoryStore;
use http::StatusCode;
use parking_lot::Mutex;

use self::serve::Serving;
pub use self::token::TestToken;
use crate::clock::SetClock;
use crate::fault::FaultStore;
use crate::proxy::{Cut, Proxy, Way};

/// The client that the API under test is at the introspection endpoint.
const API: (&str, &str) = ("test-api", "test-api-secret");

/// An authorization server in the test's process, at `http://127.0.0.1:PORT`. It ends when this is dropped.
///
/// Its clock shows the system's time at its start, in whole seconds, and then stands still until the test moves it. It has a thread of its own: the
/// test may block.
///
/// ```
/// # fn main() -> Result<(), grantor_core::BoxError> {
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use std::time::Duration;
/// use grantor_testkit::{TestIssuer, TestToken};
///
/// let issuer = TestIssuer::start()?;
/// let token = issuer.mint(TestToken::of("worker").subject("alice").scope("jobs.read")).await?;
/// assert!(issuer.provider().token_info(&token).await?.is_some());
/// issuer.clock().advance(Duration::from_secs(600));
/// assert!(issuer.provider().token_info(&token).await?.is_none());
/// # Ok(()) })
/// # }
/// ```
#[derive(Debug)]
pub struct TestIssuer {
    provider: Provider,
    /// The same without faults, for what the test itself does.
    behind: Provider,
    inner: Arc<dyn Store>,
    store: FaultStore,
    clients: Clients,
    clock: SetClock,
    url: String,
    network: Proxy,
    serving: Serving,
}

impl TestIssuer {
    /// Starts one that knows client credentials and every scope.
    ///
    /// # Errors
    /// The system gives no port or no thread.
    pub fn start() -> Result<Self> {
        Self::with(|builder| builder.grant(ClientCredentials::new()))
    }

    /// Starts one with parts of the test's own: grant types, login and consent, scopes, token formats. Store, clients and clock
    /// are set already; leave them.
    ///
    /// # Errors
    /// As [`TestIssuer::start`], or the parts do not make a provider.
    pub fn with(parts: impl FnOnce(ProviderBuilder) -> ProviderBuilder) -> Result<Self> {
        // At a whole second, for that is all that introspection tells of an end.
        let clock = SetClock::at(Timestamp::from_secs(SystemClock.now().as_secs()));
        let inner: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let store = FaultStore::new(inner.clone());
        let clients = Clients::default();
        let api = Client::builder(API.0)
            .secret(API.1)
            .grant_types([GrantTypeName::CLIENT_CREDENTIALS])
            .change(|client| client.may_introspect = true);
        clients.add(api.build().map_err(Error::other)?);
        // Requests come through the network, so that is what has the port of the issuer.
        let serving = Serving::start()?;
        let network = Proxy::to(serving.port())?;
        let url = format!("http://127.0.0.1:{}", network.port());
        let base = |store: Arc<dyn Store>| {
            Provider::builder(&url)
                .shared_store(store)
                .clients(clients.clone())
                .clock(clock.clone())
                .scopes(AnyScope)
        };
        let provider = parts(base(Arc::new(store.clone()))).build().map_err(Error::other)?;
        let behind = base(inner.clone()).grant(ClientCredentials::new()).build().map_err(Error::other)?;
        serving.answer_by(provider.clone());
        Ok(Self { provider, behind, inner, store, clients, clock, url, network, serving })
    }

    /// Its issuer identifier, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its metadata is (RFC 8414).
    pub fn metadata_url(&self) -> String {
        format!("{}/.well-known/oauth-authorization-server", self.url)
    }

    /// Its introspection endpoint (RFC 7662); [`TestIssuer::api`] may ask it.
    pub fn introspection_endpoint(&self) -> String {
        format!("{}/introspect", self.url)
    }

    /// The identifier and the secret of a client that may introspect all access tokens, as an API does. It authenticates with
    /// `client_secret_basic`.
    pub fn api(&self) -> (&'static str, &'static str) {
        API
    }

    /// The provider behind it, for a guard in the same process. It meets the faults of the store, not those of the network.
    pub fn provider(&self) -> Provider {
        self.provider.clone()
    }

    /// Its clock.
    pub fn clock(&self) -> &SetClock {
        &self.clock
    }

    /// Registers a client, in the place of one with the same identifier.
    pub fn add_client(&self, client: Client) {
        self.clients.add(client);
    }

    /// An access token as described. Its client need not be registered: then it is from now on, with no way to authenticate.
    /// Faults do not concern this.
    ///
    /// # Errors
    /// What is described is no token: a client identifier or a scope with wrong characters, for example.
    pub async fn mint(&self, token: TestToken) -> std::result::Result<String, BoxError> {
        let minted = token.mint(&self.url, &self.inner, self.clock.now()).await?;
        let known = self.clients.find(&minted.client.client_id, self.clock.now()).await?;
        if known.is_none() {
            self.clients.add(minted.client);
        }
        if minted.revoked {
            self.revoke(&minted.text).await?;
        }
        Ok(minted.text)
    }

    /// Ends a token; whether there was such a token. Faults do not concern this.
    ///
    /// # Errors
    /// None in practice: the store behind it is in memory.
    pub async fn revoke(&self, token: &str) -> std::result::Result<bool, BoxError> {
        Ok(self.behind.revoke_token(token).await?)
    }

    /// Its store, for faults and for how often it was asked: `refuse_reads(true)` makes it answer 503.
    pub fn store(&self) -> &FaultStore {
        &self.store
    }

    /// The network before it, for more than [`TestIssuer::turn_off`] and [`TestIssuer::slow_down`].
    pub fn network(&self) -> &Proxy {
        &self.network
    }

    /// Nobody listens any more, and all connections end.
    ///
    /// # Errors
    /// Another process took the port in the moment in which it was free.
    pub fn turn_off(&self) -> Result<()> {
        self.network.refuse()?;
        self.network.cut(Cut::Reset);
        Ok(())
    }

    /// Answers arrive so much later.
    pub fn slow_down(&self, by: Duration) {
        self.network.delay(Way::Answers, by);
    }

    /// Every request over HTTP is answered with this status and no body.
    pub fn answer_with(&self, status: StatusCode) {
        self.serving.answer_with(Some(status));
    }

    /// No faults of the network from now on, and real answers. Faults of the store are [`TestIssuer::store`]'s.
    ///
    /// # Errors
    /// The port cannot be opened again.
    pub fn heal(&self) -> Result<()> {
        self.serving.answer_with(None);
        self.network.heal()
    }
}

/// The clients so far. Clones are the same.
#[derive(Debug, Clone, Default)]
struct Clients(Arc<Mutex<HashMap<ClientId, Arc<Client>>>>);

impl Clients {
    fn add(&self, client: Client) {
        self.0.lock().insert(client.client_id.clone(), Arc::new(client));
    }
}

#[async_trait]
impl ClientStore for Clients {
    async fn find(
        &self,
        id: &ClientId,
        _now: Timestamp,
    ) -> std::result::Result<Option<Arc<Client>>, StoreError> {
        Ok(self.0.lock().get(id).cloned())
    }

    async fn allows_origin(&self, origin: &str, _now: Timestamp) -> std::result::Result<bool, StoreError> {
        let allows = |client: &Arc<Client>| client.allowed_origins.iter().any(|own| own == origin);
        Ok(self.0.lock().values().any(allows))
    }
}

/// Whatever is asked for.
#[derive(Debug)]
struct AnyScope;

impl ScopePolicy for AnyScope {
    fn scopes(
        &self,
        asked: Option<&Scopes>,
        _client: &Client,
        _kind: &GrantTypeName,
    ) -> std::result::Result<Scopes, grantor_core::Error> {
        Ok(asked.cloned().unwrap_or_default())
    }
}
