//! Lifetimes, limits and paths: what an operator sets, with defaults that are safe.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// How long something lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// That long.
    For(Duration),
    /// For ever. Possible only by naming it, and warned about when the provider is built.
    Never,
}

impl Lifetime {
    /// A lifetime of that many seconds.
    pub const fn secs(secs: u64) -> Self {
        Self::For(Duration::from_secs(secs))
    }

    /// The end of something that starts now.
    pub fn end(self, now: Timestamp) -> Timestamp {
        match self {
            Self::For(duration) => now.after(duration),
            Self::Never => Timestamp::NEVER,
        }
    }
}

impl From<Duration> for Lifetime {
    fn from(duration: Duration) -> Self {
        Self::For(duration)
    }
}

/// Lifetimes of the provider; grant types and clients may override each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Of an authorization code: 60 s by default.
    pub code: Duration,
    /// Of an access token: 10 minutes by default.
    pub access_token: Lifetime,
    /// How long a refresh token may lie unused: 14 days by default.
    pub refresh_token_idle: Lifetime,
    /// How long refreshing can go on in all: 30 days by default.
    pub refresh_token: Lifetime,
    /// How long an authorization request waits for the user, login included: 10 minutes by default.
    pub request: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self {
            code: Duration::from_secs(60),
            access_token: Lifetime::secs(10 * 60),
            refresh_token_idle: Lifetime::secs(14 * DAY),
            refresh_token: Lifetime::secs(30 * DAY),
            request: Duration::from_secs(10 * 60),
        }
    }
}

/// What a grant type or a client sets instead of the provider's lifetimes. In client metadata: seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LifetimeOverrides {
    /// Of a code.
    #[serde(default, with = "opt_secs", skip_serializing_if = "Option::is_none")]
    pub code: Option<Lifetime>,
    /// Of an access token.
    #[serde(default, with = "opt_secs", skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Lifetime>,
    /// Idle end of a refresh token.
    #[serde(default, with = "opt_secs", skip_serializing_if = "Option::is_none")]
    pub refresh_token_idle: Option<Lifetime>,
    /// Absolute end of a refresh token.
    #[serde(default, with = "opt_secs", skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Lifetime>,
}

impl Lifetimes {
    /// These lifetimes, where the overrides say nothing else.
    #[must_use]
    pub fn with(mut self, overrides: &LifetimeOverrides) -> Self {
        if let Some(Lifetime::For(code)) = overrides.code {
            self.code = code;
        }
        self.access_token = overrides.access_token.unwrap_or(self.access_token);
        self.refresh_token_idle = overrides.refresh_token_idle.unwrap_or(self.refresh_token_idle);
        self.refresh_token = overrides.refresh_token.unwrap_or(self.refresh_token);
        self
    }
}

/// A lifetime in metadata: a number of seconds, or the word `never`.
mod opt_secs {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize as _, Serializer};

    use super::Lifetime;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Text {
        Secs(u64),
        Word(String),
    }

    #[expect(clippy::ref_option, reason = "the signature that serde asks for")]
    pub(super) fn serialize<S: Serializer>(value: &Option<Lifetime>, out: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(Lifetime::For(duration)) => duration.as_secs().serialize(out),
            Some(Lifetime::Never) => "never".serialize(out),
            None => out.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Lifetime>, D::Error> {
        Ok(match Option::<Text>::deserialize(input)? {
            None => None,
            Some(Text::Secs(secs)) if secs > 0 => Some(Lifetime::secs(secs)),
            Some(Text::Word(word)) if word == "never" => Some(Lifetime::Never),
            Some(_) => {
                return Err(D::Error::custom("a lifetime is a number of seconds above 0, or \"never\""));
            }
        })
    }
}

/// Limits on what comes from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest request body, in bytes: 64 KiB.
    pub body_bytes: usize,
    /// The most parameters in a query or form: 64.
    pub parameters: usize,
    /// The longest value of a parameter, in bytes: 8 KiB.
    pub value_bytes: usize,
    /// The longest URI, in bytes: 16 KiB.
    pub uri_bytes: usize,
    /// Failed client authentications, and failed passwords of the password grant.
    pub attempts: AttemptLimit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 64 * 1024,
            parameters: 64,
            value_bytes: 8 * 1024,
            uri_bytes: 16 * 1024,
            attempts: AttemptLimit::default(),
        }
    }
}

/// How many attempts may fail before they must wait; counted per name and network address, in process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimit {
    /// So many failures are free; 0 switches the limit off.
    pub burst: u32,
    /// After them, one more is free each time this has passed.
    pub refill: Duration,
}

impl AttemptLimit {
    /// No limit.
    pub const OFF: Self = Self { burst: 0, refill: Duration::ZERO };
}

impl Default for AttemptLimit {
    fn default() -> Self {
        Self { burst: 100, refill: Duration::from_secs(6) }
    }
}

/// Where the endpoints are, below the issuer's own path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The authorization endpoint: `/authorize`.
    pub authorize: String,
    /// The token endpoint: `/token`.
    pub token: String,
    /// The revocation endpoint: `/revoke`.
    pub revoke: String,
    /// The introspection endpoint: `/introspect`.
    pub introspect: String,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            authorize: "/authorize".into(),
            token: "/token".into(),
            revoke: "/revoke".into(),
            introspect: "/introspect".into(),
        }
    }
}
