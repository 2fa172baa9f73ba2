//! `[lifetimes]`: how long everything lives.

use std::time::Duration;

use grantor::Lifetime;

use super::Config;
use super::setting::{Setting, setting};

/// How long everything lives.
#[derive(Debug, Clone)]
pub(crate) struct Lifetimes {
    /// What core goes by.
    pub(crate) tokens: grantor::Lifetimes,
    /// How long a login session may lie unused.
    pub(crate) session_idle: Duration,
    /// How long a login session lasts in all.
    pub(crate) session: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const HOUR: u64 = 60 * 60;
        Self {
            tokens: grantor::Lifetimes::default(),
            session_idle: Duration::from_secs(8 * HOUR),
            session: Duration::from_secs(24 * HOUR),
        }
    }
}

const MORE: &str = "it must be longer than 0";

fn lasts(lifetime: Lifetime) -> bool {
    !matches!(lifetime, Lifetime::For(Duration::ZERO))
}

/// Its settings.
pub(super) const SETTINGS: &[Setting<Config>] = &[
    setting!(
        "lifetimes",
        "code",
        Duration,
        lifetimes.tokens.code,
        "An authorization code, from consent to its exchange (RFC 6749 section 4.1.2: at most 10 minutes)",
        |value| !value.is_zero() && *value <= Duration::from_secs(600),
        "it must be longer than 0 and at most \"10m\""
    ),
    setting!(
        "lifetimes",
        "access_token",
        Lifetime,
        lifetimes.tokens.access_token,
        "An access token. `never` is possible and warned about",
        |lifetime| lasts(*lifetime),
        MORE
    ),
    setting!(
        "lifetimes",
        "refresh_token_idle",
        Lifetime,
        lifetimes.tokens.refresh_token_idle,
        "How long a refresh token may lie unused",
        |lifetime| lasts(*lifetime),
        MORE
    ),
    setting!(
        "lifetimes",
        "refresh_token",
        Lifetime,
        lifetimes.tokens.refresh_token,
        "How long refreshing can go on in all, then the user logs in again",
        |lifetime| lasts(*lifetime),
        MORE
    ),
    setting!(
        "lifetimes",
        "request",
        Duration,
        lifetimes.tokens.request,
        "How long an authorization request waits for the user, login and consent included",
        |value| !value.is_zero(),
        MORE
    ),
    setting!(
        "lifetimes",
        "session_idle",
        Duration,
        lifetimes.session_idle,
        "How long a login in a browser may lie unused",
        |value| !value.is_zero(),
        MORE
    ),
    setting!(
        "lifetimes",
        "session",
        Duration,
        lifetimes.session,
        "How long a login in a browser lasts in all",
        |value| !value.is_zero(),
        MORE
    ),
];
