//! The resource owner password grant (RFC 6749 §4.3).

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::client_auth::Authenticated;
use crate::config::{Lifetime, LifetimeOverrides};
use crate::ctx::Ctx;
use crate::error::{BoxError, Error};
use crate::event;
use crate::grant_type::{GrantType, Issuance, NewGrant, TokenRequest};
use crate::policy::ScopePolicy;
use crate::site::Approval;
use crate::types::{GrantTypeName, Secret};

/// Checks the user's name and password.
///
/// A wrong name must take as long as a wrong password: hash in both cases.
#[async_trait]
pub trait PasswordVerifier: fmt::Debug + Send + Sync + 'static {
    /// The approval of the user whose password it is; `None` where name or password are wrong.
    ///
    /// # Errors
    /// Anything that keeps it from telling; the client gets 503.
    async fn verify(
        &self,
        ctx: &Ctx<'_>,
        username: &str,
        password: &Secret,
    ) -> Result<Option<Approval>, BoxError>;
}

/// The resource owner password grant.
#[derive(Debug, Clone)]
pub struct Password {
    verifier: Arc<dyn PasswordVerifier>,
    lifetimes: LifetimeOverrides,
    scopes: Option<Arc<dyn ScopePolicy>>,
    unique_tokens: bool,
}

impl Password {
    /// The grant with the provider's lifetimes and scopes.
    pub fn new(verifier: impl PasswordVerifier) -> Self {
        Self {
            verifier: Arc::new(verifier),
            lifetimes: LifetimeOverrides::default(),
            scopes: None,
            unique_tokens: false,
        }
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
impl GrantType for Password {
    fn grant_type(&self) -> GrantTypeName {
        GrantTypeName::PASSWORD
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

    /// > the authorization server MUST protect the endpoint against brute force attacks (RFC 6749 §4.3.2)
    async fn decide(
        &self,
        ctx: &Ctx<'_>,
        client: &Authenticated,
        request: &TokenRequest<'_>,
    ) -> Result<Issuance, Error> {
        let username = request.required("username")?;
        let password = Secret::from(request.required("password")?);
        let scopes = ctx.scopes(request.get("scope"), client.client(), &self.grant_type())?;
        let attempts = &ctx.parts.attempts;
        // The verifier may take several spellings of a name for one user; so does the limit.
        let name = username.trim().to_lowercase();
        let attempt = attempts.begin("password", &name, ctx.peer(), ctx.now()).map_err(Error::too_many)?;
        let approval = match self.verifier.verify(ctx, username, &password).await {
            Ok(approval) => approval,
            Err(error) => {
                attempt.take_back();
                return Err(Error::unavailable("password_verifier_failed").with_source(error));
            }
        };
        let Some(approval) = approval else {
            event::attempt_failed("password", username, ctx.peer(), "password_wrong");
            return Err(
                Error::invalid_grant("The user name or the password is wrong.").because("password_wrong")
            );
        };
        attempts.succeeded("password", &name, ctx.peer());
        let scopes =
            approval.scopes.clone().map_or(scopes.clone(), |allowed| scopes.only(|s| allowed.contains(s)));
        Ok(Issuance::new_grant(NewGrant::approved(approval).scopes(scopes).refreshable()))
    }
}
