//! Who a request comes from: what a resource server learns from a live token.

use std::sync::Arc;

use grantor_core::{ClientId, Scopes, TokenInfo};
use serde_json::{Map, Value};

/// A request that the guard let pass: the client, the user, the scopes, the data. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Access(Arc<TokenInfo>);

impl Access {
    /// The access that these facts give.
    pub fn of(info: TokenInfo) -> Self {
        Self(Arc::new(info))
    }

    /// The client that sent the request.
    pub fn client_id(&self) -> &ClientId {
        &self.0.client_id
    }

    /// The user who allowed it; `None` where the client acts for itself.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// What the token may be used for.
    pub fn scopes(&self) -> &Scopes {
        &self.0.scopes
    }

    /// Whether the token has this scope, for what depends on more than the route.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.0.scopes.contains(scope)
    }

    /// What the site adapter wanted resource servers to know.
    pub fn data(&self) -> &Map<String, Value> {
        &self.0.data
    }

    /// All facts about the token.
    pub fn info(&self) -> &TokenInfo {
        &self.0
    }
}
