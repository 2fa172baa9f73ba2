//! `refresh_token` (RFC 6749 §6, RFC 9700 §4.14.2). Registering it is the switch: without it no grant gives refresh tokens.

use std::time::Duration;

use async_trait::async_trait;

use super::{GrantType, Issuance, Kind, RefreshPolicy, RefreshRequest, TokenRequest};
use crate::client_auth::Authenticated;
use crate::config::{Lifetime, LifetimeOverrides};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::token::credential::TokenKind;
use crate::token::pointer;
use crate::types::{GrantTypeName, Scopes};

/// The refresh token grant: rotation on, with a window of 10 seconds for retries.
#[derive(Debug, Clone)]
pub struct RefreshToken {
    policy: RefreshPolicy,
}

impl Default for RefreshToken {
    fn default() -> Self {
        Self {
            policy: RefreshPolicy {
                rotate: true,
                retry_window: Duration::from_secs(10),
                lifetimes: LifetimeOverrides::default(),
            },
        }
    }
}

impl RefreshToken {
    /// The grant with its defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether each use gives the next token. Off only where tokens are bound to their sender by other means.
    #[must_use]
    pub fn rotate(mut self, rotate: bool) -> Self {
        self.policy.rotate = rotate;
        self
    }

    /// How long the previous token gives the same successor again; zero switches it off.
    #[must_use]
    pub fn retry_window(mut self, window: Duration) -> Self {
        self.policy.retry_window = window;
        self
    }

    /// How long a refresh token may lie unused.
    #[must_use]
    pub fn idle_lifetime(mut self, lifetime: impl Into<Lifetime>) -> Self {
        self.policy.lifetimes.refresh_token_idle = Some(lifetime.into());
        self
    }

    /// How long refreshing can go on in all.
    #[must_use]
    pub fn absolute_lifetime(mut self, lifetime: impl Into<Lifetime>) -> Self {
        self.policy.lifetimes.refresh_token = Some(lifetime.into());
        self
    }
}

#[async_trait]
impl GrantType for RefreshToken {
    fn grant_type(&self) -> GrantTypeName {
        GrantTypeName::REFRESH_TOKEN
    }

    fn refresh(&self) -> Option<RefreshPolicy> {
        Some(self.policy)
    }

    async fn decide(
        &self,
        ctx: &Ctx<'_>,
        _client: &Authenticated,
        request: &TokenRequest<'_>,
    ) -> Result<Issuance, Error> {
        let token = request.required("refresh_token")?;
        let scopes = request.get("scope").map(Scopes::parse).transpose()?;
        let found =
            pointer::find(ctx, token).await?.filter(|(presented, _)| presented.kind == TokenKind::Refresh);
        let (presented, loaded) = found.ok_or_else(|| {
            Error::invalid_grant(
                "The refresh token is unknown, expired, revoked, or was issued to another client.",
            )
            .because("refresh_unknown")
        })?;
        Ok(Issuance(Kind::Refresh(Box::new(RefreshRequest { loaded, presented, scopes }))))
    }
}
