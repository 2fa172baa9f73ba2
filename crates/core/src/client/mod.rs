//! Clients: what is registered about them (RFC 7591 §2), and where they are found.

mod secret;
mod stored;

pub(crate) use secret::Checked;
pub use secret::{ClientSecret, GeneratedSecret, InvalidClientSecret};
pub use stored::StoredClients;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::config::{LifetimeOverrides, Lifetimes};
use crate::store::StoreError;
use crate::types::{
    AuthMethod, ClientId, GrantTypeName, InvalidClientId, InvalidRedirectUri, RedirectUri, ResponseType,
    Scopes,
};

/// A registered client. The names are those of RFC 7591 where it has one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its identifier.
    pub client_id: ClientId,
    /// Its name for people; the identifier where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// Its secrets, as digests; more than one while a secret is being changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<ClientSecret>,
    /// Where answers may go.
    #[serde(default)]
    pub redirect_uris: Vec<RedirectUri>,
    /// Which grant types it may use; `authorization_code` and `refresh_token` where nothing is said.
    #[serde(default = "default_grant_types")]
    pub grant_types: Vec<GrantTypeName>,
    /// Which response types it may ask for; `code` where nothing is said.
    #[serde(default = "default_response_types")]
    pub response_types: Vec<ResponseType>,
    /// The most it may have; all that the provider has where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scopes>,
    /// What it gets when it asks for nothing, instead of the provider's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_scope: Option<Scopes>,
    /// How it authenticates: `client_secret_basic` where nothing is said (RFC 7591 §2).
    #[serde(default = "default_auth_method")]
    pub token_endpoint_auth_method: AuthMethod,
    /// `web` or `native`; the port of a loopback redirect URI is free for native ones (RFC 8252 §7.3).
    #[serde(default)]
    pub application_type: ApplicationType,
    /// Whether PKCE is required of it; the policy's rule where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_pkce: Option<bool>,
    /// Whether its refresh tokens rotate; the provider's rule where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_refresh_tokens: Option<bool>,
    /// Seconds in which the previous refresh token gives the same successor again; the provider's where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_retry_window: Option<u64>,
    /// Whether it may introspect tokens of other clients, as a resource server does.
    #[serde(default)]
    pub may_introspect: bool,
    /// Origins whose scripts may read this client's answers (CORS).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_origins: Vec<String>,
    /// Whether the user is asked for consent; `false` for one's own applications only.
    #[serde(default = "yes")]
    pub require_consent: bool,
    /// Whether it may do nothing at present.
    #[serde(default)]
    pub disabled: bool,
    /// Lifetimes of what it gets, in seconds, where they differ from the provider's.
    #[serde(default)]
    pub lifetimes: LifetimeOverrides,
}

/// RFC 7591 / OpenID Connect Registration `application_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationType {
    /// Runs on a server, or in a browser.
    #[default]
    Web,
    /// Runs on the user's device.
    Native,
}

fn default_grant_types() -> Vec<GrantTypeName> {
    vec![GrantTypeName::AUTHORIZATION_CODE, GrantTypeName::REFRESH_TOKEN]
}

fn default_response_types() -> Vec<ResponseType> {
    vec![ResponseType::CODE]
}

const fn default_auth_method() -> AuthMethod {
    AuthMethod::CLIENT_SECRET_BASIC
}

const fn yes() -> bool {
    true
}

/// Why a client cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidClient {
    /// The identifier.
    #[error(transparent)]
    ClientId(#[from] InvalidClientId),
    /// A redirect URI.
    #[error(transparent)]
    RedirectUri(#[from] InvalidRedirectUri),
    /// Something else.
    #[error("client `{client_id}`: {what}")]
    Other {
        /// Which client.
        client_id: String,
        /// What is wrong and what to write instead.
        what: String,
    },
}

impl Client {
    /// A client with this identifier and the defaults of RFC 7591.
    ///
    /// # Errors
    /// [`InvalidClient`] where the identifier is not one.
    pub fn new(client_id: &str) -> Result<Self, InvalidClient> {
        Ok(Self {
            client_id: ClientId::parse(client_id)?,
            client_name: None,
            secrets: Vec::new(),
            redirect_uris: Vec::new(),
            grant_types: default_grant_types(),
            response_types: default_response_types(),
            scope: None,
            default_scope: None,
            token_endpoint_auth_method: default_auth_method(),
            application_type: ApplicationType::Web,
            require_pkce: None,
            rotate_refresh_tokens: None,
            refresh_retry_window: None,
            may_introspect: false,
            allowed_origins: Vec::new(),
            require_consent: true,
            disabled: false,
            lifetimes: LifetimeOverrides::default(),
        })
    }

    /// A client to build on: `Client::builder("abc").secret("xyz").redirect_uri("https://rp.example/cb").build()?`.
    pub fn builder(client_id: &str) -> ClientBuilder {
        ClientBuilder { client: Self::new(client_id) }
    }

    /// The name to show to people, without characters that could mislead them.
    pub fn display_name(&self) -> String {
        let name = self.client_name.as_deref().unwrap_or_else(|| self.client_id.as_str());
        let shown = |c: &char| !c.is_control() && !is_direction_mark(*c);
        let name: String = name.chars().filter(shown).take(64).collect();
        if name.trim().is_empty() { self.client_id.to_string() } else { name }
    }

    /// Whether it has no means to authenticate.
    pub fn is_public(&self) -> bool {
        self.token_endpoint_auth_method == AuthMethod::NONE
    }

    /// Whether it may use this grant type.
    pub fn may_use(&self, grant_type: &GrantTypeName) -> bool {
        self.grant_types.contains(grant_type)
    }

    /// Whether this is one of its secrets, for a way of one's own to authenticate clients. Secrets under a slow hash are
    /// never found here; they need the provider's [`SlowHash`](crate::SlowHash).
    pub fn has_secret(&self, presented: &str) -> bool {
        let right = |secret: &ClientSecret| matches!(secret.check(presented), Checked::Known(true));
        // All are compared: the time does not tell which one fits.
        self.secrets.iter().fold(false, |found, secret| found | right(secret))
    }

    /// The lifetimes that hold for it.
    pub(crate) fn lifetimes(&self, provider: &Lifetimes) -> Lifetimes {
        provider.with(&self.lifetimes)
    }

    /// Checks what single fields cannot tell.
    ///
    /// # Errors
    /// [`InvalidClient`], which says what is wrong and what to write instead.
    pub fn check(&self) -> Result<(), InvalidClient> {
        let wrong = |what: &str| {
            Err(InvalidClient::Other { client_id: self.client_id.to_string(), what: what.to_owned() })
        };
        let secret_method = [AuthMethod::CLIENT_SECRET_BASIC, AuthMethod::CLIENT_SECRET_POST]
            .contains(&self.token_endpoint_auth_method);
        if secret_method && self.secrets.is_empty() {
            return wrong(
                "it authenticates with a secret but has none; set client_secret, or token_endpoint_auth_method = \"none\" for a public client",
            );
        }
        if self.is_public() && !self.secrets.is_empty() {
            return wrong("it has a secret but token_endpoint_auth_method is none; remove one of both");
        }
        if self.is_public() && self.may_use(&GrantTypeName::CLIENT_CREDENTIALS) {
            return wrong(
                "client_credentials is for confidential clients only (RFC 6749 section 4.4); it needs a secret",
            );
        }
        if self.is_public() && self.may_introspect {
            return wrong("may_introspect needs a client that authenticates (RFC 7662 section 2.1)");
        }
        let redirects =
            self.may_use(&GrantTypeName::AUTHORIZATION_CODE) || self.may_use(&GrantTypeName::IMPLICIT);
        if redirects && self.redirect_uris.is_empty() {
            return wrong("its grant types need at least one of redirect_uris (RFC 6749 section 3.1.2.2)");
        }
        if let Some(origin) = self.allowed_origins.iter().find(|origin| !is_origin(origin)) {
            return wrong(&format!("`{origin}` is not an origin; write scheme://host[:port] without a path"));
        }
        Ok(())
    }
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{061c}' | '\u{feff}')
}

fn is_origin(text: &str) -> bool {
    url::Url::parse(text)
        .is_ok_and(|url| url.origin().is_tuple() && url.origin().ascii_serialization() == text)
}

/// Builds a [`Client`]; what is wrong comes out at [`ClientBuilder::build`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ClientBuilder {
    client: Result<Client, InvalidClient>,
}

impl ClientBuilder {
    fn with(mut self, change: impl FnOnce(&mut Client)) -> Self {
        if let Ok(client) = &mut self.client {
            change(client);
        }
        self
    }

    /// A secret; only its digest is kept, in memory. To store a secret that a person chose, see
    /// [`ClientSecret::from_phc`].
    pub fn secret(self, secret: &str) -> Self {
        self.with(|client| client.secrets.push(ClientSecret::digest_of(secret)))
    }

    /// A public client: no secret (RFC 6749 §2.1).
    pub fn public(self) -> Self {
        self.auth_method(AuthMethod::NONE)
    }

    /// A redirect URI, compared as a string.
    pub fn redirect_uri(mut self, uri: &str) -> Self {
        match (&mut self.client, RedirectUri::parse(uri)) {
            (Ok(client), Ok(uri)) => client.redirect_uris.push(uri),
            (Ok(_), Err(error)) => self.client = Err(error.into()),
            (Err(_), _) => {}
        }
        self
    }

    /// The name for people.
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.with(|client| client.client_name = Some(name))
    }

    /// How it authenticates.
    pub fn auth_method(self, method: AuthMethod) -> Self {
        self.with(|client| client.token_endpoint_auth_method = method)
    }

    /// Which grant types it may use.
    pub fn grant_types(self, names: impl IntoIterator<Item = GrantTypeName>) -> Self {
        self.with(|client| client.grant_types = names.into_iter().collect())
    }

    /// Which response types it may ask for.
    pub fn response_types(self, names: impl IntoIterator<Item = ResponseType>) -> Self {
        self.with(|client| client.response_types = names.into_iter().collect())
    }

    /// The most it may have.
    pub fn scope(self, scopes: Scopes) -> Self {
        self.with(|client| client.scope = Some(scopes))
    }

    /// The same for what [`ClientBuilder`] has no method for.
    pub fn change(self, change: impl FnOnce(&mut Client)) -> Self {
        self.with(change)
    }

    /// The client.
    ///
    /// # Errors
    /// [`InvalidClient`]: the first thing that was wrong, and what to write instead.
    pub fn build(self) -> Result<Client, InvalidClient> {
        let client = self.client?;
        client.check()?;
        Ok(client)
    }
}

/// Where clients are found.
#[async_trait]
pub trait ClientStore: fmt::Debug + Send + Sync + 'static {
    /// The client with this identifier.
    ///
    /// # Errors
    /// [`StoreError`] where the engine does not answer; an unknown client is `None`.
    async fn find(&self, id: &ClientId, now: Timestamp) -> Result<Option<Arc<Client>>, StoreError>;

    /// Whether some client allows this origin; it answers CORS preflights, which name no client. Allowing an origin here
    /// lets a script send a request; reading the answer still needs the authenticated client's own list.
    ///
    /// # Errors
    /// [`StoreError`] where the engine does not answer.
    async fn allows_origin(&self, origin: &str, now: Timestamp) -> Result<bool, StoreError>;
}

/// Clients that the program or a configuration file names.
#[derive(Debug, Clone, Default)]
pub struct StaticClients {
    clients: HashMap<ClientId, Arc<Client>>,
}

impl StaticClients {
    /// These clients; of two with one identifier the later counts.
    pub fn new(clients: impl IntoIterator<Item = Client>) -> Self {
        Self { clients: clients.into_iter().map(|c| (c.client_id.clone(), Arc::new(c))).collect() }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.clients.values()
    }
}

#[async_trait]
impl ClientStore for StaticClients {
    async fn find(&self, id: &ClientId, _now: Timestamp) -> Result<Option<Arc<Client>>, StoreError> {
        Ok(self.clients.get(id).cloned())
    }

    async fn allows_origin(&self, origin: &str, _now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.clients.values().any(|client| client.allowed_origins.iter().any(|own| own == origin)))
    }
}

/// Two client stores: what the first does not know the second may.
#[derive(Debug)]
pub struct ChainedClients<A, B>(pub A, pub B);

#[async_trait]
impl<A: ClientStore, B: ClientStore> ClientStore for ChainedClients<A, B> {
    async fn find(&self, id: &ClientId, now: Timestamp) -> Result<Option<Arc<Client>>, StoreError> {
        match self.0.find(id, now).await? {
            Some(client) => Ok(Some(client)),
            None => self.1.find(id, now).await,
        }
    }

    async fn allows_origin(&self, origin: &str, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.0.allows_origin(origin, now).await? || self.1.allows_origin(origin, now).await?)
    }
}
