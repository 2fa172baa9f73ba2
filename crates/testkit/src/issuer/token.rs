//! Tokens without a flow: a provider for one token, over the store of the issuer, whose grant type gives what is described
//! (RFC 6749 §5.1). So a minted token is written as every other.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use grantor_core::store::Store;
use grantor_core::{
    AuthMethod, Authenticated, BoxError, Client, Ctx, GrantType, GrantTypeName, Issuance, Lifetime,
    LifetimeOverrides, NewGrant, Provider, Scopes, StaticClients, Timestamp, TokenRequest,
};
use http::{Method, Request, header};

use crate::clock::SetClock;

/// A token to be [minted](super::TestIssuer::mint): for this client, of nobody, without scopes and data, for ten minutes, unless
/// more is said.
#[derive(Debug, Clone)]
#[must_use]
pub struct TestToken {
    client_id: String,
    subject: Option<String>,
    scope: String,
    data: serde_json::Map<String, serde_json::Value>,
    lifetime: Duration,
    expired: bool,
    revoked: bool,
}

pub(super) struct Minted {
    pub(super) text: String,
    pub(super) client: Client,
    pub(super) revoked: bool,
}

impl TestToken {
    /// Of this client.
    pub fn of(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            subject: None,
            scope: String::new(),
            data: serde_json::Map::new(),
            lifetime: Duration::from_secs(600),
            expired: false,
            revoked: false,
        }
    }

    /// A user allowed it.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// With these scopes, separated by spaces.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// With data for the API, as a site adapter gives it.
    pub fn data(mut self, data: serde_json::Map<String, serde_json::Value>) -> Self {
        self.data = data;
        self
    }

    /// It lives so long.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// It has just come to its end.
    pub fn expired(mut self) -> Self {
        self.expired = true;
        self
    }

    /// It was revoked.
    pub fn revoked(mut self) -> Self {
        self.revoked = true;
        self
    }

    pub(super) async fn mint(
        self,
        issuer: &str,
        store: &Arc<dyn Store>,
        now: Timestamp,
    ) -> Result<Minted, BoxError> {
        // A secret that only this provider knows; it has the client for this one request.
        let secret = "minted-without-a-flow";
        let mint = Mint::of(&self)?;
        let client = Client::builder(&self.client_id)
            .redirect_uri("http://127.0.0.1/callback")
            .grant_types([mint.grant_type()]);
        let registered = client.clone().auth_method(AuthMethod::from_static("none-of-the-testkit"));
        let client = client.secret(secret).auth_method(AuthMethod::CLIENT_SECRET_POST).build()?;
        let born = if self.expired { now.before(self.lifetime) } else { now };
        let form: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", mint.grant_type().as_str())
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", secret)
            .finish();
        let provider = Provider::builder(issuer)
            .shared_store(store.clone())
            .clients(StaticClients::new([client]))
            .clock(SetClock::at(born))
            .grant(mint)
            .build()?;
        let request = Request::builder()
            .method(Method::POST)
            .uri("/token")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(form))?;
        let answer = provider.handle(request).await;
        let body: serde_json::Value = serde_json::from_slice(answer.body())?;
        let Some(text) = body.get("access_token").and_then(serde_json::Value::as_str) else {
            return Err(format!("no token for {self:?}: {body}").into());
        };
        Ok(Minted { text: text.to_owned(), client: registered.build()?, revoked: self.revoked })
    }
}

/// Gives what is described.
#[derive(Debug)]
struct Mint {
    grant: NewGrant,
    kind: GrantTypeName,
    lifetime: Duration,
}

impl Mint {
    fn of(token: &TestToken) -> Result<Self, BoxError> {
        let (grant, kind) = match &token.subject {
            Some(subject) => (NewGrant::for_subject(subject), GrantTypeName::AUTHORIZATION_CODE),
            None => (NewGrant::for_client(), GrantTypeName::CLIENT_CREDENTIALS),
        };
        let scopes = if token.scope.is_empty() { Scopes::empty() } else { Scopes::parse(&token.scope)? };
        let mut grant = grant.scopes(scopes);
        if !token.data.is_empty() {
            grant = grant.data(token.data.clone());
        }
        Ok(Self { grant, kind, lifetime: token.lifetime })
    }
}

#[async_trait]
impl GrantType for Mint {
    fn grant_type(&self) -> GrantTypeName {
        self.kind.clone()
    }

    fn lifetimes(&self) -> LifetimeOverrides {
        LifetimeOverrides { access_token: Some(Lifetime::For(self.lifetime)), ..Default::default() }
    }

    async fn decide(
        &self,
        _ctx: &Ctx<'_>,
        _client: &Authenticated,
        _request: &TokenRequest<'_>,
    ) -> Result<Issuance, grantor_core::Error> {
        Ok(Issuance::new_grant(self.grant.clone()))
    }
}
