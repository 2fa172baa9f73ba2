//! `authorization_code` (RFC 6749 §4.1.3, RFC 7636 §4.5).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Front, GrantType, Issuance, Kind, Redeem, TokenRequest};
use crate::client_auth::Authenticated;
use crate::config::{Lifetime, LifetimeOverrides};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::policy::ScopePolicy;
use crate::token::credential::TokenKind;
use crate::token::pointer;
use crate::types::{GrantTypeName, Secret};

/// The authorization code grant.
#[derive(Debug, Clone, Default)]
pub struct AuthorizationCode {
    lifetimes: LifetimeOverrides,
    scopes: Option<Arc<dyn ScopePolicy>>,
    unique_tokens: bool,
}

impl AuthorizationCode {
    /// The grant with the provider's lifetimes and scopes.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a code lives.
    #[must_use]
    pub fn code_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetimes.code = Some(Lifetime::For(lifetime));
        self
    }

    /// How long its access tokens live.
    #[must_use]
    pub fn access_token_lifetime(mut self, lifetime: impl Into<Lifetime>) -> Self {
        self.lifetimes.access_token = Some(lifetime.into());
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
impl GrantType for AuthorizationCode {
    fn grant_type(&self) -> GrantTypeName {
        GrantTypeName::AUTHORIZATION_CODE
    }

    fn front(&self) -> Front {
        Front::Code
    }

    fn unique_tokens(&self) -> bool {
        self.unique_tokens
    }

    fn scopes(&self) -> Option<&dyn ScopePolicy> {
        self.scopes.as_deref()
    }

    fn lifetimes(&self) -> LifetimeOverrides {
        self.lifetimes
    }

    async fn decide(
        &self,
        ctx: &Ctx<'_>,
        _client: &Authenticated,
        request: &TokenRequest<'_>,
    ) -> Result<Issuance, Error> {
        let code = request.required("code")?;
        let found =
            pointer::find(ctx, code).await?.filter(|(presented, _)| presented.kind == TokenKind::Code);
        let (presented, loaded) = found.ok_or_else(|| {
            Error::invalid_grant(
                "The code is unknown, expired, already used, or was issued to another client.",
            )
            .because("code_unknown")
        })?;
        Ok(Issuance(Kind::Redeem(Box::new(Redeem {
            loaded,
            presented,
            redirect_uri: request.get("redirect_uri").map(str::to_owned),
            verifier: request.get("code_verifier").map(Secret::from),
        }))))
    }
}
