//! `client_credentials` (RFC 6749 §4.4): a token for the client itself, without a refresh token (§4.4.3).

use std::sync::Arc;

use async_trait::async_trait;

use super::{GrantType, Issuance, NewGrant, TokenRequest};
use crate::client_auth::Authenticated;
use crate::config::{Lifetime, LifetimeOverrides};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::policy::ScopePolicy;
use crate::types::{ErrorCode, GrantTypeName};

/// The client credentials grant.
#[derive(Debug, Clone, Default)]
pub struct ClientCredentials {
    lifetimes: LifetimeOverrides,
    scopes: Option<Arc<dyn ScopePolicy>>,
    unique_tokens: bool,
}

impl ClientCredentials {
    /// The grant with the provider's lifetimes and scopes.
    pub fn new() -> Self {
        Self::default()
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
impl GrantType for ClientCredentials {
    fn grant_type(&self) -> GrantTypeName {
        GrantTypeName::CLIENT_CREDENTIALS
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

    /// > The client credentials grant type MUST only be used by confidential clients (RFC 6749 §4.4)
    async fn decide(
        &self,
        ctx: &Ctx<'_>,
        client: &Authenticated,
        request: &TokenRequest<'_>,
    ) -> Result<Issuance, Error> {
        if !client.is_confidential() {
            return Err(Error::new(
                ErrorCode::UnauthorizedClient,
                "Only a client that authenticates may use client_credentials (RFC 6749 section 4.4).",
            ));
        }
        let scopes = ctx.scopes(request.get("scope"), client.client(), &self.grant_type())?;
        Ok(Issuance::new_grant(NewGrant::for_client().scopes(scopes)))
    }
}
