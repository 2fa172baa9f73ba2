//! What the provider allows: PKCE, ports, scopes. The defaults are those of RFC 9700.

use std::fmt;

use crate::client::Client;
use crate::error::Error;
use crate::types::{GrantTypeName, Scopes};

/// Rules for all clients; some can be set per client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// PKCE with S256 is required of every client (RFC 9700 §2.1.1): on.
    pub require_pkce: bool,
    /// The port of a native client's `http://localhost` redirect URI is free too (RFC 8252 §8.3 advises against): off.
    pub free_localhost_port: bool,
    /// A rotation of the refresh token ends the access tokens from before: off.
    pub end_old_access_tokens: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { require_pkce: true, free_localhost_port: false, end_old_access_tokens: false }
    }
}

/// Decides which scopes a request gets. One's own rule is one implementation.
pub trait ScopePolicy: fmt::Debug + Send + Sync + 'static {
    /// The scopes for a request that asked for `asked` (`None`: it asked for nothing).
    ///
    /// # Errors
    /// `invalid_scope` where the request must be refused. Nothing unconfigured may ever be granted.
    fn scopes(
        &self,
        asked: Option<&Scopes>,
        client: &Client,
        grant_type: &GrantTypeName,
    ) -> Result<Scopes, Error>;

    /// The scopes to announce (RFC 8414 `scopes_supported`); none where they cannot be listed.
    fn announced(&self) -> Scopes {
        Scopes::empty()
    }
}

/// A fixed set of scopes, and those that a request gets which asks for nothing.
#[derive(Debug, Clone, Default)]
pub struct ScopeSet {
    available: Scopes,
    default: Option<Scopes>,
}

impl ScopeSet {
    /// These scopes, without a default: a request must say what it wants.
    pub fn new(available: Scopes) -> Self {
        Self { available, default: None }
    }

    /// The scopes of a request that asks for nothing.
    #[must_use]
    pub fn with_default(mut self, default: Scopes) -> Self {
        self.default = Some(default);
        self
    }
}

impl ScopePolicy for ScopeSet {
    fn scopes(
        &self,
        asked: Option<&Scopes>,
        client: &Client,
        _grant_type: &GrantTypeName,
    ) -> Result<Scopes, Error> {
        let allowed = |scope: &str| {
            self.available.contains(scope) && client.scope.as_ref().is_none_or(|own| own.contains(scope))
        };
        match asked {
            Some(asked) => match asked.iter().find(|scope| !allowed(scope)) {
                None => Ok(asked.clone()),
                Some(scope) => {
                    Err(Error::invalid_scope(format!("The scope {scope} is not available to this client."))
                        .because("scope_not_available"))
                }
            },
            None => {
                let default = client.default_scope.as_ref().or(self.default.as_ref());
                let default = default.map(|default| default.only(allowed)).unwrap_or_default();
                if default.is_empty() && !self.available.is_empty() {
                    return Err(Error::invalid_scope("The request must name a scope: there is no default.")
                        .because("scope_missing"));
                }
                Ok(default)
            }
        }
    }

    fn announced(&self) -> Scopes {
        self.available.clone()
    }
}
