//! Builds a provider and refuses what could not work or would not be safe.

mod checks;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Response};

use crate::client::ClientStore;
use crate::client_auth::{ClientAuthentication, ClientSecretBasic, ClientSecretPost, PublicClient};
use crate::clock::{Clock, SystemClock};
use crate::config::{Lifetimes, Limits, Paths};
use crate::endpoint;
use crate::grant::UniqueKey;
use crate::grant_type::{Front, GrantType};
use crate::limit::Attempts;
use crate::policy::{Policy, ScopePolicy, ScopeSet};
use crate::provider::{MapResponse, Parts, Provider};
use crate::random::{Random, SystemRandom};
use crate::site::SiteAdapter;
use crate::slow::{NoSlowHash, SlowHash};
use crate::standing::Standings;
use crate::store::Store;
use crate::token::format::{Format, TokenGenerator};
use crate::types::Secret;

/// Why a provider cannot be built, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the provider cannot be built: {0}")]
pub struct BuildError(String);

fn refuse<T>(why: impl Into<String>) -> Result<T, BuildError> {
    Err(BuildError(why.into()))
}

/// Collects the parts of a [`Provider`].
#[derive(Debug)]
#[must_use]
pub struct ProviderBuilder {
    issuer: String,
    insecure_issuer: bool,
    store: Option<Arc<dyn Store>>,
    standing_store: Option<Arc<dyn Store>>,
    standing_copies_for: Duration,
    clients: Option<Arc<dyn ClientStore>>,
    site: Option<Arc<dyn SiteAdapter>>,
    grant_types: Vec<Arc<dyn GrantType>>,
    client_authentications: Vec<Arc<dyn ClientAuthentication>>,
    scopes: Arc<dyn ScopePolicy>,
    lifetimes: Lifetimes,
    limits: Limits,
    paths: Paths,
    policy: Policy,
    slow: Arc<dyn SlowHash>,
    format: Format,
    unique_tokens: bool,
    adopted_tokens: bool,
    key: Option<Secret>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    site_headers: Option<Vec<HeaderName>>,
    map_response: Option<MapResponse>,
}

impl ProviderBuilder {
    pub(crate) fn new(issuer: String) -> Self {
        Self {
            issuer,
            insecure_issuer: false,
            store: None,
            standing_store: None,
            standing_copies_for: Duration::from_secs(1),
            clients: None,
            site: None,
            grant_types: Vec::new(),
            client_authentications: vec![
                Arc::new(ClientSecretBasic),
                Arc::new(ClientSecretPost),
                Arc::new(PublicClient),
            ],
            scopes: Arc::new(ScopeSet::default()),
            lifetimes: Lifetimes::default(),
            limits: Limits::default(),
            paths: Paths::default(),
            policy: Policy::default(),
            slow: Arc::new(NoSlowHash),
            format: Format::Own,
            unique_tokens: false,
            adopted_tokens: false,
            key: None,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            site_headers: None,
            map_response: None,
        }
    }

    /// The store of grants and waiting requests. Required.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// The same, for a store that others use too.
    pub fn shared_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Another store for what ends grants from outside: disabled and not-before. It must keep what it is given.
    pub fn standing_store(mut self, store: Arc<dyn Store>) -> Self {
        self.standing_store = Some(store);
        self
    }

    /// How old the knowledge of introspection and guards about disabled and not-before may be: 1 s; zero is always fresh.
    pub fn standing_copies_for(mut self, age: Duration) -> Self {
        self.standing_copies_for = age;
        self
    }

    /// Where clients are found. Required.
    pub fn clients(mut self, clients: impl ClientStore) -> Self {
        self.clients = Some(Arc::new(clients));
        self
    }

    /// Login and consent. Required where a grant type begins at the authorization endpoint.
    pub fn site(mut self, site: impl SiteAdapter) -> Self {
        self.site = Some(Arc::new(site));
        self
    }

    /// Registers a grant type. At least one is required.
    pub fn grant(mut self, grant_type: impl GrantType) -> Self {
        self.grant_types.push(Arc::new(grant_type));
        self
    }

    /// One more way for clients to authenticate, besides `client_secret_basic`, `client_secret_post` and `none`.
    pub fn client_authentication(mut self, method: impl ClientAuthentication) -> Self {
        self.client_authentications.push(Arc::new(method));
        self
    }

    /// Only these ways for clients to authenticate.
    pub fn only_client_authentications(mut self, methods: Vec<Arc<dyn ClientAuthentication>>) -> Self {
        self.client_authentications = methods;
        self
    }

    /// The rule for scopes. Without one no scope is available.
    pub fn scopes(mut self, policy: impl ScopePolicy) -> Self {
        self.scopes = Arc::new(policy);
        self
    }

    /// How long things live.
    pub fn lifetimes(mut self, lifetimes: Lifetimes) -> Self {
        self.lifetimes = lifetimes;
        self
    }

    /// Limits on what comes from outside.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Where the endpoints are, below the issuer's own path.
    pub fn paths(mut self, paths: Paths) -> Self {
        self.paths = paths;
        self
    }

    /// Rules for all clients.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Checks slow hashes of client secrets that people chose.
    pub fn slow_hash(mut self, slow: impl SlowHash) -> Self {
        self.slow = Arc::new(slow);
        self
    }

    /// Strings of another shape than grantor's own; each costs one more record and look-up.
    pub fn token_generator(mut self, generator: impl TokenGenerator) -> Self {
        self.format = Format::Foreign(Arc::new(generator));
        self
    }

    /// Equal requests of all grant types get the token that is still alive. Needs [`ProviderBuilder::key`].
    pub fn unique_tokens(mut self) -> Self {
        self.unique_tokens = true;
        self
    }

    /// Tokens of another server work that were taken over by [`Provider::adopt`]. A string that is no token of grantor's
    /// own costs a look-up then; without this it costs none. Switch it off when the last of them has ended.
    pub fn adopted_tokens(mut self) -> Self {
        self.adopted_tokens = true;
        self
    }

    /// The secret that unique tokens are derived with: at least 32 random bytes, the same in all processes. Together with
    /// a leaked store it forges those tokens, so keep it apart from the store.
    pub fn key(mut self, key: Secret) -> Self {
        self.key = Some(key);
        self
    }

    /// Where the time comes from; the system's clock where nothing is said.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where random bytes come from; the system's generator where nothing is said.
    pub fn random(mut self, random: impl Random) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// Only these headers of a request reach the site adapter.
    pub fn site_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.site_headers = Some(names.into_iter().collect());
        self
    }

    /// A change to every answer, for example one more header.
    pub fn map_response(
        mut self,
        map: impl Fn(Response<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.map_response = Some(MapResponse(Arc::new(map)));
        self
    }

    /// Allows an `http` issuer on another host than this machine: behind a proxy that speaks https to the world, set the
    /// https issuer instead.
    pub fn insecure_issuer(mut self) -> Self {
        self.insecure_issuer = true;
        self
    }

    /// The provider.
    ///
    /// # Errors
    /// [`BuildError`] with what is missing, contradicts, or would not be safe, and what to do.
    pub fn build(self) -> Result<Provider, BuildError> {
        let issuer = checks::issuer(&self.issuer, self.insecure_issuer)?;
        let Some(store) = self.store else { return refuse("it has no store; call .store(..)") };
        let Some(clients) = self.clients else { return refuse("it has no clients; call .clients(..)") };
        checks::grant_types(&self.grant_types)?;
        checks::lifetimes(&self.grant_types, &self.lifetimes)?;
        checks::methods(&self.client_authentications)?;
        checks::paths(&self.paths)?;
        checks::format(&self.format)?;
        let standing_store = self.standing_store.unwrap_or_else(|| Arc::clone(&store));
        if !standing_store.promises().keeps {
            return refuse(
                "disabled and not-before need a store that keeps what it is given, and this one may forget; call .standing_store(..) with one that keeps",
            );
        }
        let begins_in_browser = self.grant_types.iter().any(|kind| kind.front() != Front::None);
        let site = match self.site {
            Some(site) => site,
            None if begins_in_browser => {
                return refuse(
                    "a grant type begins in the user's browser, so it needs login and consent; call .site(..)",
                );
            }
            None => Arc::new(NoSite),
        };
        let unique = self.unique_tokens || self.grant_types.iter().any(|kind| kind.unique_tokens());
        let unique_key = match &self.key {
            Some(key) if key.expose().len() < 32 => return refuse("the key has fewer than 32 bytes"),
            Some(key) => Some(UniqueKey::new(key.expose().as_bytes())),
            None if unique => return refuse("unique tokens need a key; call .key(..)"),
            None => None,
        };
        let refresh = self.grant_types.iter().find_map(|kind| kind.refresh());
        checks::warn(&self.grant_types, &self.lifetimes, &issuer);
        let mut parts = Parts {
            issuer,
            standings: Arc::new(Standings::new(standing_store, self.standing_copies_for)),
            store,
            clients,
            site,
            refresh,
            attempts: Attempts::new(self.limits.attempts),
            grant_types: self.grant_types,
            client_authentications: self.client_authentications,
            scopes: self.scopes,
            lifetimes: self.lifetimes,
            limits: self.limits,
            paths: self.paths,
            policy: self.policy,
            slow: self.slow,
            format: self.format,
            unique_tokens: self.unique_tokens,
            adopted_tokens: self.adopted_tokens,
            unique_key,
            clock: self.clock,
            random: self.random,
            site_headers: self.site_headers,
            map_response: self.map_response,
            metadata: Bytes::new(),
        };
        parts.metadata = endpoint::metadata_document(&parts);
        Ok(Provider::of(parts))
    }
}

/// Stands where no grant type begins in a browser.
#[derive(Debug)]
struct NoSite;

#[async_trait::async_trait]
impl SiteAdapter for NoSite {
    async fn decide(
        &self,
        _ctx: &crate::Ctx<'_>,
        _ask: &crate::Ask<'_>,
    ) -> Result<crate::Decision, crate::BoxError> {
        Ok(crate::Decision::Deny)
    }
}
