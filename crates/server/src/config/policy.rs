//! `[policy]`: what is allowed, for all clients.

use std::time::Duration;

use grantor::{GrantTypeName, Scopes};

use super::Config;
use super::setting::{Setting, setting};

/// What is allowed, for all clients.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// The grant types that the server offers.
    pub(crate) grant_types: Vec<GrantTypeName>,
    /// What a request gets that asks for no scope.
    pub(crate) default_scope: Scopes,
    /// What core goes by.
    pub(crate) rules: grantor::Policy,
    /// Whether each use of a refresh token gives the next one.
    pub(crate) rotate_refresh_tokens: bool,
    /// How long the previous refresh token gives the same successor again.
    pub(crate) refresh_retry_window: Duration,
    /// Whether equal requests share a token.
    pub(crate) unique_tokens: bool,
    /// Whether tokens work that were taken over from another server.
    pub(crate) imported_tokens: bool,
    /// How old the knowledge of introspection about disabled and not-before may be.
    pub(crate) standing_copies_for: Duration,
    /// How old the knowledge about clients of the store may be.
    pub(crate) client_copies_for: Duration,
}

/// All that the server can offer.
pub(crate) const GRANT_TYPES: [GrantTypeName; 5] = [
    GrantTypeName::AUTHORIZATION_CODE,
    GrantTypeName::REFRESH_TOKEN,
    GrantTypeName::CLIENT_CREDENTIALS,
    GrantTypeName::PASSWORD,
    GrantTypeName::IMPLICIT,
];

impl Default for Policy {
    fn default() -> Self {
        Self {
            grant_types: GRANT_TYPES.into_iter().take(3).collect(),
            default_scope: Scopes::empty(),
            rules: grantor::Policy::default(),
            rotate_refresh_tokens: true,
            refresh_retry_window: Duration::from_secs(10),
            unique_tokens: false,
            imported_tokens: false,
            standing_copies_for: Duration::from_secs(1),
            client_copies_for: Duration::from_secs(1),
        }
    }
}

fn known(names: &[GrantTypeName]) -> bool {
    !names.is_empty() && names.iter().all(|name| GRANT_TYPES.contains(name))
}

fn short(age: Duration) -> bool {
    age <= Duration::from_secs(60)
}

/// Its settings.
pub(super) const SETTINGS: &[Setting<Config>] = &[
    setting!(
        "policy",
        "grant_types",
        Vec<GrantTypeName>,
        policy.grant_types,
        "The grant types that the server offers. `password` and `implicit` only by naming them: RFC 9700 forbids them to new deployments, and the log warns",
        |names| known(names),
        "write some of authorization_code, refresh_token, client_credentials, password, implicit"
    ),
    setting!(
        "policy",
        "default_scope",
        Scopes,
        policy.default_scope,
        "What a request gets that asks for no scope. Without it such a request is refused where there are scopes"
    ),
    setting!(
        "policy",
        "require_pkce",
        bool,
        policy.rules.require_pkce,
        "Every client needs PKCE with S256 (RFC 9700 section 2.1.1); a client can be set apart by its own `require_pkce`"
    ),
    setting!(
        "policy",
        "rotate_refresh_tokens",
        bool,
        policy.rotate_refresh_tokens,
        "Each use of a refresh token gives the next one, and a stolen one is found out (RFC 9700 section 4.14.2)"
    ),
    setting!(
        "policy",
        "refresh_retry_window",
        Duration,
        policy.refresh_retry_window,
        "How long the previous refresh token gives the same successor again, for answers that got lost. `0s`: a second use always ends the grant",
        |window| *window <= Duration::from_secs(600),
        "it must be at most \"10m\""
    ),
    setting!(
        "policy",
        "end_old_access_tokens",
        bool,
        policy.rules.end_old_access_tokens,
        "A refresh ends the access tokens from before; otherwise they live until they expire"
    ),
    setting!(
        "policy",
        "free_localhost_port",
        bool,
        policy.rules.free_localhost_port,
        "The port of a native client's `http://localhost` redirect URI is free, as it is for 127.0.0.1 and [::1] in any case (RFC 8252 section 8.3 advises against)"
    ),
    setting!(
        "policy",
        "unique_tokens",
        bool,
        policy.unique_tokens,
        "Equal requests (client, user, grant type, scopes) get the token that is still alive"
    ),
    setting!(
        "policy",
        "imported_tokens",
        bool,
        policy.imported_tokens,
        "Tokens work that `grantor import` took over from another server. It costs a look-up for each string that is no token of grantor's own; switch it off when the last of them has ended"
    ),
    setting!(
        "policy",
        "standing_copies_for",
        Duration,
        policy.standing_copies_for,
        "How old the knowledge of introspection about disabled and not-before may be; `0s` is always fresh. Issuing is always fresh",
        |age| short(*age),
        "it must be at most \"1m\""
    ),
    setting!(
        "policy",
        "client_copies_for",
        Duration,
        policy.client_copies_for,
        "How long a change of a client in the store may go unnoticed; `0s` reads the store for each request",
        |age| short(*age),
        "it must be at most \"1m\""
    ),
];
