//! The implicit grant (RFC 6749 §4.2): an access token in the answer of the authorization endpoint, for at most a day.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::client_auth::Authenticated;
use crate::config::{Lifetime, LifetimeOverrides};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::grant_type::{Front, GrantType, Issuance, TokenRequest};
use crate::policy::ScopePolicy;
use crate::types::{ErrorCode, GrantTypeName};

/// The longest life of an implicit token.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The implicit grant.
#[derive(Debug, Clone, Default)]
pub struct Implicit {
    access_token: Option<Duration>,
    scopes: Option<Arc<dyn ScopePolicy>>,
    unique_tokens: bool,
}

impl Implicit {
    /// The grant with the provider's lifetimes and scopes.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long its access tokens live; never more than a day.
    #[must_use]
    pub fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.access_token = Some(lifetime.min(A_DAY));
        self
    }

    /// Equal requests get the token that is still alive.
    #[must_use]
    pub fn unique_tokens(mut self) -> Self {
        self.unique_tokens = true;
        self
    }

    /// Its own rule for scopes.
    #[must_use]
    pub fn scopes(mut self, policy: impl ScopePolicy) -> Self {
        self.scopes = Some(Arc::new(policy));
        self
    }
}

#[async_trait]
impl GrantType for Implicit {
    fn grant_type(&self) -> GrantTypeName {
        GrantTypeName::IMPLICIT
    }

    fn front(&self) -> Front {
        Front::Token
    }

    fn unique_tokens(&self) -> bool {
        self.unique_tokens
    }

    fn scopes(&self) -> Option<&dyn ScopePolicy> {
        self.scopes.as_deref()
    }

    fn lifetimes(&self) -> LifetimeOverrides {
        LifetimeOverrides {
            access_token: self.access_token.map(Lifetime::For),
            ..LifetimeOverrides::default()
        }
    }

    async fn decide(
        &self,
        _ctx: &Ctx<'_>,
        _client: &Authenticated,
        _request: &TokenRequest<'_>,
    ) -> Result<Issuance, Error> {
        Err(Error::new(
            ErrorCode::UnsupportedGrantType,
            "The implicit grant has no token request; it begins at the authorization endpoint (RFC 6749 section 4.2).",
        ))
    }
}
