//! The answer of the token endpoint (RFC 6749 §5.1).

use serde::Serialize;
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::grant::Tokens;
use crate::types::Scopes;

/// A successful token answer (RFC 6749 §5.1).
#[derive(Serialize)]
pub(crate) struct TokenResponse {
    #[serde(serialize_with = "secret")]
    pub(crate) access_token: Zeroizing<String>,
    pub(crate) token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "opt_secret")]
    pub(crate) refresh_token: Option<Zeroizing<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<Scopes>,
}

fn secret<S: serde::Serializer>(text: &Zeroizing<String>, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(text)
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn opt_secret<S: serde::Serializer>(text: &Option<Zeroizing<String>>, out: S) -> Result<S::Ok, S::Error> {
    match text {
        Some(text) => out.serialize_str(text),
        None => out.serialize_none(),
    }
}

impl TokenResponse {
    pub(super) fn new(now: Timestamp, tokens: Tokens, expires_at: Timestamp, scopes: &Scopes) -> Self {
        Self {
            access_token: tokens.access.text,
            token_type: "Bearer",
            expires_in: (!expires_at.is_never()).then(|| expires_at.since(now).as_secs()),
            refresh_token: tokens.refresh.map(|refresh| refresh.text),
            scope: (!scopes.is_empty()).then(|| scopes.clone()),
        }
    }
}
